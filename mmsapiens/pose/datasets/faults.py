"""What can be wrong with an annotation file, and reading what may be wrong."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass

import numpy as np

from ...core import fault_report

Finding = tuple[str, str]
"""Kind and message of a fault, whose place the caller knows."""

EntryId = int | str

FAULT_KINDS = {
    'not_json': 'the file is not JSON, or not a JSON object',
    'missing_list': '`images`, `annotations` or `categories` is missing, not a list, or empty',
    'malformed_entry': 'an entry of a list is not an object, or has no `id` (integer or text)',
    'wrong_names': '`keypoints` of a category are not those of the vocabulary, in its order',
    'wrong_groups': '`info.goliath_info` gives other indices of a group',
    'duplicate_image_id': 'two images have the same `id`',
    'image_without_name': 'an image has no `file_name`',
    'image_without_size': '`width` or `height` of an image is missing or not positive',
    'missing_image': 'the file of an image does not exist',
    'unreadable_image': 'the file of an image is none that can be read',
    'wrong_image_size': 'the file of an image has another size, EXIF orientation applied',
    'duplicate_annotation_id': 'two annotations have the same `id`',
    'unknown_image': '`image_id` is not that of an image',
    'unknown_category': '`category_id` is not that of a category',
    'wrong_iscrowd': '`iscrowd` is neither 0 nor 1',
    'wrong_box': '`bbox` is not a list of 4 numbers',
    'non_finite_box': '`bbox` has a number that is infinite or NaN',
    'empty_box': 'width or height of `bbox` is not positive',
    'box_outside': '`bbox` extends more than a pixel beyond the image',
    'wrong_area': '`area` is missing or not a positive number',
    'area_exceeds_box': '`area` is more than 1.5 times that of `bbox`',
    'missing_keypoints': 'a field of keypoints is missing',
    'wrong_keypoint_count': 'a field has not x, y and visibility of each keypoint of its group',
    'wrong_keypoint_value': 'a field of keypoints is not a list of numbers',
    'non_finite_keypoint': 'a coordinate or visibility is infinite or NaN',
    'wrong_visibility': 'a visibility is not 0, 1 or 2; for feet, face and '
    'hands of COCO-WholeBody, not from 0 to 2',
    'keypoint_at_origin': 'a keypoint at (0, 0) is marked visible',
    'keypoint_outside': 'a visible keypoint is more than a pixel outside the image',
    'keypoint_far_from_box': 'a visible keypoint is outside `bbox` by more '
    'than half of its longer side',
    'wrong_num_keypoints': '`num_keypoints` is neither the number of visible '
    'keypoints of the body nor that of all',
    'contradictory_group': 'the field of a group differs from `goliath_wholebody_kpts`',
    'duplicate_person': 'two annotations of an image have the same box and keypoints',
    'swapped_face': 'left and right eye, or ear, seem exchanged',
    'swapped_body': 'left and right of shoulders and hips contradict the '
    'face, which looks at the camera',
    'swapped_hands': 'a hand is away from its wrist, at the other one',
    'swapped_feet': 'a foot is away from its ankle, at the other one',
}
"""Kind of fault -> what it means."""


@dataclass(frozen=True)
class Fault(fault_report.Fault):
    """Something wrong in an annotation file.

    ``where`` is the entry, as ``annotations[3] (id 442619)``.
    """

    KINDS = FAULT_KINDS


def place(section: str, index: int, entry: object) -> str:
    """Name an entry of a list, as ``images[0] (id 785)``."""
    name = f'{section}[{index}]'
    if isinstance(entry, dict) and 'id' in entry:
        name += f' (id {show(entry["id"])})'
    return name


def show(value: object) -> str:
    """A value for a message, long ones abridged."""
    return reprlib.repr(value)


def entry_id(entry: object, key: str = 'id') -> EntryId | None:
    """The id in an entry, None if there is no usable one."""
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value
    return None


def to_floats(value: object) -> np.ndarray | None:
    """A list of numbers of JSON as an array, None if it is something else."""
    if not isinstance(value, list) or set(map(type, value)) - {int, float}:
        return None
    try:
        return np.array(value, dtype=np.float64)
    except OverflowError:  # an integer beyond the range of floats
        return np.array([x if abs(x) < 1e300 else math.inf for x in value], np.float64)


def to_float(value: object) -> float:
    """A number of JSON, NaN if it is something else."""
    values = to_floats([value])
    return math.nan if values is None else float(values[0])
