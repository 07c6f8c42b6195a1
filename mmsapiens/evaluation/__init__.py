"""Measures on arrays; the metrics of hosts call them."""

from .maps import class_areas as class_areas
from .maps import depth_figures as depth_figures
from .maps import evaluate_depth as evaluate_depth
from .maps import iou_figures as iou_figures
from .maps import measure_angles as measure_angles
from .maps import normal_figures as normal_figures
from .oks import evaluate_oks as evaluate_oks
