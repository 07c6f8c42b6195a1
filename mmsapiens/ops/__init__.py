"""Functions on tensors and arrays that know no model."""

from .class_choice import choose_class
from .normal_frames import convert_normals
from .resize_outputs import resized_strips, restore, unflip
from .udp_decoding import decode_udp_heatmaps
from .udp_encoding import draw_batch
from .unit_vectors import unit_vectors

__all__ = [
    'choose_class',
    'convert_normals',
    'resized_strips',
    'restore',
    'unflip',
    'decode_udp_heatmaps',
    'draw_batch',
    'unit_vectors',
]
