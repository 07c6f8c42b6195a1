# What the tiny configs of parsing share; a config adds the data, the classes and their weights.
_base_ = './dense_256x192.py'

model = dict(
    decode_head=dict(
        type='mmsapiens.ParsingHead',
        deconv_out_channels=(96, 96, 96),
        conv_out_channels=(96, 96),
        loss_decode=dict(type='mmsapiens.AllPixelCrossEntropyLoss'),
    )
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    *_base_.tiny_geometry,
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.tiny_resize,
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(type='mmsapiens.PackDenseInputs'),
]

optim_wrapper = dict(optimizer=dict(lr=2e-3))
default_hooks = dict(checkpoint=dict(save_best='mIoU', rule='greater'))
