# Small enough for a CPU, trained from scratch, with light augmentation.
_base_ = ['../../_base_/tiny/sapiens2_256x192.py', '../../_base_/datasets/human_normal.py']

model = dict(decode_head=dict(type='mmsapiens.PixelShuffleNormalHead'))

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='normal_map'),
    *_base_.tiny_fitted_geometry,
    dict(type='mmsapiens.GenerateNormalTarget'),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.tiny_fit,
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='normal_map'),
    dict(type='mmsapiens.PackDenseInputs', with_mask=True),
]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline), **_base_.tiny_loader)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline), **_base_.tiny_loader)
test_dataloader = val_dataloader

default_hooks = dict(checkpoint=dict(save_best='normal/pixel/mean', rule='less'))
