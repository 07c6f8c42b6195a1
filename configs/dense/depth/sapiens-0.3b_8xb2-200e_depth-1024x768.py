_base_ = [
    '../../_base_/default_runtime.py',
    '../../_base_/models/sapiens_dense.py',
    '../../_base_/schedules/dense_200e.py',
    '../../_base_/datasets/human_depth.py',
]

default_scope = 'mmseg'
# Width, height and height, width of the input in pixels.
size_wh, size_hw = (768, 1024), (1024, 768)

model = dict(
    decode_head=dict(
        type='mmsapiens.DepthHead', loss_decode=dict(type='mmsapiens.ScaleInvariantLogLoss')
    )
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    dict(
        type='RandomResize',
        scale=size_wh,
        ratio_range=(0.2, 2.0),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='mmsapiens.RandomCropFields', crop_size=size_hw),
    dict(type='mmsapiens.ResizeFields', scale=size_wh, keep_ratio=False),
    dict(type='mmsapiens.RandomRotateFields', prob=0.5, degree=60),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
    dict(type='mmsapiens.GenerateDepthTarget'),
    dict(type='mmsapiens.TableDistortion'),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='Resize', scale=size_wh, keep_ratio=False),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    dict(type='mmsapiens.PackDenseInputs', with_mask=True),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

custom_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.DenseDataCheckHook'),
]
default_hooks = dict(
    checkpoint=dict(save_best='depth/abs_rel', rule='less'),
    visualization=dict(type='mmsapiens.DensePanelHook', interval=100),
)
