"""Original, masked and reconstructed images side by side."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

MASK_GRAY = 128
GAP = 4
LABEL_HEIGHT = 20


def to_images(images: Tensor, mean: Tensor, std: Tensor) -> np.ndarray:
    """Undo the normalization of images (B, 3, H, W); uint8 (B, H, W, 3), in their channel order."""
    pixels = images.float().cpu() * std.view(3, 1, 1).cpu()
    pixels = (pixels + mean.view(3, 1, 1).cpu()).round().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).numpy()


class Reconstruction(NamedTuple):
    """Normalized RGB images (B, 3, H, W), what the model makes of every patch of them, and the mask
    (B, 1, H, W), 1 for masked pixels."""

    original: Tensor
    predicted: Tensor
    mask: Tensor

    @property
    def combined(self) -> Tensor:
        """Visible pixels of the original, masked ones as predicted."""
        return torch.where(self.mask > 0, self.predicted, self.original)


class Style(NamedTuple):
    """How to turn reconstructions into images: mean and deviation of the preprocessor; with
    ``paste_visible``, visible patches are not predictions, which are never trained."""

    mean: Tensor
    std: Tensor
    paste_visible: bool = True

    def apply(self, result: Reconstruction) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Original, masked and reconstructed images, each (B, H, W, 3)."""
        original = to_images(result.original, self.mean, self.std)
        hidden = result.mask[:, 0, :, :, None].cpu().numpy() > 0
        masked = np.where(hidden, np.uint8(MASK_GRAY), original)
        shown = result.combined if self.paste_visible else result.predicted
        return original, masked, to_images(shown, self.mean, self.std)


def _label(image: np.ndarray, text: str) -> np.ndarray:
    """A line of text above an image."""
    strip = np.full((LABEL_HEIGHT, image.shape[1], 3), 255, np.uint8)
    font = (cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([cv2.putText(strip, text, (2, LABEL_HEIGHT - 6), *font), image])


def _join(images: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Images of equal height side by side (1), or of equal width below each other (0)."""
    shape = list(images[0].shape)
    shape[axis] = GAP
    gap: np.ndarray = np.full(shape, 255, np.uint8)
    return np.concatenate([gap, *(part for image in images for part in (image, gap))], axis=axis)


def draw_triplets(result: Reconstruction, style: Style) -> np.ndarray:
    """One row for each image, RGB uint8 (_, _, 3): original, masked, reconstructed."""
    ratio = result.mask.mean().item()
    names = ('original', f'masked {ratio:.0%}', 'reconstructed')
    rows = []
    for number, images in enumerate(zip(*style.apply(result))):
        tiles = list(images)
        if number == 0:
            tiles = [_label(*pair) for pair in zip(tiles, names)]
        rows.append(_join(tiles, 1))
    return _join(rows, 0)


def draw_sweep(results: Mapping[float, Reconstruction], style: Style) -> np.ndarray:
    """Two rows for each image, RGB uint8 (_, _, 3): masked and reconstructed, by mask ratio."""
    if not results:
        raise ValueError('`results` must not be empty')
    columns = [style.apply(result) for result in results.values()]
    rows = []
    for number, original in enumerate(columns[0][0]):
        top = [original, *(masked[number] for _, masked, _ in columns)]
        bottom = [np.full_like(original, 255), *(shown[number] for _, _, shown in columns)]
        if number == 0:
            names = ['original', *(f'masked {r:.0%}' for r in results)]
            top = [_label(*pair) for pair in zip(top, names)]
        rows += [_join(top, 1), _join(bottom, 1)]
    return _join(rows, 0)
