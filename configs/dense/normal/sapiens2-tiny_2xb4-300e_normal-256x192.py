# Small enough for a CPU, trained from scratch, with light augmentation.
_base_ = './sapiens-tiny_2xb4-300e_normal-256x192.py'

model = dict(
    backbone=dict(
        _delete_=True, type='mmsapiens.Sapiens2ViT', arch='sapiens2_tiny', img_size=(256, 192)
    ),
    decode_head=dict(
        _delete_=True,
        type='mmsapiens.PixelShuffleNormalHead',
        in_channels=192,
        upsample_channels=(64, 32, 16, 16),
        conv_out_channels=(16, 16),
    ),
)
