# Small pictures and patches: as many tokens as at 256x192 with patches of 16,
# on a quarter of the pixels. For the CPU of anyone; `projects/demo` fills in
# the data and the number of epochs.
_base_ = (
    '../../../configs/dense/parsing/'
    'sapiens-tiny_2xb4-300e_bodyparts28-256x192.py'
)

size_wh, size_hw = (96, 128), (128, 96)

model = dict(
    data_preprocessor=dict(size=size_hw),
    backbone=dict(img_size=size_hw, patch_size=8, patch_padding='corner'),
    decode_head=dict(
        deconv_out_channels=(96, 64),
        conv_out_channels=(64,),
        dropout_ratio=0.0,
    ),
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(
        type='RandomResize',
        scale=size_wh,
        ratio_range=(1.0, 1.2),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='mmsapiens.RandomCropFields', crop_size=size_hw),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='Resize', scale=size_wh, keep_ratio=False),
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(type='mmsapiens.PackDenseInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=size_wh, keep_ratio=False),
    dict(type='mmsapiens.PackDenseInputs'),
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=16)
custom_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.DenseDataCheckHook'),
    dict(type='mmsapiens.ProgressHook'),
]
default_hooks = dict(visualization=dict(draw=False))
