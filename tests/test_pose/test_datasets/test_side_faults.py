"""Exchanged sides, on the real people of the sample."""

import json

import numpy as np
import pytest
from annotated_people import keypoint_fields
from parity import data_folder
from planted_faults import exchange

from mmsapiens.keypoints.keypoint_sets import get_keypoint_set
from mmsapiens.pose.datasets.faults import read_points
from mmsapiens.pose.datasets.validation import validate_document


def real_document():
    path = data_folder() / 'coco_sample' / 'test_coco_wholebody.json'
    return json.loads(path.read_text())


def side_kinds(doc):
    """Kinds of exchanged sides, by annotation."""
    faults = validate_document(doc, 'coco_wholebody')
    return {
        (int(fault.where.split('id ')[1][:-1]), fault.kind)
        for fault in faults
        if fault.kind.startswith('swapped')
    }


@pytest.mark.parametrize(
    'groups, kind, people',
    [
        (
            ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'),
            'swapped_body',
            {442619, 230195, 1724673, 437295, 467657, 531914, 533949, 543117},
        ),
        (('left_hand', 'right_hand'), 'swapped_hands', {442619, 437295, 533949}),
        (('foot',), 'swapped_feet', {460541, 437295, 467657, 531914}),
        (
            ('eye', 'ear'),
            'swapped_face',
            {*(442619, 198196, 230195, 1724673, 437295), *(467657, 531914, 533949, 543117)},
        ),
    ],
)
def test_exchanged_sides_of_real_people_are_found(groups, kind, people):
    doc = real_document()
    for annotation in doc['annotations']:
        exchange('coco_wholebody', *groups)({}, annotation, doc, None)
    found = {number for number, name in side_kinds(doc) if name == kind}
    assert found == people


@pytest.mark.parametrize('angle_deg', range(0, 360, 30))
@pytest.mark.parametrize('is_flipped', [False, True])
def test_sides_of_turned_and_flipped_real_people_are_right(angle_deg, is_flipped):
    vocabulary = get_keypoint_set('coco_wholebody')
    angle = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    doc = real_document()
    for annotation in doc['annotations']:
        points, _ = read_points(annotation, vocabulary)
        if is_flipped:
            points = points[list(vocabulary.flip_indices)]
            points[:, 0] *= -1
        points[:, :2] = points[:, :2] @ turn
        annotation.update(keypoint_fields(points, 'coco_wholebody'))
    assert side_kinds(doc) == set()
