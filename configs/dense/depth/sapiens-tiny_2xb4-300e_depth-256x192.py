# Small enough for a CPU: trained from scratch, with light augmentation. For
# demonstrations and tests; it has no released weights.
_base_ = [
    './sapiens-0.3b_8xb2-200e_depth-1024x768.py',
    '../../_base_/tiny/dense_256x192.py',
]

model = dict(
    decode_head=dict(
        in_channels=192,
        deconv_out_channels=(96, 64, 32, 16),
        conv_out_channels=(16, 16),
    ),
    **_base_.tiny_model,
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    *_base_.tiny_geometry,
    dict(type='mmsapiens.GenerateDepthTarget'),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.tiny_resize,
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    dict(type='mmsapiens.PackDenseInputs', with_mask=True),
]
test_pipeline = _base_.tiny_test_pipeline
train_dataloader = dict(
    batch_size=4,
    dataset=dict(pipeline=train_pipeline),
    **_base_.tiny_loader,
)
val_dataloader = dict(
    dataset=dict(pipeline=val_pipeline), **_base_.tiny_loader
)
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=_base_.tiny_max_epochs, val_interval=100)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(layer_decay_rate=1.0),
)
param_scheduler = _base_.tiny_param_scheduler
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(checkpoint=dict(interval=100, max_keep_ckpts=2))

randomness = dict(seed=0)
