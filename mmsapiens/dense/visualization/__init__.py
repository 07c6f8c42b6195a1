"""Drawing of dense maps; all images are RGB, uint8 (H, W, 3)."""

from ...visualization.colors import color_values
from ...visualization.depth import color_depth, draw_pseudo_normals
from ...visualization.field_drawers import DRAWERS, FieldDrawer, Scene, drawer_of
from ...visualization.normals import angular_error_deg, normals_to_rgb
from ...visualization.panels import Bar, Tile
from ...visualization.parts import draw_parts, draw_parts_with_legend, draw_wrong_parts
from .dense_visualizer import DenseVisualizer

__all__ = [
    'DRAWERS',
    'Bar',
    'DenseVisualizer',
    'FieldDrawer',
    'Scene',
    'Tile',
    'angular_error_deg',
    'color_depth',
    'color_values',
    'draw_parts',
    'draw_parts_with_legend',
    'draw_pseudo_normals',
    'draw_wrong_parts',
    'drawer_of',
    'normals_to_rgb',
]
