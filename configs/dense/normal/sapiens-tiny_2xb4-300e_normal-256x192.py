# Small enough for a CPU: trained from scratch, with light augmentation. For demonstrations and
# tests; it has no released weights.
_base_ = ['../../_base_/tiny/dense_256x192.py', '../../_base_/datasets/human_normal.py']

model = dict(
    backbone=dict(patch_padding=2),
    decode_head=dict(
        type='mmsapiens.NormalHead',
        deconv_out_channels=(96, 96, 96),
        conv_out_channels=(96, 96),
        loss_decode=[dict(type='mmsapiens.NormalCosineLoss'), dict(type='mmsapiens.NormalL1Loss')],
    ),
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='normal_map'),
    *_base_.tiny_geometry,
    dict(type='mmsapiens.GenerateNormalTarget'),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.tiny_resize,
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='normal_map'),
    dict(type='mmsapiens.PackDenseInputs', with_mask=True),
]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline), **_base_.tiny_loader)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline), **_base_.tiny_loader)
test_dataloader = val_dataloader

default_hooks = dict(checkpoint=dict(save_best='normal/pixel/mean', rule='less'))
