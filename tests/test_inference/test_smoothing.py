import math

import numpy as np
import pytest

from mmsapiens.inference.temporal import OneEuroSmoother

BOX = np.array([[0, 0, 50, 100]], np.float32)
FPS = 25


def smooth(tracks, scores=None, **kwargs):
    """Smooth one person, points (T, K, 2)."""
    smoother = OneEuroSmoother(**kwargs)
    points = np.asarray(tracks, np.float32)
    if scores is None:
        scores = np.ones(points.shape[:2])
    return np.stack(
        [
            smoother.update(frame[None], score[None], BOX, np.array([1]), time / FPS)[0]
            for time, (frame, score) in enumerate(zip(points, scores))
        ]
    )


def test_two_frames_by_hand():
    result = smooth([[[0, 0]], [[10, 0]]], min_cutoff_hz=1, beta=2)
    step = 1 / FPS
    share = 1 / (1 + 1 / (2 * math.pi * 1 * step))
    speed = share * (10 / 100) / step  # sizes of the person per second
    cutoff = 1 + 2 * speed
    expected = 10 / (1 + 1 / (2 * math.pi * cutoff * step))
    np.testing.assert_allclose(result[1], [[expected, 0]], rtol=1e-6)


def test_jitter_at_rest_is_damped():
    noise = np.random.default_rng(0).normal(0, 0.3, (200, 5, 2))
    result = smooth(50 + noise)
    assert result[20:].std() < 0.5 * noise[20:].std()


def test_fast_points_lag_little():
    times = np.arange(50) / FPS
    path = np.zeros((50, 1, 2))
    path[:, 0, 0] = 200 * times  # two sizes per second
    lag = path[25:] - smooth(path)[25:]
    assert 0 < lag[..., 0].mean() < 200 / FPS  # less than a frame
    slow = path[25:] - smooth(path, beta=0)[25:]
    assert slow[..., 0].mean() > 2 * lag[..., 0].mean()


def test_unseen_points_pass_and_are_forgotten_after_a_gap():
    path = np.full((20, 1, 2), 50.0)
    scores = np.ones((20, 1))
    path[5:18], scores[5:18] = 999, 0.1
    path[18:] = 80
    result = smooth(path, scores, max_gap_s=0.2)
    assert (result[5:18] == 999).all()
    np.testing.assert_allclose(result[18], [[80, 80]])


def test_a_short_gap_goes_on():
    path = np.full((8, 1, 2), 50.0)
    scores = np.ones((8, 1))
    path[5], scores[5] = 999, 0.1
    path[6:] = 52
    result = smooth(path, scores)
    assert 50 < result[6, 0, 0] < 52


def test_points_that_are_not_finite_do_no_harm():
    path = np.full((5, 2, 2), 50.0)
    path[2, 0] = np.nan
    result = smooth(path)
    assert np.isnan(result[2, 0]).all()
    np.testing.assert_allclose(result[[3, 4]], 50)


@pytest.mark.parametrize('kwargs', [dict(min_cutoff_hz=0), dict(beta=-1), dict(speed_cutoff_hz=-2)])
def test_bad_filter_settings(kwargs):
    with pytest.raises(ValueError, match=f'`{next(iter(kwargs))}` must be'):
        OneEuroSmoother(**kwargs)
