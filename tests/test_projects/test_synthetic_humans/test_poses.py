"""Poses and expressions."""

import numpy as np
import pytest
from synthetic_humans.people import count_crossings, sample_person
from synthetic_humans.poses import KINDS, sample_expression, sample_pose


@pytest.mark.parametrize('kind', KINDS)
def test_pose_consists_of_rotations(kind, template, rng):
    found, pose = sample_pose(template.body.rest_joints, rng, kind)
    assert found == kind
    assert set(pose) <= set(template.body.bone_names)
    for turn in pose.values():
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(turn) == pytest.approx(1)


def test_unknown_pose_raises(template, rng):
    with pytest.raises(KeyError, match='`kind` must be one of'):
        sample_pose(template.body.rest_joints, rng, 'handstand')


def test_expression_uses_known_actions(template, rng):
    known = set(template.body.model.facial_action_labels)
    for _ in range(50):
        face = sample_expression(rng)
        assert set(face) <= known
        assert all(0 <= value <= 1 for value in face.values())


def test_people_are_adults_on_the_floor(template):
    for seed in range(4):
        person = sample_person(np.random.default_rng(seed))
        skin = person.body.vertices[template.body.skin_vertices]
        assert 18 <= person.years <= 80
        assert skin[:, 2].min() == pytest.approx(0, abs=1e-9)
        assert 0.7 < skin[:, 2].max() < 2.6
        assert person.crossings == count_crossings(person.body.vertices)


def test_bad_poses_are_rejected(template):
    crossings = [sample_person(np.random.default_rng(seed)).crossings for seed in range(8)]
    assert np.mean(np.array(crossings) <= 160) >= 0.85


def test_same_seed_same_body(template):
    first, second = (sample_person(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.body.vertices, second.body.vertices)
