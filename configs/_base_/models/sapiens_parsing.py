# What the parsing configs share; a config adds the classes, their weights, the patch padding and
# the training pipeline.
_base_ = './sapiens_dense.py'

model = dict(
    decode_head=dict(
        type='mmsapiens.ParsingHead', loss_decode=dict(type='mmsapiens.AllPixelCrossEntropyLoss')
    )
)

val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='Resize', scale=(768, 1024), keep_ratio=False),
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(type='mmsapiens.PackDenseInputs'),
]
