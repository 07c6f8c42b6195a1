# Small enough for a CPU: 2.6 million parameters, trained from scratch, with light augmentation. For
# demonstrations and tests; it has no released weights.
_base_ = ['./sapiens-0.3b_8xb64-210e_coco-1024x768.py', '../../_base_/tiny/schedule_300e.py']

codec = dict(
    type='mmsapiens.BatchedUDPHeatmap',
    input_size=(192, 256),
    heatmap_size=(48, 64),
    sigma=2,
    encode_on_device=False,
)

model = dict(
    backbone=dict(arch='sapiens_tiny', img_size=(256, 192), init_cfg=None),
    head=dict(
        in_channels=192, deconv_out_channels=(96, 96), conv_out_channels=(96, 96), decoder=codec
    ),
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform', shift_factor=0.05, scale_factor=(0.85, 1.15), rotate_factor=10.0
    ),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=7, num_workers=0, persistent_workers=False, dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(
    batch_size=14, num_workers=0, persistent_workers=False, dataset=dict(pipeline=val_pipeline)
)
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=_base_.tiny_max_epochs, val_interval=100)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=0.05), paramwise_cfg=dict(layer_decay_rate=1.0)
)
param_scheduler = _base_.tiny_param_scheduler
auto_scale_lr = dict(base_batch_size=14)
default_hooks = dict(checkpoint=dict(interval=100, max_keep_ckpts=2))

randomness = dict(seed=0)
