"""Random mirroring of images with their maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import RandomFlip

from ...registry import TRANSFORMS
from ...structures.fields import Field, present_fields
from .checks import check_field_sizes, check_prob


def flip_table(label_pairs: Sequence[Sequence[int]]) -> np.ndarray:
    """The lookup table that exchanges left and right.

    Args:
        label_pairs (Sequence[Sequence[int]]): Pairs of ids in [0, 254].

    Returns:
        np.ndarray: uint8 (256,).

    Raises:
        ValueError: If an id is out of range or occurs twice.
    """
    ids = [label for pair in label_pairs for label in pair]
    if (
        any(len(pair) != 2 for pair in label_pairs)
        or len(set(ids)) < len(ids)
        or any(not 0 <= label <= 254 for label in ids)
    ):
        raise ValueError(
            '`label_pairs` must be pairs of different ids in [0, 254], each '
            f'id in one pair only, but got {[tuple(p) for p in label_pairs]}'
        )
    table: np.ndarray = np.arange(256, dtype=np.uint8)
    for left, right in label_pairs:
        table[left], table[right] = right, left
    return table


@TRANSFORMS.register_module()
class RandomFlipFields(RandomFlip):
    """Stock ``RandomFlip``, left to right, that carries every field.

    Maps are mirrored; then labels of left and right parts are exchanged, all at once, and channels
    that point left or right change their sign.

    Args:
        prob (float): How often, in [0, 1].
        label_pairs (Sequence[Sequence[int]], optional): Ids that exchange, in every field of
            labels; () for classes without sides. Defaults to None, ``results['flip_label_pairs']``.

    Raises:
        ValueError: If ``prob`` is out of range or an id occurs twice; in use, if a map is not as
            large as its image.
        KeyError: In use, if there are labels but no pairs are given.
    """

    def __init__(self, prob: float, label_pairs: Sequence[Sequence[int]] | None = None) -> None:
        super().__init__(prob=check_prob(prob), direction='horizontal')
        self.label_pairs = label_pairs
        if label_pairs is not None:
            flip_table(label_pairs)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mirror ``img`` (H, W, 3) and any maps, or not; ``flip`` says which, as in stock."""
        check_field_sizes(results, type(self).__name__)
        if any(field.is_labels for field in present_fields(results)):
            self._pairs(results)
        return super().transform(results)

    def _flip(self, results: dict[str, Any]) -> None:
        fields = present_fields(results)
        # The stock method would flip the labels as well.
        maps = {field.key: results.pop(field.key) for field in fields}
        img = results.pop('img')
        results['img'] = img[:0]  # images are mirrored faster below
        super()._flip(results)
        results['img'] = cv2.flip(img, 1)
        for field in fields:
            results[field.key] = self._flip_map(maps[field.key], field, results)

    def _flip_map(self, array: np.ndarray, field: Field, results: dict[str, Any]) -> np.ndarray:
        flipped = cv2.flip(array, 1)
        if field.is_labels:
            flipped = cv2.LUT(flipped, flip_table(self._pairs(results)))
        for channel in field.negate_on_hflip:
            view = flipped[..., channel] if field.channels > 1 else flipped
            np.negative(view, out=view)
        return flipped

    def _pairs(self, results: dict[str, Any]) -> Sequence[Sequence[int]]:
        if self.label_pairs is not None:
            return self.label_pairs
        if results.get('flip_label_pairs') is None:
            raise KeyError(
                'RandomFlipFields must know the classes that a mirror '
                f'exchanges, but {results.get("img_path")} has no '
                '`flip_label_pairs`. Use a dataset of this package, or give '
                '`label_pairs`, () for classes without sides.'
            )
        return results['flip_label_pairs']

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, label_pairs={self.label_pairs})'
