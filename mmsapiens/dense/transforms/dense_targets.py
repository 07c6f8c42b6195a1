"""Targets of the losses, made after all geometry."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from ...core.errors import BadSampleError
from ...registry import TRANSFORMS
from ...structures.fields import DEPTH_MAP, HUMAN_MASK, NORMAL_MAP, Field

EMPTY_CHOICES = ('keep', 'raise')


def relative_depth(
    depth: np.ndarray, mask: np.ndarray, background: float = -1.0, keep_constant: bool = False
) -> np.ndarray:
    """Depth from 0, the nearest pixel of the mask, to 1, the farthest.

    Args:
        depth (np.ndarray): Any unit, larger = farther, (H, W).
        mask (np.ndarray): Pixels of the person, bool (H, W).
        background (float): Value elsewhere. Defaults to -1.
        keep_constant (bool): Whether a depth without range stays in its own unit, as in the
            reference implementation, where the loss then learns a number without meaning. Defaults
            to False: no target.

    Returns:
        np.ndarray: float32 (H, W).
    """
    target = np.full(depth.shape, background, dtype=np.float32)
    if not mask.any():
        return target
    inside = np.ascontiguousarray(mask).view(np.uint8)
    depth = np.ascontiguousarray(depth, dtype=np.float32)
    low, high, _, _ = cv2.minMaxLoc(depth, inside)
    if high > low:
        # Outside the mask there may be infinity, which is left there.
        with np.errstate(over='ignore', invalid='ignore'):
            relative = depth - np.float32(low)
            relative /= np.float32(high) - np.float32(low)
        cv2.copyTo(relative, inside, target)
    elif keep_constant:
        cv2.copyTo(depth, inside, target)
    return target


class _MaskedTarget(BaseTransform):
    """What both targets need: a mask, finite numbers in it.

    Args:
        field (Field): The map.
        background (float): Value outside the mask.
        empty (str): What happens to a sample without a person.
    """

    def __init__(self, field: Field, background: float, empty: str) -> None:
        if empty not in EMPTY_CHOICES:
            raise ValueError(f'`empty` must be one of {EMPTY_CHOICES}, but got {empty!r}')
        self.field = field
        self.background = background
        self.empty = empty

    def _mask(self, results: dict) -> np.ndarray:
        """The mask, bool (H, W)."""
        for field in (self.field, HUMAN_MASK):
            if field.key not in results:
                raise KeyError(
                    f'{type(self).__name__} needs `{field.key}`: load it with '
                    f"dict(type='mmsapiens.LoadDenseTarget', "
                    f'field={field.name!r})'
                )
        mask = results[HUMAN_MASK.key] > 0
        if self.empty == 'raise' and not mask.any():
            raise BadSampleError(
                f'the mask {results.get(HUMAN_MASK.path_key)} has no human '
                'pixel, in the file or after cropping. Take the sample out of '
                "the dataset, or set `empty='keep'`."
            )
        array = results[self.field.key]
        if np.isfinite(array).all():
            return mask
        bad = ~np.isfinite(array[mask])
        if bad.any():
            raise BadSampleError(
                f'the {self.field.name} '
                f'{results.get(self.field.path_key)} has {int(bad.sum())} '
                'values inside the mask that are NaN or infinite. Mend the '
                'file, or take those pixels out of the mask.'
            )
        return mask


@TRANSFORMS.register_module()
class GenerateDepthTarget(_MaskedTarget):
    """Relative depth inside the mask: 0 the nearest, 1 the farthest pixel.

    Args:
        normalize (bool): Whether to make depth relative; without, it keeps its unit. Defaults to
            True.
        background (float): Value outside the mask. Defaults to -1.
        empty (str): 'keep' a sample without a person, which then has no valid pixel, or 'raise'
            BadSampleError. Defaults to 'keep'.
        keep_constant (bool): As in :func:`relative_depth`. Defaults to False.

    Raises:
        ValueError: If ``empty`` is another word.
        BadSampleError: In use, if a value inside the mask is not finite, or, as ``empty`` says,
            there is no person.
    """

    def __init__(
        self,
        normalize: bool = True,
        background: float = -1.0,
        empty: str = 'keep',
        keep_constant: bool = False,
    ) -> None:
        super().__init__(DEPTH_MAP, background, empty)
        self.normalize = normalize
        self.keep_constant = keep_constant

    def transform(self, results: dict) -> dict:
        """Replace ``gt_depth_map`` (H, W)."""
        mask = self._mask(results)
        depth = results[DEPTH_MAP.key]
        if self.normalize:
            target = relative_depth(depth, mask, self.background, self.keep_constant)
        else:
            target = np.where(mask, depth, np.float32(self.background))
        results[DEPTH_MAP.key] = target
        return results


@TRANSFORMS.register_module()
class GenerateNormalTarget(_MaskedTarget):
    """Normals inside the mask.

    Args:
        background (float): Value of all components outside the mask. Defaults to 0.
        empty (str): As in :class:`GenerateDepthTarget`. Defaults to 'keep'.

    Raises:
        ValueError: If ``empty`` is another word.
        BadSampleError: In use, if a value inside the mask is not finite, or, as ``empty`` says,
            there is no person.
    """

    def __init__(self, background: float = 0.0, empty: str = 'keep') -> None:
        super().__init__(NORMAL_MAP, background, empty)

    def transform(self, results: dict) -> dict:
        """Replace ``gt_normal_map`` (H, W, 3)."""
        mask = self._mask(results)
        normals = np.ascontiguousarray(results[NORMAL_MAP.key])
        target = np.full_like(normals, self.background)
        cv2.copyTo(normals, mask.view(np.uint8), target)
        results[NORMAL_MAP.key] = target
        return results
