"""A decoded frame of a video as a player shows it, and as images are read."""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .images import array_to_bgr
from .read_options import DEFAULTS, ReadOptions

PQ, HLG = 16, 18
"""Transfer curves of HDR, as files number them."""
WHITE_NITS = 203
"""Luminance of white paper in HDR, ITU-R BT.2408, which becomes 255."""
_GAMMA = 2.4
_BT2020, _P3 = 9, 12
_TO_BT709: dict[int, NDArray] = {
    1: np.eye(3),
    _BT2020: np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    ),
    _P3: np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]),
}
"""Primaries, as files number them -> their linear R, G, B as those of BT.709."""


def frame_to_bgr(frame: Any, pixel_aspect: float = 1, options: ReadOptions = DEFAULTS) -> NDArray:
    """A frame of PyAV as BGR, uint8 (H, W, 3): of square pixels (``pixel_aspect`` is width by
    height), mirrored and turned as its metadata says, without HDR and wide colors, laid over
    ``alpha_background``.
    """
    if frame.color_trc in (PQ, HLG) or frame.color_primaries in (_BT2020, _P3):
        image = _wide_to_bgr(frame)
    elif any(part.is_alpha for part in frame.format.components):
        behind = options.alpha_background
        image = array_to_bgr(frame.to_ndarray(format='bgra'), 'frame', alpha_background=behind)
    else:
        image = frame.to_ndarray(format='bgr24')
    width = max(1, round(image.shape[1] * pixel_aspect))
    if width != image.shape[1]:
        shrinks = width < image.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(image, (width, len(image)), interpolation=method)
    return np.ascontiguousarray(_placed(image, frame))


def _placed(image: NDArray, frame: Any) -> NDArray:
    """An image mirrored and turned by the display matrix, to the nearest quarter of a turn."""
    stored = frame.side_data.get('DISPLAYMATRIX')
    if stored is None:
        return image
    # A pixel x, y is shown at a x + c y, b x + d y.
    a, b, _, c, d = np.frombuffer(bytes(stored), '<i4')[:5].tolist()
    if abs(b) > abs(a):
        image, a, d = image.swapaxes(0, 1), c, b
    return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _wide_to_bgr(frame: Any) -> NDArray:
    """HDR or wide colors as BT.709: white paper becomes 255, and what is brighter as well."""
    codes = frame.to_ndarray(format='rgb48le')
    to_bt709 = _TO_BT709.get(frame.color_primaries, _TO_BT709[_BT2020])
    light: NDArray = np.take(_light_of_code(int(frame.color_trc)), codes)
    if frame.color_trc == HLG:  # a display is brighter where the image is
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= (1000 / WHITE_NITS * luminance**0.2)[..., None]
    linear = cv2.transform(light, to_bt709[::-1].astype(np.float32))  # to B, G, R
    levels = np.linspace(0, 1, 1 << 16) ** (1 / _GAMMA) * 255 + 0.5
    found: NDArray = levels.astype(np.uint8)[(linear.clip(0, 1) * 65535 + 0.5).astype(np.uint16)]
    return found


@cache
def _light_of_code(curve: int) -> NDArray:
    """Light of each 16-bit value (65536,), as share of white paper, of HLG of the brightest."""
    code = np.linspace(0, 1, 1 << 16)
    if curve == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    elif curve == PQ:
        root = code ** (1 / 78.84375)
        share = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        light = share ** (1 / 0.1593017578125) * 10000 / WHITE_NITS
    else:
        light = code**_GAMMA
    return light.astype(np.float32)
