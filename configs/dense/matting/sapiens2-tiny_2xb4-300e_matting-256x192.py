# Small enough for a CPU, trained from scratch, with light augmentation.
_base_ = ['../../_base_/tiny/sapiens2_256x192.py', '../../_base_/datasets/human_matting.py']

model = dict(decode_head=dict(type='mmsapiens.MattingHead'))

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadMatte'),
    *_base_.tiny_fitted_geometry,
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.tiny_fit,
    dict(type='mmsapiens.LoadMatte'),
    dict(type='mmsapiens.PackDenseInputs'),
]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline), **_base_.tiny_loader)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline), **_base_.tiny_loader)
test_dataloader = val_dataloader

default_hooks = dict(checkpoint=dict(save_best='matting/pixel/opacity_mae', rule='less'))
