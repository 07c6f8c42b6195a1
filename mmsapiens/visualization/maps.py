"""Images of depth, of normals (x to the right, y up, z towards the camera) and of body parts.

Images are RGB, uint8 (H, W, 3). Shapes: H W pixels.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from .colors import NO_TARGET, apply_color_map, drawable, to_levels, value_range

BLACK = (0, 0, 0)
IGNORED = 255
WRONG = (230, 40, 40)
STRIP_PIXELS = 1 << 16
SOBEL_SIZE = 7
SOBEL_GAIN = 2048  # What the filter makes of a slope of 1 per pixel
RELIEF = 0.5  # Assumed range of depth, as a share of the side of a square as large as the person


def nearness(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How near pixels of a mask are, float32 (H, W): 1 nearest, or all if constant, 0 farthest."""
    return 1 - to_levels(depth, mask, value_range(depth, mask))


def color_depth(depth: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Draw depth (H, W), larger is farther, as the reference implementation does: 'inferno' inside
    the mask (H, W), gray 100 outside and where it is not finite."""
    mask = drawable(depth, mask)
    image = apply_color_map(nearness(depth, mask), 'inferno')
    image[~mask] = NO_TARGET
    return image


def draw_pseudo_normals(
    depth: np.ndarray, mask: np.ndarray | None = None, *, as_reference: bool = False
) -> np.ndarray:
    """Draw the relief of a depth map (H, W) in the colors of normals, black outside the mask.

    A relative depth has no angles: its range is taken as half of the size of the person.
    ``as_reference`` draws y down and z away from the camera, very steep at any size, and the three
    pixels next to the background black or dark blue.
    """
    mask = drawable(depth, mask)
    if not mask.any():
        return np.zeros((*mask.shape, 3), dtype=np.uint8)
    height = nearness(depth, mask)
    if as_reference:
        return _reference_relief(height, mask)
    grad_x, grad_y = _gradients(_continue_outwards(height, mask))
    slope = RELIEF * float(np.sqrt(mask.sum())) / SOBEL_GAIN
    vectors = np.stack([-grad_x * slope, grad_y * slope, np.ones_like(grad_x)], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return normals_to_rgb(vectors, mask)


def _gradients(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes to the right and downwards, times :data:`SOBEL_GAIN`."""
    return (
        cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=SOBEL_SIZE),
        cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=SOBEL_SIZE),
    )


def _reference_relief(height: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The reference's image, whose background is infinitely near."""
    grad_x, grad_y = _gradients(np.where(mask, height, np.inf))
    vectors = np.stack([-grad_x, -grad_y, -np.ones_like(grad_x)], axis=-1)
    with np.errstate(invalid='ignore'):  # infinity over infinity at the rim
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-5
    return normals_to_rgb(np.where(np.isfinite(vectors), vectors, -1))


def _continue_outwards(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Values (H, W) with those outside a mask from the nearest inside."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(nearest.max()) + 1, dtype=values.dtype)
    of_label[nearest[mask]] = values[mask]
    return of_label[nearest]


def normals_to_rgb(
    normals: np.ndarray, mask: np.ndarray | None = None, *, background: Sequence[int] = BLACK
) -> np.ndarray:
    """Draw unit vectors (H, W, 3): ``(n + 1) / 2 * 255``, x as red, y as green, z as blue;
    ``background`` outside the mask (H, W) and where they are not finite."""
    if normals.ndim != 3 or normals.shape[-1] != 3:
        raise ValueError(f'`normals` must have the shape (H, W, 3), but got {normals.shape}')
    x, y, z = np.moveaxis(np.isfinite(normals), -1, 0)
    drawn = x & y & z
    if mask is not None:
        if mask.shape != drawn.shape:
            raise ValueError(
                f'`mask` must have the shape {drawn.shape} of the normals, but got {mask.shape}'
            )
        drawn &= mask > 0
    with np.errstate(invalid='ignore'):  # of what is not drawn
        image: np.ndarray = ((normals.clip(-1, 1) + 1) / 2 * 255).astype(np.uint8)
    image[~drawn] = background
    return image


def normal_ball(size: int, background: Sequence[int] = BLACK) -> np.ndarray:
    """The colors of all visible directions on a ball, (size, size, 3)."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x: np.ndarray
    y: np.ndarray
    x, y = np.meshgrid(axis, -axis)
    square = x**2 + y**2
    normals = np.stack([x, y, np.sqrt((1 - square).clip(0))], axis=-1)
    return normals_to_rgb(normals, square <= 1, background=background)


def check_labels(image: np.ndarray, labels: np.ndarray) -> None:
    """Refuse class ids of another size than an image, or that are no integers."""
    if image.shape != (*labels.shape, 3):
        raise ValueError(
            f'`labels` must have height and width of {image.shape}, but got {labels.shape}'
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
    """Lay the colors of class ids (H, W) over an image, a copy; ``opacity`` is their share.

    Ids without a color, such as 255 for ignored, are not painted, and class 0 only
    ``with_background``.
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
    """Ids from 0 or 1 to ``num_classes`` that occur in some maps, in rising order."""
    found = {int(label) for one in labels for label in np.unique(one)}
    return sorted(found & set(range(0 if with_background else 1, num_classes)))


def draw_wrong_parts(
    image: np.ndarray, pred: np.ndarray, gt: np.ndarray
) -> tuple[np.ndarray, float]:
    """The gray image with pixels (H, W) of another class than the true one in red and ignored ones,
    255, in gray, and the share of the counted pixels that is wrong, NaN if none is counted."""
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
