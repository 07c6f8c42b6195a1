"""Pipeline steps for images with any of the maps of ``FIELDS``."""

from .colors import RandomBackground, TableDistortion
from .geometry import RandomCropFields, RandomFlipFields, RandomRotateFields, ResizeFields
from .targets import GenerateDepthTarget, GenerateNormalTarget, LoadDenseTarget, PackDenseInputs

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
]
