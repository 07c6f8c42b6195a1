"""Colors of a person that fit those of another background.

After Reinhard et al., "Color Transfer between Images", 2001: mean and standard deviation of each
Lab channel are taken over.
"""

from __future__ import annotations

import cv2
import numpy as np

MIN_STD = 0.5
"""Of a channel, in Lab units: about the step of 8 bits. Less is no contrast that could be scaled,
only rounding."""


def transfer_colors(img: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Give the person the color statistics of the rest, in float.

    Args:
        img (np.ndarray): BGR image, uint8 (H, W, 3). It is not changed.
        person (np.ndarray): bool (H, W).

    Returns:
        np.ndarray: A new image, clipped to the range of colors, and unchanged where ``person``
        is False. If all or no pixels are of the person, a copy.
    """
    result = img.copy()
    if person.all() or not person.any():
        return result
    front, back = (
        cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
        for pixels in _split(img, person)
    )
    moved: np.ndarray = _match(front, back).astype(np.float32)
    bgr = cv2.cvtColor(moved, cv2.COLOR_LAB2BGR)
    bgr = np.rint(np.clip(bgr, 0, 1) * 255).astype(np.uint8)
    result[person] = bgr[:, 0]
    return result


def transfer_colors_8bit(img: np.ndarray, person: np.ndarray) -> np.ndarray:
    """:func:`transfer_colors` with the arithmetic of the reference.

    In 8-bit Lab, where results below zero lose their sign and those above 255 are cut.

    Args:
        img (np.ndarray): BGR image, uint8 (H, W, 3). It is not changed.
        person (np.ndarray): bool (H, W).

    Returns:
        np.ndarray: As :func:`transfer_colors`.
    """
    result = img.copy()
    if person.all() or not person.any():
        return result
    front, back = (cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB) for pixels in _split(img, person))
    moved = np.minimum(np.rint(np.abs(_match(front, back))), 255)
    bgr = cv2.cvtColor(moved.astype(np.uint8), cv2.COLOR_LAB2BGR)
    result[person] = bgr[:, 0]
    return result


def _split(img: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the person and others, (N, 1, 3): images to OpenCV."""
    return img[person][:, None], img[~person][:, None]


def _match(front: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Move ``front`` to the statistics of ``back``, float64 (N, 1, 3)."""
    (mean, std), (new_mean, new_std) = _statistics(front), _statistics(back)
    is_flat = std < MIN_STD
    ratio = np.where(is_flat, 1.0, new_std / np.where(is_flat, 1.0, std))
    return (front.astype(np.float64) - mean) * ratio + new_mean


def _statistics(lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the channels of (N, 1, 3)."""
    mean, std = cv2.meanStdDev(lab)
    return mean[:, 0], std[:, 0]
