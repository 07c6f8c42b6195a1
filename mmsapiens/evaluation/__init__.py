"""Measures on arrays; the metrics of hosts call them."""

from .depth import depth_figures, evaluate_depth
from .iou import class_areas, iou_figures
from .normals import measure_angles, normal_figures
from .oks import evaluate_oks

__all__ = [
    'class_areas',
    'depth_figures',
    'evaluate_depth',
    'evaluate_oks',
    'iou_figures',
    'measure_angles',
    'normal_figures',
]
