"""Other backgrounds behind people."""

from __future__ import annotations

import os
from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from ...registry import TRANSFORMS
from ...structures.fields import HUMAN_MASK, SEG_MAP
from ...transforms.load_checked_image import LoadCheckedImage
from ..datasets.listing import IMAGE_SUFFIXES, list_files
from .checks import check_field_sizes, check_prob
from .color_transfer import transfer_colors, transfer_colors_8bit


def list_images(folder: str, backend_args: dict | None = None) -> list[str]:
    """Paths of the images in a folder and its folders, sorted.

    Args:
        folder (str): Where.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
    """
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
    """Bring an image to a size.

    It is scaled to the height. What is too wide is cut off on both sides; what is too narrow is
    stretched.

    Args:
        image (np.ndarray): (h, w, 3).
        size_hw (tuple[int, int]): H and W.

    Returns:
        np.ndarray: (H, W, 3).
    """
    height, width = size_hw
    scaled = int(image.shape[1] * height / image.shape[0])
    image = mmcv.imresize(image, (max(scaled, width), height))
    left = (image.shape[1] - width) // 2
    return image[:, left : left + width]


@TRANSFORMS.register_module()
class RandomBackground(BaseTransform):
    """Puts people in front of a random image.

    Stands behind the loading of labels or of the mask, and in front of every geometric step. People
    are what has a label other than the background and 255, or is set in the mask. Their outline
    stays hard; their colors are adapted to the new background.

    Args:
        folder (str): Images without people, jpg, jpeg, png or webp, also in folders below. Not
            needed with ``prob=0``.
        prob (float): How often, in [0, 1].
        harmonize (bool): Whether to adapt the colors. Defaults to True.
        use_8bit (bool): Whether to adapt them with the arithmetic of the reference,
            :func:`transfer_colors_8bit`. Defaults to False.
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
        self.folder = folder
        self.prob = check_prob(prob)
        self.harmonize = harmonize
        self.use_8bit = use_8bit
        self.with_ignored = with_ignored
        self.backend_args = backend_args
        self.paths = list_images(folder, backend_args) if self.prob else []
        self._load = LoadCheckedImage(backend_args=backend_args)

    @cache_randomness
    def choose_image(self) -> str | None:
        """Draw the path of a background; None to keep the old one."""
        if np.random.rand() >= self.prob:
            return None
        return self.paths[np.random.randint(len(self.paths))]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Exchange the background of ``img``, uint8 BGR (H, W, 3), or not.

        Raises:
            KeyError: If there are neither labels nor a mask.
            TypeError: If the image is not uint8.
            BadSampleError: If the chosen background cannot be read.
        """
        check_field_sizes(
            results,
            type(self).__name__,
            'put it in front of all resizing, and behind the loading of maps',
        )
        path = self.choose_image()
        if path is None:
            return results
        img = results['img']
        if img.dtype != np.uint8:
            raise TypeError(
                'RandomBackground needs a uint8 image, but got '
                f'{img.dtype}. Load it without `to_float32`.'
            )
        foreground = self.find_foreground(results)
        image = self._load(dict(img_path=path))['img']
        img = np.where(foreground[..., None], img, fit_background(image, img.shape[:2]))
        if self.harmonize:
            transfer = transfer_colors_8bit if self.use_8bit else transfer_colors
            img = transfer(img, foreground)
        results['img'] = img
        return results

    def find_foreground(self, results: dict[str, Any]) -> np.ndarray:
        """Where people are, bool (H, W): what either the labels or the mask show."""
        parts = []
        if SEG_MAP.key in results:
            labels = results[SEG_MAP.key]
            is_person = labels > 0
            if not self.with_ignored:
                is_person &= labels != SEG_MAP.fill
            parts.append(is_person)
        if HUMAN_MASK.key in results:
            parts.append(results[HUMAN_MASK.key] > 0)
        if not parts:
            raise KeyError(
                f'RandomBackground needs `{SEG_MAP.key}` or '
                f'`{HUMAN_MASK.key}`, but got {sorted(results)}. Put '
                "dict(type='mmsapiens.LoadDenseTarget', "
                f'field={HUMAN_MASK.name!r}) in front of it.'
            )
        return np.logical_or.reduce(parts)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(folder={self.folder!r}, '
            f'prob={self.prob}, harmonize={self.harmonize})'
        )
