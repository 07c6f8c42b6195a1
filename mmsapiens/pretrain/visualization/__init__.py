"""Images of reconstructions."""

from ...visualization.reconstruction import Style, draw_sweep, draw_triplets, to_images

__all__ = ['Style', 'draw_sweep', 'draw_triplets', 'to_images']
