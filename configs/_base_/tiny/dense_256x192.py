# What the tiny configs of the dense tasks share; a config adds the data, the head and the pipelines
# that load targets.
_base_ = [
    '../default_runtime.py',
    '../models/sapiens_dense.py',
    '../schedules/dense_200e.py',
    './schedule_300e.py',
]

default_scope = 'mmseg'
tiny_size_wh, tiny_size_hw = (192, 256), (256, 192)

model = dict(
    data_preprocessor=dict(size=tiny_size_hw),
    backbone=dict(arch='sapiens_tiny', img_size=tiny_size_hw, init_cfg=None),
    decode_head=dict(in_channels=192),
)

# For the pipelines and loaders of a config, which takes them by name.
tiny_geometry = [
    dict(
        type='RandomResize',
        scale=tiny_size_wh,
        ratio_range=(0.9, 1.2),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='mmsapiens.RandomCropFields', crop_size=tiny_size_hw),
    dict(type='mmsapiens.ResizeFields', scale=tiny_size_wh, keep_ratio=False),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
]
tiny_resize = dict(type='Resize', scale=tiny_size_wh, keep_ratio=False)
tiny_loader = dict(num_workers=0, persistent_workers=False)

test_pipeline = [
    dict(type='LoadImageFromFile'),
    tiny_resize,
    dict(type='mmsapiens.PackDenseInputs'),
]

train_cfg = dict(max_epochs=_base_.tiny_max_epochs, val_interval=100)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=0.05), paramwise_cfg=dict(layer_decay_rate=1.0)
)
param_scheduler = _base_.tiny_param_scheduler
auto_scale_lr = dict(base_batch_size=8)
custom_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.DenseDataCheckHook'),
]
default_hooks = dict(
    checkpoint=dict(interval=100, max_keep_ckpts=2),
    visualization=dict(type='mmsapiens.DensePanelHook', interval=100),
)

randomness = dict(seed=0)
