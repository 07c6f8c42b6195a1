_base_ = [
    '../../_base_/default_runtime_iters.py',
    '../../_base_/models/sapiens2_fitted.py',
    '../../_base_/schedules/sapiens2_linear.py',
    '../../_base_/datasets/human_albedo.py',
]

default_scope = 'mmseg'

model = dict(
    decode_head=dict(
        type='mmsapiens.AlbedoHead',
        upsample_channels=(768, 512, 256, 128),
        conv_out_channels=(64, 32, 16),
    )
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='albedo_map'),
    *_base_.random_geometry,
    dict(type='mmsapiens.GenerateAlbedoTarget'),
    dict(type='mmsapiens.RejectSamples'),
    dict(type='mmsapiens.RandomDegradation', noise=0.2),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.fit,
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='albedo_map'),
    dict(type='mmsapiens.PackDenseInputs', with_mask=True),
]
train_dataloader = dict(sampler=_base_.endless_sampler, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

max_iters = 20_000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.warm_up, dict(_base_.linear_decay, end=max_iters)]
auto_scale_lr = dict(enable=False, base_batch_size=160)

custom_hooks = _base_.dense_hooks
default_hooks = dict(
    checkpoint=dict(save_best='albedo/pixel/mae', rule='less'), visualization=_base_.dense_panels
)
