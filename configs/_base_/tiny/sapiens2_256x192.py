# What the tiny configs of the maps of Sapiens2 share; a config adds the data, the head and the
# pipelines that load targets.
_base_ = './dense_256x192.py'

model = dict(
    backbone=dict(
        _delete_=True, type='mmsapiens.Sapiens2ViT', arch='sapiens2_tiny', img_size=(256, 192)
    ),
    decode_head=dict(upsample_channels=(64, 32, 16, 16), conv_out_channels=(16, 16)),
)

tiny_fit = dict(type='mmsapiens.FitAndPadFields', size_hw=(256, 192))
tiny_fitted_geometry = [
    dict(type='mmsapiens.RandomCropFields', area=(0.6, 1.0), aspect=(0.6, 0.9), prob=0.3),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
    tiny_fit,
]
test_pipeline = [dict(type='LoadImageFromFile'), tiny_fit, dict(type='mmsapiens.PackDenseInputs')]
