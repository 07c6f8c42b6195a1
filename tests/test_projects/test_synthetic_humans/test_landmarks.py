"""Landmarks on the mesh and their visibility."""

import json

import numpy as np
from synthetic_humans.checks import mirror_errors
from synthetic_humans.landmarks import TABLE, WHOLEBODY, Keypoints, flip_indices_308, names_308
from synthetic_humans.sample import load_landmarks


def test_all_of_133_and_most_of_308_have_a_place(template):
    names = set(load_landmarks().names)
    assert len(WHOLEBODY) == 133
    assert set(WHOLEBODY) <= names
    assert len(names_308()) == 308
    assert len(names & set(names_308())) == 266


def test_missing_points_are_those_of_the_ears(template):
    missing = set(names_308()) - set(load_landmarks().names)
    assert len(missing) == 42
    words = ('helix', 'crus', 'tragus', 'between_22_15')
    assert all(any(word in name for word in words) for name in missing)


def test_weights_of_the_table_sum_to_one():
    points = json.loads(TABLE.read_text('utf-8'))['points']
    for vertices, weights in points.values():
        assert len(vertices) == len(set(vertices)) == len(weights)
        assert abs(sum(weights) - 1) < 1e-3


def test_left_and_right_are_mirror_images(template):
    points = load_landmarks().locate(template.body.rest)
    errors = mirror_errors(points)
    assert len(errors) == 266
    # The painted mask of the lips, which gives two points, is not symmetric.
    assert sorted(errors.values())[-3] < 0.0016
    assert max(errors.values()) < 0.003


def test_left_is_on_the_left_of_the_person(template):
    points = load_landmarks().locate(template.body.rest)
    for name in names_308():
        if name in points and name.split('_')[0] in ('left', 'l'):
            assert points[name][0] > 0, name


def test_flip_indices_are_an_involution():
    flip = np.array(flip_indices_308())
    np.testing.assert_array_equal(flip[flip], np.arange(308))


def test_keypoints_lie_on_their_parts(samples):
    from synthetic_humans.checks import keypoint_hits

    hits = total = 0
    for sample in samples:
        for row, person in enumerate(sample.people):
            for names in (WHOLEBODY, names_308()):
                table = person.keypoints.table(list(names))
                mask = sample.maps.instance == row + 1
                good, seen, _ = keypoint_hits(sample.maps.label, mask, names, table)
                hits, total = hits + good, total + seen
    assert total > 300
    assert hits / total > 0.98


def test_hidden_points_that_nobody_can_guess_are_dropped():
    pixels = {
        'nose': np.array([50.0, 20]),
        'left_ear': np.array([55.0, 20]),
        'left_knee': np.array([50.0, 150]),
        'left_hip': np.array([50.0, 90]),
        **{f'face-{k}': np.array([50.0, 25]) for k in range(68)},
    }
    visibility = dict.fromkeys(pixels, 1)
    visibility['left_ear'] = 2
    box = 30, 10, 40, 80
    points = Keypoints(pixels, visibility)
    found = points.guessable(box, faces_away=True)
    assert found.visibility['left_hip'] == 1  # near the visible box
    assert found.visibility['left_knee'] == 0
    assert found.visibility['left_ear'] == 2
    assert found.visibility['nose'] == found.visibility['face-3'] == 0
    kept = points.guessable(box, faces_away=False)
    assert kept.visibility['nose'] == kept.visibility['face-3'] == 1


def test_points_outside_of_the_image_are_zero(samples):
    for sample in samples:
        height, width = sample.maps.label.shape
        for person in sample.people:
            table = person.keypoints.table(list(names_308()))
            assert (table[table[:, 2] == 0] == 0).all()
            inside = table[table[:, 2] > 0]
            assert (inside[:, 0] < width).all()
            assert (inside[:, 1] < height).all()
