"""Images of body parts.

Images are RGB, uint8 (H, W, 3). Shapes: H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .colors import NO_TARGET

IGNORED = 255
WRONG = (230, 40, 40)
STRIP_PIXELS = 1 << 16


def check_labels(image: np.ndarray, labels: np.ndarray) -> None:
    """Refuse class ids that do not belong to an image.

    Args:
        image (np.ndarray): (H, W, 3).
        labels (np.ndarray): (H, W).

    Raises:
        ValueError: If heights or widths differ, or if ids are no integers.
    """
    if image.shape != (*labels.shape, 3):
        raise ValueError(
            '`labels` must have height and width of the image '
            f'{image.shape}, but got {labels.shape}'
        )
    if labels.dtype.kind not in 'iub':
        raise ValueError(f'`labels` must be integers, but got {labels.dtype}')


def draw_parts(
    image: np.ndarray,
    labels: np.ndarray,
    palette: Sequence[Sequence[int]],
    *,
    opacity: float = 0.5,
    with_background: bool = False,
) -> np.ndarray:
    """Lay the colors of classes over an image.

    The reference implementation paints the background, class 0, as well.

    Args:
        image (np.ndarray): RGB, uint8 (H, W, 3).
        labels (np.ndarray): Class ids, integers (H, W). Ids without a color, such as 255 for
            ignored, are not painted.
        palette (Sequence[Sequence[int]]): RGB of each class.
        opacity (float): Share of the colors, in [0, 1]. Defaults to 0.5.
        with_background (bool): Whether to paint class 0. Defaults to False.

    Returns:
        np.ndarray: RGB, uint8 (H, W, 3).

    Raises:
        ValueError: If ``opacity`` is out of range or shapes do not match.
    """
    check_labels(image, labels)
    if not 0 <= opacity <= 1:
        raise ValueError(f'`opacity` must be in [0, 1], but got {opacity}')
    first = 0 if with_background else 1
    colors = np.array(palette, dtype=np.float32).reshape(-1, 3) * opacity
    drawn = image.copy()
    rows = max(1, STRIP_PIXELS // max(1, image.shape[1]))
    for top in range(0, len(image), rows):  # floats of the whole image would take 12 times its size
        strip, ids = drawn[top : top + rows], labels[top : top + rows]
        painted = (ids >= first) & (ids < len(palette))
        mixed = strip[painted] * (1 - opacity)
        mixed += colors[ids[painted]]
        strip[painted] = mixed.astype(np.uint8)
    return drawn


def present_classes(
    labels: Sequence[np.ndarray], num_classes: int, with_background: bool = False
) -> list[int]:
    """Ids of the classes that occur in some maps, in rising order.

    Args:
        labels (Sequence[np.ndarray]): Maps of class ids.
        num_classes (int): Ids from here on are no classes.
        with_background (bool): Whether to count class 0. Defaults to False.
    """
    first = 0 if with_background else 1
    found = {int(label) for one in labels for label in np.unique(one)}
    return sorted(label for label in found if first <= label < num_classes)


def draw_wrong_parts(
    image: np.ndarray, pred: np.ndarray, gt: np.ndarray
) -> tuple[np.ndarray, float]:
    """Mark the pixels of another class than the true one.

    Args:
        image (np.ndarray): RGB, uint8 (H, W, 3).
        pred (np.ndarray): Predicted class ids, (H, W).
        gt (np.ndarray): True ones; 255 is ignored.

    Returns:
        tuple[np.ndarray, float]: The dimmed gray image with wrong pixels in red and ignored ones
        in gray, RGB uint8 (H, W, 3); and the share of the counted pixels that is wrong, NaN if none
        is counted.
    """
    check_labels(image, pred)
    check_labels(image, gt)
    counted = gt != IGNORED
    wrong = counted & (pred != gt)
    dimmed = (image.mean(axis=-1, keepdims=True) * 0.5).astype(np.uint8)
    drawn = np.repeat(dimmed, 3, axis=-1)
    drawn[wrong] = WRONG
    drawn[~counted] = NO_TARGET
    total = int(counted.sum())
    return drawn, int(wrong.sum()) / total if total else float('nan')
