"""Files with results: one class for each kind of file."""

from .base import Writer
from .build import DEFAULT_OUTPUTS, OUTPUTS, build_writers
from .coco_results import write_coco_results
from .images import OverlayWriter, PanelWriter
from .keypoints import KeypointWriter
from .maps import MapWriter, MaskWriter
from .videos import AnnotatedVideo

__all__ = [
    'DEFAULT_OUTPUTS',
    'OUTPUTS',
    'AnnotatedVideo',
    'KeypointWriter',
    'MapWriter',
    'MaskWriter',
    'OverlayWriter',
    'PanelWriter',
    'Writer',
    'build_writers',
    'write_coco_results',
]
