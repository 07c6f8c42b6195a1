"""What can be wrong with the images and maps of a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ...classes.class_sets import IGNORED, ClassSet
from ...core import fault_report
from ...core.errors import BadSampleError
from ...io.map_io import read_map
from ...ops.normal_frames import convert_normals
from ...structures.fields import Field
from .listing import REFUSED_SUFFIXES

Finding = tuple[str, str]
"""Kind and message of a fault, whose place the caller knows."""

MAX_LENGTH_ERROR = 0.02
"""Of a unit normal: that of 8 bits a channel."""
MAX_AWAY_SHARE = 0.02
"""Seen surfaces face the camera, but for rounding at the outline."""
MAX_DEPTH_RATIO = 10.0
"""Farthest to median human pixel: beyond, background is in the mask."""
MAX_LABEL_OUTSIDE = 0.05
"""Share of the labelled pixels that a human mask may leave out."""

DENSE_FAULT_KINDS = {
    'missing_folder': 'a folder of the layout does not exist',
    'no_samples': 'there is no image with all its maps',
    'missing_image': 'a map has no image of its name',
    'missing_map': 'an image has no map of its name',
    'several_files': 'files of one name differ in the suffix only',
    'empty_file': 'a file has no bytes',
    'damaged_image': 'an image was cut short or cannot be decoded',
    'duplicate_image': 'two images are the same file, byte by byte',
    'jpeg_map': 'a map is stored as JPEG, which changes its values',
    'pickled_map': 'an npy or npz file holds pickled objects',
    'damaged_map': 'a map was cut short or cannot be decoded',
    'wrong_shape': 'a map has another number of channels or dimensions',
    'wrong_type': 'a map holds numbers of another type',
    'nan_values': 'a map has values that are NaN',
    'infinite_values': 'a map has values that are infinite; in a depth map, inside the mask',
    'size_differs': 'a map is not as wide and high as its image',
    'color_labels': 'a label file has colors instead of class ids',
    'unknown_label': 'a label is neither a class nor 255',
    'unlabelled_image': 'a label file has nothing but background and 255',
    'labels_outside_mask': 'more than 5 % of the labelled pixels are outside the human mask',
    'empty_mask': 'a human mask has no pixel',
    'full_mask': 'a human mask has every pixel (note)',
    'gray_mask': 'a human mask has other values than 0 and 1, or 0 and 255',
    'constant_depth': 'the depth is the same in the whole mask',
    'not_positive_depth': 'a human pixel has depth 0 or less',
    'background_in_depth': 'a human pixel is more than 10 times as far as the median one',
    'zero_normal': 'a human pixel has the normal 0',
    'shifted_normals': 'normals are stored from 0 to 1 or 0 to 255',
    'not_unit_normal': 'a normal in the mask is longer or shorter than 1 by more than 0.02',
    'normals_face_away': 'more than 2 % of the normals in the mask point away from the camera',
    'wrong_flip_pairs': '`flip_pairs` contradict the names of the classes',
    'absent_class': 'no label file has a pixel of the class (note)',
}
"""Kind of fault -> what it means."""

NOTES = frozenset({'full_mask', 'absent_class'})
"""Kinds that may be right."""


@dataclass(frozen=True)
class DenseFault(fault_report.Fault):
    """Something wrong in a dataset of images with maps."""

    KINDS = DENSE_FAULT_KINDS


@dataclass(frozen=True)
class MapChecks:
    """What maps are checked against.

    Attributes:
        class_set (ClassSet, optional): Classes that label files hold. Defaults to None,
            labels are not checked.
        normal_frame (str): Axes of stored normals. Defaults to 'opengl'.
    """

    class_set: ClassSet | None = None
    normal_frame: str = 'opengl'


def read_checked(path: str, field: Field) -> tuple[np.ndarray | None, list[Finding]]:
    """Read a map, or None, and what is wrong with it."""
    if not os.path.getsize(path):
        return None, [('empty_file', 'it has no bytes')]
    try:
        return read_map(path, field.name), []
    except BadSampleError as error:
        return None, [(_kind_of_refusal(path, field), str(error))]


def _kind_of_refusal(path: str, field: Field) -> str:
    """Why a map is refused, from the file itself."""
    suffix = os.path.splitext(path)[1].lower()
    with open(path, 'rb') as file:
        start = file.read(6)
    if suffix in REFUSED_SUFFIXES or start.startswith(b'\xff\xd8'):
        return 'jpeg_map'
    array, is_pickled = _read_raw(path)
    if is_pickled or array is None:
        return 'pickled_map' if is_pickled else 'damaged_map'
    if array.ndim == 3 and field.is_labels and suffix == '.png':
        return 'color_labels'
    if array.ndim not in (2, 3) or not array.size:
        return 'wrong_shape'
    if (*array.shape[2:], 1)[0] != field.channels:
        return 'wrong_shape'
    if array.dtype.kind == 'f':
        if np.isnan(array).any():
            return 'nan_values'
        if np.isinf(array).any():
            return 'infinite_values'
    if field.is_labels and array.dtype.kind in 'iu':
        return 'unknown_label'  # above 255, or negative
    return 'wrong_type'


def _read_raw(path: str) -> tuple[np.ndarray | None, bool]:
    """The numbers in a file of npy, npz or png as they are, or whether it is pickled."""
    try:
        if not path.lower().endswith(('.npy', '.npz')):
            with Image.open(path) as image:
                return np.asarray(image), False
        loaded = np.load(path, allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else loaded[loaded.files[0]]
    # Damaged headers raise errors of many types, and the caller has the message of the reader for
    # people.
    except Exception as error:
        return None, 'Object arrays' in str(error)
    return array, False


def check_labels(
    labels: np.ndarray, mask: np.ndarray | None, class_set: ClassSet
) -> Iterator[Finding]:
    """Find the faults of stored ids, uint8 (H, W), beside a mask of people, 0 or 1 (H, W)."""
    count = len(class_set.classes)
    used = np.unique(labels)
    unknown = used[(used >= count) & (used != IGNORED)]
    if unknown.size:
        yield (
            'unknown_label',
            f'labels must be below {count}, or 255, but there are {unknown[:6].tolist()}',
        )
    if not np.any((used > 0) & (used != IGNORED)):
        yield 'unlabelled_image', f'its labels are {used.tolist()}'
    people = (labels > 0) & (labels != IGNORED)
    if mask is not None and mask.shape == labels.shape and people.any():
        outside = float((people & (mask == 0)).sum() / people.sum())
        if outside > MAX_LABEL_OUTSIDE:
            yield (
                'labels_outside_mask',
                f'{outside:.1%} of the labelled pixels are outside the mask',
            )


def check_mask(mask: np.ndarray, path: str) -> Iterator[Finding]:
    """Find the faults of a human mask, 0 or 1 (H, W); its file is read again for its values."""
    if not mask.any():
        yield 'empty_mask', 'no pixel is above 0'
    elif mask.all():
        yield 'full_mask', 'every pixel is above 0'
    raw, _ = _read_raw(path)
    if raw is None:
        return
    values = np.unique(raw[..., 0] if raw.ndim == 3 else raw)
    if set(values.tolist()) - {0, 1} and set(values.tolist()) - {0, 255}:
        yield (
            'gray_mask',
            f'its values are {values[:4].tolist()} and more, {len(values)} in '
            'all; any above 0 is taken as human',
        )


def check_depth(depth: np.ndarray, mask: np.ndarray | None) -> Iterator[Finding]:
    """Find the faults of a depth map, larger is farther, inside a mask, both (H, W)."""
    human = _human_values(depth, mask)
    is_infinite = np.isinf(human)
    if is_infinite.any():
        yield ('infinite_values', f'{is_infinite.sum()} of {human.size} human pixels')
        human = human[~is_infinite]
    if not human.size:
        return
    low, high = float(human.min()), float(human.max())
    if low == high:
        yield 'constant_depth', f'it is {low:g} at all {human.size} pixels'
    if low <= 0:
        yield (
            'not_positive_depth',
            f'{(human <= 0).sum()} of {human.size} human pixels, the smallest '
            f'is {low:g}; is it disparity, or is the mask too large?',
        )
    middle = float(np.median(human))
    if high > MAX_DEPTH_RATIO * middle > 0:
        yield (
            'background_in_depth',
            f'the farthest human pixel is {high:g}, the median {middle:g}; is the mask too large?',
        )


def check_normals(normals: np.ndarray, mask: np.ndarray | None, frame: str) -> Iterator[Finding]:
    """Find the faults of normals as stored, (H, W, 3), inside a mask (H, W)."""
    human = _human_values(normals, mask)  # (N, 3)
    if not human.size:
        return
    length = np.linalg.norm(human, axis=1)
    zero = length == 0
    if zero.any():
        yield ('zero_normal', f'{zero.sum()} of {len(human)} human pixels have none')
    human, length = human[~zero], length[~zero]
    if not len(human):
        return
    wrong = np.abs(length - 1) > MAX_LENGTH_ERROR
    if wrong.mean() > 0.5 and human.min() >= 0:
        yield (
            'shifted_normals',
            f'no component is negative, the largest is {human.max():g}; store 2 n - 1',
        )
        return
    if wrong.any():
        worst = length[np.abs(length - 1).argmax()]
        yield (
            'not_unit_normal',
            f'{wrong.sum()} of {len(length)} in the mask, one has the length {worst:.4g}',
        )
    away = float((convert_normals(human, frame, 'opengl')[:, 2] < 0).mean())
    if away > MAX_AWAY_SHARE:
        yield (
            'normals_face_away',
            f'{away:.1%} of the human pixels, if the axes are {frame!r}; is '
            'that the frame of the files?',
        )


def _human_values(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """(N,) or (N, C); none without a mask of this size."""
    if mask is None or mask.shape != values.shape[:2]:
        return values[:0].reshape(0, *values.shape[2:])
    return values[mask > 0]
