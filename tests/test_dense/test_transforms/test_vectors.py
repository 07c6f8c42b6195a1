import numpy as np
import pytest

from mmsapiens.ops.unit_vectors import normalize_vectors, rotate_vectors, stretch_vectors


def test_length_becomes_one_and_nothing_stays_nothing():
    vectors = np.float32([[3, 0, 4], [0, 0, 0], [0, 1e-8, 0]])
    units = normalize_vectors(vectors)
    assert units.dtype == np.float32
    np.testing.assert_allclose(units, [[0.6, 0, 0.8], [0] * 3, [0] * 3])


def test_stretching_in_width_turns_a_slope_to_the_viewer():
    """A slope of 1 becomes one of sqrt(2) / 2: g = sqrt(2), s_x = 2."""
    slope = np.array([[-1.0, 0.0, 1.0]]) / np.sqrt(2)
    expected = np.array([[-(0.5**0.5), 0.0, 1.0]]) / np.sqrt(1.5)
    np.testing.assert_allclose(stretch_vectors(slope, 2, 1), expected)


def test_stretch_and_back_is_identity():
    vectors = normalize_vectors(np.random.default_rng(0).normal(size=(50, 3)))
    there = stretch_vectors(vectors, 1.7, 0.6)
    back = stretch_vectors(there, 1 / 1.7, 1 / 0.6)
    np.testing.assert_allclose(back, vectors, atol=1e-12)
    np.testing.assert_allclose(stretch_vectors(vectors, 3, 3), vectors)


@pytest.mark.parametrize(('degree', 'expected'), [(90, [0, -1, 5]), (-90, [0, 1, 5])])
def test_what_points_right_points_down_after_a_clockwise_turn(degree, expected):
    vectors = np.array([[1.0, 0.0, 5.0]])
    turned = rotate_vectors(vectors, degree)
    np.testing.assert_allclose(turned, [expected], atol=1e-12)
    assert vectors.tolist() == [[1, 0, 5]]


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
def test_unit_vectors_equal_the_plain_formula(dtype):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 401, 3))
    vectors[:7] = 0
    vectors[7:9] *= 1e-9
    if dtype != 'float16':
        vectors[9:11] *= 1e25  # its square is no float32
    vectors[100:200] /= np.linalg.norm(vectors[100:200], axis=-1, keepdims=True)
    vectors = vectors.astype(dtype)
    exact = vectors.astype(np.float64)
    length = np.linalg.norm(exact, axis=-1, keepdims=True)
    expected = np.where(length > 1e-6, exact / np.maximum(length, 1e-6), 0)

    actual = normalize_vectors(vectors)

    assert actual.dtype == dtype
    tolerance = dict(float16=1e-3, float32=1e-6, float64=1e-12)[dtype]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)
    in_place = vectors.copy()
    assert normalize_vectors(in_place, out=in_place) is in_place
    np.testing.assert_array_equal(in_place, actual)
