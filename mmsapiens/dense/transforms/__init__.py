"""Pipeline steps for images with any of the maps of ``FIELDS``."""

# ruff: noqa: F401
from .colors import RandomBackground, TableDistortion
from .degradation import RandomDegradation
from .geometry import (
    FitAndPadFields,
    RandomCropFields,
    RandomFlipFields,
    RandomRotateFields,
    ResizeFields,
)
from .targets import (
    GenerateAlbedoTarget,
    GenerateDepthTarget,
    GenerateNormalTarget,
    GeneratePointTarget,
    LoadCamera,
    LoadDenseTarget,
    LoadMatte,
    PackDenseInputs,
    RejectSamples,
)
