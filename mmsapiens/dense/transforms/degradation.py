"""What bad photographs have: blur, noise, traces of compression, few pixels, turned tones."""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from ...registry import TRANSFORMS
from .geometry import check_prob

BLUR_SIDES = (3, 5, 7)
NOISE_STD = (3.0, 15.0)
JPEG_QUALITY = (30, 95)
DOWNSCALE = (0.25, 0.75)
SOLARIZE_ABOVE = 128


def blur(img: np.ndarray, amount: float) -> np.ndarray:
    """Mean of the neighbors in a square of 3, 5 or 7 pixels, as ``amount`` in [0, 1) says."""
    side = BLUR_SIDES[int(amount * len(BLUR_SIDES))]
    return cv2.blur(img, (side, side))


def add_noise(img: np.ndarray, amount: float) -> np.ndarray:
    """Gaussian noise of a standard deviation of 3 to 15, each channel by itself."""
    std = NOISE_STD[0] + amount * (NOISE_STD[1] - NOISE_STD[0])
    noisy = img + np.random.normal(0, std, img.shape).astype(np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def compress(img: np.ndarray, amount: float) -> np.ndarray:
    """Through a JPEG file of the quality 30 to 95; 95 for an ``amount`` of 0."""
    quality = round(JPEG_QUALITY[1] - amount * (JPEG_QUALITY[1] - JPEG_QUALITY[0]))
    _, content = cv2.imencode('.jpg', img, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR))


def downscale(img: np.ndarray, amount: float) -> np.ndarray:
    """Shrunk to a quarter to three quarters of its sides, and enlarged again."""
    height, width = img.shape[:2]
    factor = DOWNSCALE[0] + amount * (DOWNSCALE[1] - DOWNSCALE[0])
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(img, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def solarize(img: np.ndarray, amount: float) -> np.ndarray:
    """Values of 128 and more turned around; ``amount`` is not used."""
    return np.where(img >= SOLARIZE_ABOVE, 255 - img, img)


DEGRADATIONS: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    'compress': compress,
    'downscale': downscale,
    'blur': blur,
    'noise': add_noise,
    'solarize': solarize,
}
"""Name -> function of an image, uint8 (H, W, 3), and an amount in [0, 1); in order of use."""


@TRANSFORMS.register_module()
class RandomDegradation(BaseTransform):
    """Makes an image worse, each way with a probability of its own; maps stay as they are.

    Args:
        **probs (float): Keys of :data:`DEGRADATIONS` -> how often, in [0, 1].

    Raises:
        KeyError: If a key is unknown.
        ValueError: If a probability is out of range.
        TypeError: In use, if the image is not uint8.
    """

    def __init__(self, **probs: float) -> None:
        if unknown := set(probs) - set(DEGRADATIONS):
            raise KeyError(
                f'RandomDegradation takes {list(DEGRADATIONS)}, but got {sorted(unknown)}'
            )
        self.probs = {name: check_prob(prob) for name, prob in probs.items()}

    @cache_randomness
    def choose(self) -> list[tuple[str, float]]:
        """Draw what is done, and how much of it."""
        names = [name for name in DEGRADATIONS if name in self.probs]
        draws = np.random.rand(len(names), 2)
        return [
            (name, float(amount))
            for name, (chance, amount) in zip(names, draws)
            if chance < self.probs[name]
        ]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change ``img``, uint8 BGR (H, W, 3)."""
        img = results['img']
        if img.dtype != np.uint8:
            raise TypeError(
                f'RandomDegradation needs a uint8 image, but got {img.dtype}. '
                'Load it without `to_float32`.'
            )
        for name, amount in self.choose():
            img = DEGRADATIONS[name](img, amount)
        results['img'] = img
        return results
