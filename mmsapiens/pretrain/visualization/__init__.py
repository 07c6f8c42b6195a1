"""Images of reconstructions."""

from .reconstruction import Style, draw_sweep, draw_triplets, to_images

__all__ = ['Style', 'draw_sweep', 'draw_triplets', 'to_images']
