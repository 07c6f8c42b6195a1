# What the dense configs of the demo share; each takes it by name.
demo_size_wh, demo_size_hw = (96, 128), (128, 96)

demo_model = dict(
    data_preprocessor=dict(size=demo_size_hw),
    backbone=dict(img_size=demo_size_hw, patch_size=8, patch_padding='corner'),
)
demo_head = dict(deconv_out_channels=(96, 64), conv_out_channels=(64,), dropout_ratio=0.0)

demo_geometry = [
    dict(
        type='RandomResize',
        scale=demo_size_wh,
        ratio_range=(1.0, 1.2),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='mmsapiens.RandomCropFields', crop_size=demo_size_hw),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
]
demo_resize = dict(type='Resize', scale=demo_size_wh, keep_ratio=False)
demo_test_pipeline = [
    dict(type='LoadImageFromFile'),
    demo_resize,
    dict(type='mmsapiens.PackDenseInputs'),
]
demo_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.DenseDataCheckHook'),
    dict(type='mmsapiens.ProgressHook'),
]
