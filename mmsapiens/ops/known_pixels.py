"""Which pixels of a map have a value: one rule for training, figures and checks."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from torch import Tensor

from ..core.errors import BadSampleError
from ..structures.fields import Field
from .unit_vectors import LENGTHS, normalize_vectors

Maps = TypeVar('Maps', np.ndarray, Tensor)
SLACK = 1e-3  # Of values from 0 to 1: what half precision and resizing add
FAR = 1e9  # Depth, in whatever unit, that is none: renderers write 1e10 where there is nothing


def has_depth(depth: Maps) -> Maps:
    """Where a distance was measured, bool; elsewhere programs write 0, NaN, infinity or 1e10."""
    return (depth > 0) & (depth < FAR)


def has_normal(normals: Maps, dim: int = -1) -> Maps:
    """Where vectors have about length 1, bool; others are background or damaged."""
    low, high = LENGTHS
    parts = normals.unbind(dim) if isinstance(normals, Tensor) else np.moveaxis(normals, dim, 0)
    with np.errstate(over='ignore', invalid='ignore'):
        square = sum(part * part for part in parts)
    return (square > low**2) & (square < high**2)


def has_value(array: np.ndarray, field: Field) -> np.ndarray:
    """Where a map (H, W) or (H, W, C) of a field has a value, bool (H, W)."""
    if field.is_vector:
        return has_normal(array)
    if field.is_positive:
        return has_depth(array)
    if field.is_position:
        return has_depth(array[..., 2])
    if field.is_share and field.fill < 0:
        return array.reshape(*array.shape[:2], -1).min(axis=-1) >= 0
    return np.ones(array.shape[:2], dtype=bool)


def keep_known(path: str | Path, array: np.ndarray, field: Field) -> np.ndarray:
    """A map, perhaps changed in place, whose pixels without a value have the ``fill`` of the field,
    vectors length 1, and shares are from 0 to 1; a BadSampleError if they cannot, or no number of
    the file can be meant."""
    if field.is_vector:
        if are_shifted(array):
            raise BadSampleError(
                f'no component of the vectors in {path} is negative, and few have length 1: they '
                'are stored as (n + 1) / 2. Store 2 n - 1, or a png.',
                'shifted_normals',
            )
        has_content = bool(array.any())
        is_ours = array.flags.writeable and array.flags.c_contiguous
        array = normalize_vectors(array, out=array if is_ours else None, lengths=LENGTHS)
        if has_content and not array.any():
            raise BadSampleError(
                f'no vector in {path} has a length between {LENGTHS[0]} and {LENGTHS[1]}. Store '
                'unit vectors.',
                'not_unit_normal',
            )
    elif field.is_positive:
        known = has_depth(array)
        if not known.any() and (array < 0).any():
            raise BadSampleError(
                f'no value of the {field.name} in {path} is above 0, but larger is farther. '
                'Negate z of a camera that looks along -z.',
                'negative_depth',
            )
        array = array if known.all() else np.where(known, array, array.dtype.type(field.fill))
    elif field.is_position:
        known = has_depth(array[..., 2])
        array = array if known.all() else np.where(known[..., None], array, np.float32(field.fill))
    elif field.is_share:
        low, high = float(array.min()), float(array.max())
        is_low = low < min(field.fill, 0) - SLACK or (field.fill < 0 and high < 0)
        if is_low or high > 1 + SLACK:
            raise BadSampleError(
                f'the {field.name} in {path} must be from 0 to 1, but it goes from {low:g} to '
                f'{high:g}. Store shares, or unsigned integers of 8 or 16 bits.',
                'not_share',
            )
        array = array.clip(min(field.fill, 0), 1)
    return array


def are_shifted(vectors: np.ndarray) -> bool:
    """Whether vectors (..., 3) are stored as (n + 1) / 2: none points left or down, none fits."""
    if not vectors.size or vectors.min() < 0:
        return False
    length = np.linalg.norm(vectors.reshape(-1, vectors.shape[-1]), axis=1)
    length = length[length > 0]
    return bool(length.size and (np.abs(length - 1) > 0.02).mean() > 0.5)
