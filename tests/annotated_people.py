"""Annotation files of people who stand and face the camera, with images."""

import json

import cv2
import numpy as np

from mmsapiens.keypoints.keypoint_sets import field_indices, get_keypoint_set

SIZE_WH = (100, 140)
# Right side of the person, on the left of the image; x from the middle.
_MIDDLE = {'nose': (0, 24)}
_SIDE = {
    'eye': (5, 20),
    'ear': (10, 22),
    'shoulder': (16, 40),
    'elbow': (24, 56),
    'wrist': (28, 72),
    'hip': (10, 76),
    'knee': (12, 98),
    'ankle': (13, 120),
    'big_toe': (16, 126),
    'small_toe': (19, 125),
    'heel': (12, 124),
}


def _point(name, group, number):
    """Position of a keypoint, x from the middle of the person."""
    side = 1 if name.startswith('left') else -1
    stem = name.split('_', 1)[-1]
    if name in _MIDDLE:
        return _MIDDLE[name]
    if stem in _SIDE and name.startswith(('left', 'right')):
        return side * _SIDE[stem][0], _SIDE[stem][1]
    if group in ('left_hand', 'right_hand'):
        side = 1 if group == 'left_hand' else -1
        return side * (28 + number % 4), 73 + number // 4
    return number % 16 - 8, 16 + number // 16  # face, neck and the like


def standing_points(vocabulary):
    """x, y, visibility (K, 3) of a person in the middle of an image."""
    described = get_keypoint_set(vocabulary)
    points = np.full((len(described), 3), 2.0)
    for group, ids in described.groups.items():
        for number, index in enumerate(ids):
            name = described.keypoint_names[index]
            points[index, :2] = _point(name, group, number)
    points[:, 0] += 50
    return points


def keypoint_fields(points, vocabulary):
    """Fields of an annotation."""
    return {
        field: points[ids].flatten().tolist() for field, ids in field_indices(vocabulary).items()
    }


def make_document(vocabulary, count):
    """`count` images of a person each, every one a little different."""
    images, annotations = [], []
    width, height = SIZE_WH
    for index in range(count):
        points = standing_points(vocabulary)
        points[:, 0] += index / 100
        images.append(dict(id=100 + index, file_name=f'{index}.png', width=width, height=height))
        annotations.append(
            dict(
                id=1000 + index,
                image_id=100 + index,
                category_id=1,
                iscrowd=0,
                bbox=[15.0 + index / 100, 10.0, 70.0, 122.0],
                area=4000.0,
                num_keypoints=len(points),
                **keypoint_fields(points, vocabulary),
            )
        )
    return dict(images=images, annotations=annotations, categories=[dict(id=1, name='person')])


def write_document(folder, doc, name='people.json'):
    """Write file and images, and return the file's path as text."""
    rng = np.random.default_rng(0)
    width, height = SIZE_WH
    for index in range(len(doc['images'])):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{index}.png'), image)
    path = folder / name
    path.write_text(json.dumps(doc))
    return str(path)
