_base_ = [
    '../../_base_/default_runtime_iters.py',
    '../../_base_/models/sapiens2_dense.py',
    '../../_base_/schedules/sapiens2_linear.py',
    '../../_base_/datasets/bodyparts29.py',
]

default_scope = 'mmseg'
# Width, height and height, width of the input in pixels.
size_wh, size_hw = (768, 1024), (1024, 768)

model = dict(
    decode_head=dict(
        type='mmsapiens.ParsingHead',
        num_classes=29,
        deconv_out_channels=(512, 256, 128, 64),
        conv_out_channels=(64, 64),
        dropout_ratio=0,
        loss_decode=[
            dict(type='mmsapiens.AllPixelCrossEntropyLoss', class_weight=_base_.class_weight),
            dict(type='mmsapiens.PresentClassDiceLoss'),
        ],
    ),
    test_cfg=dict(resize_once=True),
)

random_crop = dict(type='mmsapiens.RandomCropFields', crop_size=size_hw, cat_max_ratio=0.75)
train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(type='mmsapiens.RandomBackground', folder='data/backgrounds/', prob=0.8),
    dict(
        type='RandomResize',
        scale=size_wh,
        ratio_range=(0.4, 2.0),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='RandomApply', transforms=random_crop, prob=0.3),
    dict(type='mmsapiens.RandomDegradation', blur=0.3, noise=0.3),
    dict(type='mmsapiens.RandomRotateFields', prob=0.5, degree=60, fill=dict(seg_map=0)),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
    dict(type='mmsapiens.TableDistortion'),
    dict(type='mmsapiens.ResizeFields', scale=size_wh, keep_ratio=False),
    dict(type='mmsapiens.PackDenseInputs', compact=True),
]
stretch = dict(
    type='mmsapiens.ResizeFields', scale=size_wh, keep_ratio=False, shrink='area', enlarge='cubic'
)
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    stretch,
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(type='mmsapiens.PackDenseInputs'),
]
test_pipeline = [dict(type='LoadImageFromFile'), stretch, dict(type='mmsapiens.PackDenseInputs')]
train_dataloader = dict(sampler=_base_.endless_sampler, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

max_iters = 20_000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.warm_up, dict(_base_.linear_decay, end=max_iters)]
auto_scale_lr = dict(enable=False, base_batch_size=96)

custom_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.DenseDataCheckHook'),
]
default_hooks = dict(
    checkpoint=dict(save_best='mIoU', rule='greater'),
    visualization=dict(type='mmsapiens.DensePanelHook', interval=100),
)
