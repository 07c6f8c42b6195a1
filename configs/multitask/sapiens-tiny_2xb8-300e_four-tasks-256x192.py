# Four heads on one tiny encoder, on the people that projects/synthetic_humans renders. Small enough
# for a CPU; it has no released weights. `combine_tasks` is a function of mmsapiens.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/schedules/dense_200e.py',
    '../_base_/tiny/schedule_300e.py',
]
from mmsapiens.engine.multi_task import combine_tasks

data_root = 'data/humans/'  # As the renderer writes it
parts = combine_tasks(
    {
        'pose-308': '../pose/goliath308/sapiens-tiny_2xb7-300e_goliath308-256x192.py',
        'seg-28': '../dense/parsing/sapiens-tiny_2xb4-300e_bodyparts28-256x192.py',
        'depth': '../dense/depth/sapiens-tiny_2xb4-300e_depth-256x192.py',
        'normal': '../dense/normal/sapiens-tiny_2xb4-300e_normal-256x192.py',
    },
    '{{ fileDirname }}',
    data_root=data_root,
    batch_size=8,
)
default_scope = 'mmengine'
model = parts.pop('model')
train_dataloader = parts.pop('train_dataloader')
val_dataloader, test_dataloader = parts.pop('val_dataloader'), parts.pop('test_dataloader')
val_evaluator, test_evaluator = parts.pop('val_evaluator'), parts.pop('test_evaluator')
val_cfg, test_cfg = parts.pop('val_cfg'), parts.pop('test_cfg')
for task in ('seg-28', 'depth', 'normal'):
    train_dataloader['dataset']['datasets'][task].update(split='', ann_file='splits/train.txt')
    for loaders in (val_dataloader, test_dataloader):
        loaders[task]['dataset'].update(split='', ann_file='splits/val.txt')
find_unused_parameters = parts.pop('find_unused_parameters')

train_cfg = dict(max_epochs=_base_.tiny_max_epochs, val_interval=100)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=0.05), paramwise_cfg=dict(layer_decay_rate=1.0)
)
param_scheduler = _base_.tiny_param_scheduler
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(checkpoint=dict(interval=100, max_keep_ckpts=2))
randomness = dict(seed=0)
