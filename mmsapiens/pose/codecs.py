"""The UDP heatmap codec of stock MMPose, for whole batches."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.registry import Registry
from mmpose.codecs import UDPHeatmap
from mmpose.registry import KEYPOINT_CODECS as HOST_KEYPOINT_CODECS
from torch import Tensor

from ..ops.udp_decoding import BORDERS, decode_udp_heatmaps
from ..ops.udp_encoding import draw_batch, draw_gaussians, visible_windows

# Stock's registry has no root in MMEngine; `mmsapiens.pose` lists ours in it under bare names.
KEYPOINT_CODECS = Registry('keypoint_codec', parent=HOST_KEYPOINT_CODECS, scope='mmsapiens')


@KEYPOINT_CODECS.register_module()
class BatchedUDPHeatmap(UDPHeatmap):
    """Stock ``UDPHeatmap`` with Gaussian maps, many times faster.

    The numbers are stock's, in decoding where the peak is not at the border of the map, or with
    ``border='stock'``. Decoding takes batches of tensors and stays on their device. A map without a
    peak (maximum not above 0, or NaN) decodes to column and row -1 of the heatmap, unrefined, and
    its maximum as score, 0 for NaN; stock gives NaN or a point next to the corner.

    Args:
        input_size (tuple[int, int]): Width and height in pixels of the input of the network.
        heatmap_size (tuple[int, int]): Width and height of the heatmaps.
        sigma (float): Standard deviation in heatmap pixels. Defaults to 2.
        blur_kernel_size (int): Odd width of the blur in the decoding, in heatmap pixels. Defaults
            to 11.
        encode_on_device (bool): Whether the loader ships keypoints, and the head draws the maps.
            Defaults to False.
        border (str): 'fit' or 'stock', as in
            :func:`mmsapiens.ops.udp_decoding.decode_udp_heatmaps`. Defaults to 'fit'.
        reuse_memory (bool, optional): Without effect; configs of older checkpoints name it.

    Raises:
        ValueError: If ``blur_kernel_size`` is even, ``sigma`` not positive or ``border`` unknown.
    """

    support_batch_decoding = True

    def __init__(
        self,
        input_size: tuple[int, int],
        heatmap_size: tuple[int, int],
        sigma: float = 2.0,
        blur_kernel_size: int = 11,
        encode_on_device: bool = False,
        border: str = 'fit',
        reuse_memory: bool | None = None,
    ) -> None:
        super().__init__(input_size, heatmap_size, sigma=sigma, blur_kernel_size=blur_kernel_size)
        if sigma <= 0:
            raise ValueError(f'`sigma` must be positive, but got {sigma}')
        if blur_kernel_size < 1 or blur_kernel_size % 2 == 0:
            got = f'but got {blur_kernel_size}'
            raise ValueError(f'`blur_kernel_size` must be odd and positive, {got}')
        if border not in BORDERS:
            raise ValueError(f'`border` must be one of {BORDERS}, but got {border!r}')
        self.border = border
        self.encode_on_device = encode_on_device
        if encode_on_device:
            names = ('keypoint_weights', 'heatmap_keypoints')
            self.label_mapping_table = dict(zip(names, names))
            self.field_mapping_table: dict[str, str] = {}

    def encode(
        self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Targets of one person: ``keypoint_weights`` (1, K) and ``heatmaps`` (K, H, W), or with
        ``encode_on_device`` ``heatmap_keypoints`` (1, K, 2) in pixels of the heatmap. ``keypoints``
        (1, K, 2) are x, y in pixels of the input.
        """
        if (count := len(keypoints)) != 1:
            raise ValueError(f'heatmaps are encoded for one person at a time, but got {count}')
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], dtype=np.float32)
        points, size = keypoints[0] / self.scale_factor, self.heatmap_size
        first, drawn, weights = visible_windows(points, keypoints_visible[0], size, self.sigma)
        if self.encode_on_device:
            plain = points[None].astype(np.float32)
            return dict(keypoint_weights=weights[None], heatmap_keypoints=plain)
        heatmaps = np.zeros((len(points), *size[::-1]), dtype=np.float32)
        draw_gaussians(heatmaps, points, first, drawn, self.sigma)
        return dict(keypoint_weights=weights[None], heatmaps=heatmaps)

    def draw(self, heatmap_keypoints: Tensor, weights: Tensor) -> Tensor:
        """Heatmaps (B, K, H, W), float32, of what :meth:`encode` left to the device: (B, K, 2)."""
        return draw_batch(heatmap_keypoints, weights, self.heatmap_size, self.sigma)

    def decode(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keypoints (1, K, 2) and scores (1, K) of one person's maps."""
        points, scores = self.batch_decode(torch.as_tensor(encoded)[None])
        return points[0], scores[0]

    def batch_decode(
        self,
        batch_encoded: Tensor,
        mirrored: Tensor | None = None,
        flip_indices: Sequence[int] | None = None,
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Keypoints (1, K, 2), float64, in pixels of the input, and scores (1, K) of each person of
        heatmaps (B, K, H, W); ``mirrored`` are those of the mirrored input.
        """
        sizes = self.input_size, self.blur_kernel_size
        points, scores = decode_udp_heatmaps(
            batch_encoded, *sizes, mirrored, flip_indices, border=self.border
        )
        return list(points.cpu().numpy()[:, None]), list(scores.cpu().numpy()[:, None])
