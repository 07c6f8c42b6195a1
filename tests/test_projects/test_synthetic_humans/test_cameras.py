"""Cameras: projection, fit, axes."""

import numpy as np
import pytest
from synthetic_humans.cameras import VIEWS, YAWS, Camera, fit_camera, sample_aim

# Looks from -y to the origin; x stays to the right.
FRONT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def test_points_right_and_above_project_right_and_above():
    camera = Camera(FRONT, np.array([0, -2.0, 0]), 100.0, (60, 80))
    pixels, depth = camera.project(np.array([[0, 0, 0], [0.1, 0, 0.2]]))
    np.testing.assert_allclose(pixels, [[40, 30], [45, 20]])
    np.testing.assert_allclose(depth, 2)


def test_a_ray_through_a_pixel_comes_back_to_it(rng):
    aim = sample_aim('full_body', 0, rng)
    camera = Camera(aim.rotation, np.array([1.0, -3, 1]), 90.0, (60, 80))
    pixels = rng.uniform(0, 60, (20, 2))
    points = camera.center + 2.5 * camera.rays(pixels)
    back, depth = camera.project(points)
    np.testing.assert_allclose(back, pixels)
    np.testing.assert_allclose(depth, 2.5)


@pytest.mark.parametrize('view', VIEWS)
def test_fitted_camera_sees_every_point(view, rng):
    points = rng.uniform(-1, 1, (200, 3)) * [0.4, 0.3, 0.9] + [0, 0, 2.0]
    for _ in range(20):
        aim = sample_aim(view, 30.0, rng)
        camera = fit_camera(aim, points, (64, 48), np.zeros(2))
        pixels, depth = camera.project(points)
        assert depth.min() > 0.1
        assert (pixels >= 0).all() and (pixels <= [48, 64]).all()
        assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_dictionary_holds_the_projection(rng):
    aim = sample_aim('face', 0, rng)
    camera = Camera(aim.rotation, rng.normal(size=3), 90.0, (60, 80))
    numbers = camera.to_dict()
    matrix, turn, shift = (np.array(numbers[k]) for k in ('K', 'R', 't'))
    point = rng.normal(size=3)
    x = matrix @ (turn @ point + shift)
    np.testing.assert_allclose(x[:2] / x[2], camera.project(point[None])[0][0])


def test_unknown_view_raises(rng):
    with pytest.raises(ValueError, match='`view` must be one of'):
        sample_aim('feet', 0, rng)


@pytest.mark.parametrize(
    ('kind', 'least', 'most'), [('frontal', 0.95, 1), ('mixed', 0.5, 0.7), ('any', 0.15, 0.35)]
)
def test_share_of_views_from_the_front(kind, least, most, rng):
    aims = [sample_aim('full_body', 0, rng, kind) for _ in range(400)]
    ahead = np.array([a.backward / np.hypot(*a.backward[:2]) for a in aims])
    share = (-ahead[:, 1] > np.cos(np.radians(45))).mean()
    assert least <= share <= most


def test_unknown_yaw_raises(rng):
    with pytest.raises(KeyError, match="but got 'sideways'"):
        sample_aim('face', 0, rng, 'sideways')
    assert 'mixed' in YAWS
