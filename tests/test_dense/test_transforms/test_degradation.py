import numpy as np
import pytest

from mmsapiens.dense.transforms import RandomDegradation
from mmsapiens.dense.transforms.degradation import DEGRADATIONS


def ramp():
    """Smooth colors with an edge, uint8 (40, 30, 3)."""
    rows = np.linspace(10, 120, 40)[:, None, None]
    img = np.broadcast_to(rows + np.array([0, 20, 40]), (40, 30, 3)).astype(np.uint8)
    img[10:20, 10:20] = 250
    return img


@pytest.mark.parametrize('amount', [0.0, 0.5, 0.999])
@pytest.mark.parametrize('name', DEGRADATIONS)
def test_each_changes_pixels_and_not_what_they_are(name, amount):
    np.random.seed(0)
    img = ramp()
    before = img.copy()
    found = DEGRADATIONS[name](img, amount)
    assert found.dtype == np.uint8 and found.shape == img.shape
    assert (img == before).all()
    assert (found != img).any()
    middle = np.abs(found[25:35].astype(int) - img[25:35])
    # Away from the edge only noise and a turned tone change much.
    assert middle.mean() < dict(noise=16, solarize=60).get(name, 4)


def test_probabilities_say_how_often():
    np.random.seed(0)
    step = RandomDegradation(blur=0.25, solarize=1.0)
    draws = [dict(step.choose()) for _ in range(400)]
    assert all('solarize' in each for each in draws)
    assert 0.19 < np.mean(['blur' in each for each in draws]) < 0.31
    assert all(set(each) <= {'blur', 'solarize'} for each in draws)


def test_maps_stay_as_they_are():
    np.random.seed(0)
    labels = np.arange(1200, dtype=np.uint8).reshape(40, 30)
    results = dict(img=ramp(), gt_seg_map=labels.copy())
    found = RandomDegradation(downscale=1.0).transform(results)
    assert (found['gt_seg_map'] == labels).all()
    assert (found['img'] != ramp()).any()
    untouched = RandomDegradation(blur=0.0).transform(dict(img=ramp()))
    assert (untouched['img'] == ramp()).all()


def test_wrong_settings_are_refused():
    with pytest.raises(KeyError, match='blurr'):
        RandomDegradation(blurr=0.5)
    with pytest.raises(ValueError, match='`prob` must be in'):
        RandomDegradation(blur=1.5)
    with pytest.raises(TypeError, match='to_float32'):
        RandomDegradation(blur=1.0).transform(dict(img=ramp().astype(np.float32)))
