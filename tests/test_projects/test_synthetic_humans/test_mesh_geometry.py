"""Rotations, meshes, noise and harmonics."""

import numpy as np
import pytest
from synthetic_humans import geometry as g

TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
FACES = np.array([[0, 1, 2]])


def test_quarter_turn_about_z_takes_x_to_y():
    turned = g.rotation([0, 0, 2], 90) @ [1, 0, 0]
    np.testing.assert_allclose(turned, [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize('b', [[0, 1, 0], [1, 0, 0], [0.3, -0.5, 0.8]])
def test_rotation_between_reaches_the_target(b):
    turn = g.rotation_between([1, 0, 0], b)
    np.testing.assert_allclose(turn @ [1, 0, 0], g.unit(b), atol=1e-12)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


def test_normal_follows_the_order_of_corners():
    normals = g.vertex_normals(TRIANGLE, FACES)
    np.testing.assert_allclose(normals, [[0, 0, 1]] * 3)
    np.testing.assert_allclose(g.vertex_normals(TRIANGLE, FACES[:, ::-1]), [[0, 0, -1]] * 3)


def test_subdivision_keeps_the_area():
    edges, fine = g.subdivide(FACES, 3)
    points = g.with_midpoints(TRIANGLE, edges)
    assert len(fine) == 4
    a, b, c = (points[fine[:, k]] for k in range(3))
    areas = np.cross(b - a, c - a)[:, 2] / 2
    np.testing.assert_allclose(areas, 0.125)


@pytest.mark.parametrize(('level', 'area'), [(0.5, 0.125), (-1.0, 0.5), (2.0, 0.0)])
def test_clipping_leaves_the_part_above_a_level(level, area):
    points, faces = g.clip_mesh(TRIANGLE, FACES, TRIANGLE[:, 0] - level)
    a, b, c = (points[faces[:, k]] for k in range(3))
    assert np.cross(b - a, c - a)[:, 2].sum() / 2 == pytest.approx(area)


def test_noise_depends_on_its_seed_only(rng):
    points = rng.normal(size=(500, 3))
    first = g.noise(points, 5, 1)
    np.testing.assert_array_equal(first, g.noise(points, 5, 1))
    assert np.abs(first - g.noise(points, 5, 2)).max() > 0.1
    assert abs(first.std() - 1) < 0.5


def test_harmonics_are_orthonormal_on_the_sphere():
    values = g.harmonics(g.sphere_directions(20_000))
    gram = values.T @ values / 20_000 * 4 * np.pi
    np.testing.assert_allclose(gram, np.eye(9), atol=2e-3)
