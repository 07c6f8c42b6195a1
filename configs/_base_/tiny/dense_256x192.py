# What the tiny configs of the dense tasks share; each takes it by name.
tiny_size_wh, tiny_size_hw = (192, 256), (256, 192)

tiny_model = dict(
    data_preprocessor=dict(size=tiny_size_hw),
    backbone=dict(arch='sapiens_tiny', img_size=tiny_size_hw, init_cfg=None),
)
tiny_geometry = [
    dict(
        type='RandomResize',
        scale=tiny_size_wh,
        ratio_range=(0.9, 1.2),
        keep_ratio=True,
        resize_type='mmsapiens.ResizeFields',
    ),
    dict(type='mmsapiens.RandomCropFields', crop_size=tiny_size_hw),
    dict(type='mmsapiens.ResizeFields', scale=tiny_size_wh, keep_ratio=False),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
]
tiny_resize = dict(type='Resize', scale=tiny_size_wh, keep_ratio=False)
tiny_test_pipeline = [
    dict(type='LoadImageFromFile'),
    tiny_resize,
    dict(type='mmsapiens.PackDenseInputs'),
]
tiny_loader = dict(num_workers=0, persistent_workers=False)
tiny_max_epochs = 300
tiny_param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=20, start_factor=1e-2),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=tiny_max_epochs,
        T_max=tiny_max_epochs,
        eta_min=1e-5,
        convert_to_iter_based=True,
    ),
]
