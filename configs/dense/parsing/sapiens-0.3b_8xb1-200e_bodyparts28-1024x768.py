_base_ = [
    '../../_base_/default_runtime.py',
    '../../_base_/models/sapiens_parsing.py',
    '../../_base_/schedules/dense_200e.py',
    '../../_base_/datasets/bodyparts28.py',
]

default_scope = 'mmseg'
# Width, height and height, width of the input in pixels.
size_wh, size_hw = (768, 1024), (1024, 768)

model = dict(decode_head=dict(num_classes=28, loss_decode=dict(class_weight=_base_.class_weight)))

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(type='mmsapiens.RandomBackground', folder='data/backgrounds/', prob=0.8),
    dict(
        type='RandomResize',
        scale=size_wh,
        ratio_range=(0.2, 2.0),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='mmsapiens.RandomCropFields', crop_size=size_hw, cat_max_ratio=0.75),
    dict(type='mmsapiens.ResizeFields', scale=size_wh, keep_ratio=False),
    dict(type='mmsapiens.RandomRotateFields', prob=0.5, degree=45, fill=dict(seg_map=0)),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
    dict(type='mmsapiens.TableDistortion'),
    dict(type='mmsapiens.PackDenseInputs', compact=True),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader

auto_scale_lr = dict(base_batch_size=8)
custom_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.DenseDataCheckHook'),
]
default_hooks = dict(
    checkpoint=dict(save_best='mIoU', rule='greater'),
    visualization=dict(type='mmsapiens.DensePanelHook', interval=100),
)
