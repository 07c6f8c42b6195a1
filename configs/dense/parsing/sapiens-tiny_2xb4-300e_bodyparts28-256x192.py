# Small enough for a CPU: trained from scratch, with light augmentation. For
# demonstrations and tests; it has no released weights.
_base_ = './sapiens-0.3b_8xb1-200e_bodyparts28-1024x768.py'

size_wh, size_hw = (192, 256), (256, 192)

# With the background at a tenth, as in the recipe, parts grow beyond their
# edges.
class_weight = [1.0, *_base_.class_weight[1:]]

model = dict(
    data_preprocessor=dict(size=size_hw),
    backbone=dict(arch='sapiens_tiny', img_size=size_hw, init_cfg=None),
    decode_head=dict(
        in_channels=192,
        deconv_out_channels=(96, 96, 96),
        conv_out_channels=(96, 96),
        loss_decode=dict(class_weight=class_weight),
    ),
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(
        type='RandomResize',
        scale=size_wh,
        ratio_range=(0.9, 1.2),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='mmsapiens.RandomCropFields', crop_size=size_hw),
    dict(type='mmsapiens.ResizeFields', scale=size_wh, keep_ratio=False),
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
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(pipeline=val_pipeline),
)
test_dataloader = val_dataloader

max_epochs = 300
train_cfg = dict(max_epochs=max_epochs, val_interval=100)
optim_wrapper = dict(
    optimizer=dict(lr=2e-3, weight_decay=0.05),
    paramwise_cfg=dict(layer_decay_rate=1.0),
)
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=20, start_factor=1e-2),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        eta_min=1e-5,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(checkpoint=dict(interval=100, max_keep_ckpts=2))

randomness = dict(seed=0)
