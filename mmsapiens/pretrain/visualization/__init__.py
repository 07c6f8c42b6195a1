"""Pictures of reconstructions."""

from .reconstruction import Style, draw_sweep, draw_triplets, to_pictures

__all__ = ['Style', 'draw_sweep', 'draw_triplets', 'to_pictures']
