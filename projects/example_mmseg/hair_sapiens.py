_base_ = 'mmseg::_base_/default_runtime.py'

imports = ['mmsapiens']
backbone = dict(type='SapiensViT', arch='0.3b', img_size=(256, 192))
channels = 1024

custom_imports = dict(imports=imports, allow_failed_imports=False)
size = (256, 192)  # height, width
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=size,
        seg_pad_val=255,
    ),
    backbone=backbone,
    decode_head=dict(
        type='FCNHead',
        in_channels=channels,
        in_index=-1,
        channels=64,
        num_convs=1,
        num_classes=3,
        loss_decode=dict(type='CrossEntropyLoss'),
    ),
    test_cfg=dict(mode='whole'),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Resize', scale=size[::-1]),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=size[::-1]),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
dataset = dict(
    type='BaseSegDataset',
    data_root='data/hair/',
    data_prefix=dict(img_path='images/', seg_map_path='labels/'),
    metainfo=dict(
        classes=('background', 'hair', 'beard'), palette=[[0, 0, 0], [219, 68, 55], [66, 133, 244]]
    ),
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(pipeline=test_pipeline, **dataset),  # better images that are not trained on
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type='IoUMetric')
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2000, val_interval=2000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.1))
default_hooks = dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2000))
