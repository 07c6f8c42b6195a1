"""Pipeline steps for images with any of the maps of ``FIELDS``."""

from .color_transfer import transfer_colors, transfer_colors_8bit
from .dense_targets import GenerateDepthTarget, GenerateNormalTarget
from .load_dense_target import LoadDenseTarget
from .pack_dense_inputs import PackDenseInputs
from .random_background import RandomBackground
from .random_crop_fields import RandomCropFields
from .random_flip_fields import RandomFlipFields
from .random_rotate_fields import RandomRotateFields
from .resize_fields import ResizeFields
from .table_distortion import TableDistortion

__all__ = [
    'GenerateDepthTarget',
    'GenerateNormalTarget',
    'LoadDenseTarget',
    'PackDenseInputs',
    'RandomBackground',
    'RandomCropFields',
    'RandomFlipFields',
    'RandomRotateFields',
    'ResizeFields',
    'TableDistortion',
    'transfer_colors',
    'transfer_colors_8bit',
]
