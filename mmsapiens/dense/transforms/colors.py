"""Other backgrounds and other colors of images with maps."""

import os
from typing import Any

import cv2
import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.datasets.transforms import PhotoMetricDistortion
from numpy import random

from ...registry import TRANSFORMS
from ...structures.fields import HUMAN_MASK, SEG_MAP
from ...transforms.color_tables import IDENTITY, change_hsv
from ...transforms.load_checked_image import LoadCheckedImage
from ..datasets.paired_files import IMAGE_SUFFIXES, list_files
from .geometry import check_field_sizes, check_prob

MIN_STD = 0.5  # Of a channel, in Lab units: about the step of 8 bits. Less is only rounding.


def transfer_colors(img: np.ndarray, person: np.ndarray, use_8bit: bool = False) -> np.ndarray:
    """Give the person, bool (H, W), the color statistics of the rest of a BGR image, uint8. As
    Reinhard et al., "Color Transfer between Images", 2001, by mean and deviation of each Lab
    channel; with ``use_8bit`` as the reference, which loses signs."""
    result = img.copy()
    if person.all() or not person.any():
        return result
    # Pixels of the person and others, (N, 1, 3): images to OpenCV.
    parts = [img[person][:, None], img[~person][:, None]]
    if not use_8bit:
        parts = [part.astype(np.float32) / 255 for part in parts]
    moved = _match(*(cv2.cvtColor(part, cv2.COLOR_BGR2LAB) for part in parts))
    if use_8bit:
        moved = np.minimum(np.rint(np.abs(moved)), 255)
        bgr = cv2.cvtColor(moved.astype(np.uint8), cv2.COLOR_LAB2BGR)
    else:
        bgr = cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2BGR)
        bgr = np.rint(np.clip(bgr, 0, 1) * 255).astype(np.uint8)
    result[person] = bgr[:, 0]
    return result


def _match(front: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Move ``front`` to the statistics of ``back``, float64 (N, 1, 3)."""
    (mean, std), (new_mean, new_std) = (
        [statistic[:, 0] for statistic in cv2.meanStdDev(lab)] for lab in (front, back)
    )
    is_flat = std < MIN_STD
    ratio = np.where(is_flat, 1.0, new_std / np.where(is_flat, 1.0, std))
    return (front.astype(np.float64) - mean) * ratio + new_mean


def list_images(folder: str, backend_args: dict | None = None) -> list[str]:
    """Paths of the images in a folder and below, sorted; FileNotFoundError if there are none."""
    problem = f'has no image {IMAGE_SUFFIXES}'
    try:
        found = list_files(folder, IMAGE_SUFFIXES, backend_args)
    except FileNotFoundError:
        found, problem = {}, 'does not exist'
    if not found:
        raise FileNotFoundError(
            f'the `folder` of RandomBackground, {os.path.abspath(folder)}, {problem}. '
            'Fill it with images without people, or set `prob=0`.'
        )
    return sorted(path for paths in found.values() for path in paths)


def fit_background(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """An image (h, w, 3) at the height of (H, W), cut on both sides, or stretched, to its width."""
    height, width = size_hw
    scaled = int(image.shape[1] * height / image.shape[0])
    image = mmcv.imresize(image, (max(scaled, width), height))
    left = (image.shape[1] - width) // 2
    return image[:, left : left + width]


@TRANSFORMS.register_module()
class RandomBackground(BaseTransform):
    """Puts people in front of a random image, before every geometric step.

    People are what has a label other than the background and 255, or is set in the mask.

    Args:
        folder (str): Images without people, at any depth; not needed with ``prob=0``.
        prob (float): How often, in [0, 1].
        harmonize (bool): Whether to adapt the colors. Defaults to True.
        use_8bit (bool): Whether to adapt them with the arithmetic of the reference, which loses
            signs. Defaults to False.
        with_ignored (bool): Whether pixels with the label 255 count as people, as in the reference.
            Defaults to False.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.

    Raises:
        ValueError: If ``prob`` is out of range; in use, if a map is not as large as its image.
        FileNotFoundError: If ``prob`` is above 0 and there are no images.
    """

    def __init__(
        self,
        folder: str,
        prob: float,
        *,
        harmonize: bool = True,
        use_8bit: bool = False,
        with_ignored: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        self.folder, self.prob, self.backend_args = folder, check_prob(prob), backend_args
        self.harmonize, self.use_8bit, self.with_ignored = harmonize, use_8bit, with_ignored
        self.paths = list_images(folder, backend_args) if self.prob else []
        self._load = LoadCheckedImage(backend_args=backend_args)

    @cache_randomness
    def choose_image(self) -> str | None:
        """Draw the path of a background; None to keep the old one."""
        if np.random.rand() >= self.prob:
            return None
        return self.paths[np.random.randint(len(self.paths))]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Exchange the background of ``img``, uint8 BGR (H, W, 3), of labels or a mask, or not."""
        remedy = 'put it in front of all resizing, and behind the loading of maps'
        check_field_sizes(results, type(self).__name__, remedy)
        path = self.choose_image()
        if path is None:
            return results
        img = results['img']
        if img.dtype != np.uint8:
            raise TypeError(
                f'RandomBackground needs a uint8 image, but got {img.dtype}. '
                'Load it without `to_float32`.'
            )
        foreground = self.find_foreground(results)
        image = self._load(dict(img_path=path))['img']
        img = np.where(foreground[..., None], img, fit_background(image, img.shape[:2]))
        if self.harmonize:
            img = transfer_colors(img, foreground, self.use_8bit)
        results['img'] = img
        return results

    def find_foreground(self, results: dict[str, Any]) -> np.ndarray:
        """Where people are, bool (H, W): what either the labels or the mask show."""
        parts = []
        if SEG_MAP.key in results:
            labels = results[SEG_MAP.key]
            parts.append((labels > 0) & (self.with_ignored | (labels != SEG_MAP.fill)))
        if HUMAN_MASK.key in results:
            parts.append(results[HUMAN_MASK.key] > 0)
        if not parts:
            raise KeyError(
                f'RandomBackground needs `{SEG_MAP.key}` or `{HUMAN_MASK.key}`, but got '
                f"{sorted(results)}. Put 'mmsapiens.LoadDenseTarget' in front of it."
            )
        return np.logical_or.reduce(parts)


@TRANSFORMS.register_module()
class TableDistortion(PhotoMetricDistortion):
    """Stock ``PhotoMetricDistortion``, of 8-bit images in half the time.

    Draws and pixels are those of the stock class, which computes in float what a table of 256
    values gives, and which is used for other images.
    """

    def convert(self, img: np.ndarray, alpha: float = 1, beta: float = 0) -> np.ndarray:
        if img.dtype != np.uint8 or img.ndim == 1:
            return super().convert(img, alpha, beta)
        return cv2.LUT(img, super().convert(IDENTITY, alpha, beta))

    def saturation(self, img: np.ndarray) -> np.ndarray:
        if img.dtype != np.uint8:
            return super().saturation(img)
        if not random.randint(2):
            return img
        factor = random.uniform(self.saturation_lower, self.saturation_upper)
        return change_hsv(img, saturation=self.convert(IDENTITY, factor))

    def hue(self, img: np.ndarray) -> np.ndarray:
        if img.dtype != np.uint8:
            return super().hue(img)
        if not random.randint(2):
            return img
        delta = random.randint(-self.hue_delta, self.hue_delta)
        hues = ((IDENTITY.astype(int) + delta) % 180).astype(np.uint8)
        return change_hsv(img, hue=hues)
