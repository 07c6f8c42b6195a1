# Small enough for a CPU: trained from scratch, with light augmentation. For demonstrations and
# tests; it has no released weights.
_base_ = ['../../_base_/tiny/dense_256x192.py', '../../_base_/datasets/human_depth.py']

model = dict(
    decode_head=dict(
        type='mmsapiens.DepthHead',
        deconv_out_channels=(96, 64, 32, 16),
        conv_out_channels=(16, 16),
        loss_decode=dict(type='mmsapiens.ScaleInvariantLogLoss'),
    )
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    *_base_.tiny_geometry,
    dict(type='mmsapiens.GenerateDepthTarget'),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.tiny_resize,
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    dict(type='mmsapiens.PackDenseInputs', with_mask=True),
]
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline), **_base_.tiny_loader)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline), **_base_.tiny_loader)
test_dataloader = val_dataloader

default_hooks = dict(checkpoint=dict(save_best='depth/abs_rel', rule='less'))
