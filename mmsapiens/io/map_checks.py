"""What the array of a dense map must be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.errors import BadSampleError
from ..structures.fields import Field

DAMAGED = 'Copy it again, or take it out of the dataset.'


def check_map(
    path: str | Path, array: np.ndarray, field: Field, may_be_infinite: bool = False
) -> np.ndarray:
    """Check a map and convert it to the type of its field.

    Args:
        path (str | Path): Where it comes from or goes, for the message.
        array (np.ndarray): (H, W), (H, W, 1) or (H, W, C).
        field (Field): What it shows.
        may_be_infinite (bool): Whether infinity is a value. Defaults to False.

    Returns:
        np.ndarray: Of the field's type, (H, W) or (H, W, C).

    Raises:
        BadSampleError: If it is empty, or its shape, type or a value is none of the field.
    """
    is_scalar = field.channels == 1
    if is_scalar and array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    shape = '(H, W)' if is_scalar else f'(H, W, {field.channels})'
    if array.ndim != (2 if is_scalar else 3) or (
        not is_scalar and array.shape[2] != field.channels
    ):
        raise BadSampleError(
            f'the {field.name} in {path} must have the shape {shape}, but got '
            f'{array.shape}. Store one map in a file, channels last.'
        )
    if not array.size:
        raise BadSampleError(
            f'the {field.name} in {path} has no pixels: its shape is {array.shape}. {DAMAGED}'
        )
    if field.is_labels:
        return _check_labels(path, array, field)
    is_mask = field.dtype == 'uint8'
    kinds = 'biuf' if is_mask else 'iuf' if is_scalar else 'f'
    if array.dtype.kind not in kinds:
        wanted = 'real numbers' if is_scalar else 'floating point numbers'
        raise BadSampleError(
            f'the {field.name} in {path} must hold {wanted}, but its type is '
            f'{array.dtype}. Store the values themselves, not an image of '
            'them.'
        )
    with np.errstate(over='ignore'):
        values = array > 0 if is_mask else array.astype(field.dtype, copy=False)
    tested = array if is_mask else values
    if tested.dtype.kind in 'biu' or np.isfinite(tested).all():
        return np.ascontiguousarray(values.astype(field.dtype, copy=False))
    bad = np.isnan(tested)
    # What was finite in the file has no room in float32.
    bad |= np.isinf(tested) & (np.isfinite(array) | (not may_be_infinite))
    if bad.any():
        y, x = np.argwhere(bad)[0][:2]
        raise BadSampleError(
            f'the {field.name} in {path} has {int(bad.sum())} values that are '
            f'NaN or infinite, the first at row {y}, column {x}. Pixels '
            'without a target need a finite number; the mask leaves them out.'
        )
    return np.ascontiguousarray(values.astype(field.dtype, copy=False))


def _check_labels(path: str | Path, array: np.ndarray, field: Field) -> np.ndarray:
    if array.dtype.kind not in 'iu':
        raise BadSampleError(
            f'the {field.name} in {path} must hold integers, the class ids, '
            f'but its type is {array.dtype}. A file of bool is a mask; of '
            'float, rather scores than labels.'
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise BadSampleError(
            f'the {field.name} in {path} must hold class ids from 0 to 254 '
            f'and 255 for ignored pixels, but its values go from {low} to '
            f'{high}'
        )
    return np.ascontiguousarray(array.astype(field.dtype))
