# Normals, albedo and point maps of Sapiens2: images keep their aspect and have black beside them. A
# config adds the head, takes the steps by name, and loads targets.
_base_ = './sapiens2_dense.py'

# Width, height and height, width of the input in pixels.
size_wh, size_hw = (768, 1024), (1024, 768)

random_scale = dict(
    type='RandomResize',
    scale=size_wh,
    ratio_range=(0.5, 2.0),
    keep_ratio=True,
    resize_type='mmsapiens.ResizeFields',
)
random_geometry = [
    dict(type='RandomApply', transforms=random_scale, prob=0.3),
    dict(type='mmsapiens.RandomCropFields', area=(0.4, 1.0), aspect=(0.5, 2.0), prob=0.3),
    dict(type='mmsapiens.RandomFlipFields', prob=0.3),
    dict(type='mmsapiens.FitAndPadFields', size_hw=size_hw, is_rounded=True),
]
fit = dict(type='mmsapiens.FitAndPadFields', size_hw=size_hw)
test_pipeline = [dict(type='LoadImageFromFile'), fit, dict(type='mmsapiens.PackDenseInputs')]

dense_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.DenseDataCheckHook'),
]
dense_panels = dict(type='mmsapiens.DensePanelHook', interval=100)
