"""Drawing of dense maps; all images are RGB, uint8 (H, W, 3)."""

from ...utils.drawing.colors import color_values
from ...utils.drawing.panels import Bar, Tile
from .dense_visualizer import DenseVisualizer
from .depth import color_depth, draw_pseudo_normals
from .field_drawers import DRAWERS, FieldDrawer, Scene, drawer_of
from .normals import angular_error_deg, normals_to_rgb
from .parts import draw_parts, draw_parts_with_legend, draw_wrong_parts

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
