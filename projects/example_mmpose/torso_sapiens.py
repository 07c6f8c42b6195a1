_base_ = 'mmpose::_base_/default_runtime.py'

imports = ['mmsapiens', 'torso_dataset']
backbone = dict(type='SapiensViT', arch='0.3b', img_size=(256, 192))
channels, num_deconvs = 1024, 2

custom_imports = dict(imports=imports, allow_failed_imports=False)
codec = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=backbone,
    head=dict(
        type='HeatmapHead',
        in_channels=channels,
        out_channels=4,
        deconv_out_channels=(256,) * num_deconvs,
        deconv_kernel_sizes=(4,) * num_deconvs,
        decoder=codec,
    ),
)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='TorsoDataset',
        data_root='data/torso/',
        ann_file='annotations.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    ),
)
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
held_out = 'annotations.json'  # better people that are not trained on
val_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='TorsoDataset',
        data_root='data/torso/',
        ann_file=held_out,
        data_prefix=dict(img='images/'),
        pipeline=val_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file=f'data/torso/{held_out}')
test_evaluator = val_evaluator
train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=10)
val_cfg = test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.1))
