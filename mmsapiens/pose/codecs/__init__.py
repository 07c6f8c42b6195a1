"""Codecs between keypoints and heatmaps."""

from .batched_udp_heatmap import BatchedUDPHeatmap
from .udp_decoding import decode_udp_heatmaps
from .udp_encoding import draw_batch

__all__ = ['BatchedUDPHeatmap', 'decode_udp_heatmaps', 'draw_batch']
