"""Measures on arrays; the metrics of hosts call them."""

from .maps import (
    class_areas,
    depth_figures,
    evaluate_depth,
    iou_figures,
    measure_angles,
    normal_figures,
)
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
