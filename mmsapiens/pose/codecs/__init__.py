"""Codecs between keypoints and heatmaps."""

from ...ops.udp_decoding import decode_udp_heatmaps
from ...ops.udp_encoding import draw_batch
from .batched_udp_heatmap import BatchedUDPHeatmap

__all__ = ['BatchedUDPHeatmap', 'decode_udp_heatmaps', 'draw_batch']
