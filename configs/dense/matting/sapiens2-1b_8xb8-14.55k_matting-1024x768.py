# Colors of the foreground come from the image, where opacity is 0 or nearly 1; with files of
# foregrounds, take the steps out that change the colors of the image.
_base_ = [
    '../../_base_/default_runtime_iters.py',
    '../../_base_/models/sapiens2_dense.py',
    '../../_base_/schedules/sapiens2_linear.py',
    '../../_base_/datasets/human_matting.py',
]

default_scope = 'mmseg'
# Width, height and height, width of the input in pixels.
size_wh, size_hw = (768, 1024), (1024, 768)

model = dict(
    backbone=_base_.encoder_1b,
    decode_head=dict(
        type='mmsapiens.MattingHead',
        in_channels=1536,
        upsample_channels=(768, 512, 256, 128),
        conv_out_channels=(64, 32, 16),
    ),
    test_cfg=dict(resize_once=True),
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.RandomDegradation', compress=0.3),
    dict(type='mmsapiens.TableDistortion'),
    dict(type='mmsapiens.LoadMatte'),
    dict(
        type='RandomResize',
        scale=size_wh,
        ratio_range=(0.4, 2.0),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='mmsapiens.RandomCropFields', crop_size=size_hw, prob=0.3),
    dict(type='mmsapiens.RandomRotateFields', prob=0.5, degree=60, img_fill=255),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
    dict(type='mmsapiens.ResizeFields', scale=size_wh, keep_ratio=False),
    dict(type='mmsapiens.PackDenseInputs'),
]
stretch = dict(
    type='mmsapiens.ResizeFields', scale=size_wh, keep_ratio=False, shrink='area', enlarge='linear'
)
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadMatte'),
    dict(type='Resize', scale=size_wh, keep_ratio=False),
    dict(type='mmsapiens.PackDenseInputs'),
]
test_pipeline = [dict(type='LoadImageFromFile'), stretch, dict(type='mmsapiens.PackDenseInputs')]
train_dataloader = dict(sampler=_base_.endless_sampler, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

max_iters = 14_550
optim_wrapper = _base_.rates_1b
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.warm_up, dict(_base_.linear_decay, end=max_iters)]
auto_scale_lr = dict(enable=False, base_batch_size=64)

custom_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.DenseDataCheckHook'),
]
default_hooks = dict(
    checkpoint=dict(save_best='matting/pixel/opacity_mae', rule='less'),
    visualization=dict(type='mmsapiens.DensePanelHook', interval=100),
)
