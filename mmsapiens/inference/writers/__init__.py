"""Files with results."""

from .coco_results import write_coco_results
from .files import (
    DEFAULT_OUTPUTS,
    OUTPUTS,
    AnnotatedVideo,
    KeypointWriter,
    MapWriter,
    MaskWriter,
    OverlayWriter,
    PanelWriter,
    Writer,
    build_writers,
)

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
