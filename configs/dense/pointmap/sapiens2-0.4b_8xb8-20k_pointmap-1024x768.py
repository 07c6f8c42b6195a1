_base_ = [
    '../../_base_/default_runtime_iters.py',
    '../../_base_/models/sapiens2_fitted.py',
    '../../_base_/schedules/sapiens2_linear.py',
    '../../_base_/datasets/human_pointmap.py',
]

default_scope = 'mmseg'

model = dict(
    decode_head=dict(
        type='mmsapiens.PointMapHead',
        upsample_channels=(1536, 768, 512, 256),
        conv_out_channels=(64, 32, 16),
    )
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    dict(type='mmsapiens.LoadCamera'),
    dict(type='mmsapiens.TableDistortion'),
    *_base_.random_geometry,
    dict(type='mmsapiens.GeneratePointTarget'),
    dict(type='mmsapiens.RejectSamples'),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.fit,
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    dict(type='mmsapiens.LoadCamera'),
    dict(type='mmsapiens.GeneratePointTarget'),
    dict(type='mmsapiens.PackDenseInputs', with_mask=True),
]
train_dataloader = dict(sampler=_base_.endless_sampler, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

max_iters = 20_000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.warm_up, dict(_base_.linear_decay, end=max_iters)]
auto_scale_lr = dict(enable=False, base_batch_size=64)
optim_wrapper = dict(dtype='float32')

custom_hooks = _base_.dense_hooks
default_hooks = dict(
    checkpoint=dict(save_best='pointmap/pixel/distance_cm', rule='less'),
    visualization=_base_.dense_panels,
)
