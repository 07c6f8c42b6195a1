import cv2
import numpy as np
import pytest

from mmsapiens.core.errors import BadSampleError
from mmsapiens.dense import RandomBackground
from mmsapiens.dense.transforms.colors import fit_background, transfer_colors


@pytest.fixture
def folder(tmp_path):
    blue = np.zeros((40, 60, 3), np.uint8)
    blue[..., 0] = np.arange(100, 160)
    cv2.imwrite(str(tmp_path / 'blue.png'), blue)
    return tmp_path


def sample(size=(20, 16)):
    rng = np.random.default_rng(0)
    mask = np.zeros(size, np.uint8)
    mask[5:15, 4:12] = 1
    img = rng.integers(60, 190, (*size, 3), dtype=np.uint8)
    return dict(img=img, gt_human_mask=mask)


def test_background_is_replaced_and_the_person_kept(folder):
    step = RandomBackground(str(folder), 1.0, harmonize=False)
    before, results = sample(), step(sample())
    person = before['gt_human_mask'] > 0
    assert (results['img'][person] == before['img'][person]).all()
    behind = results['img'][~person]
    assert (behind[:, 0] >= 99).all()
    assert (behind[:, 1:] == 0).all()
    assert np.array_equal(results['gt_human_mask'], before['gt_human_mask'])


@pytest.mark.parametrize('use_8bit', [False, True])
def test_person_takes_on_the_colors(folder, use_8bit):
    step = RandomBackground(str(folder), 1.0, use_8bit=use_8bit)
    results = step(sample())
    person = results['gt_human_mask'] > 0
    img = results['img']
    lab = cv2.cvtColor(img.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    # Out of the range of colors, what is moved is cut.
    difference = lab[person].mean(0) - lab[~person].mean(0)
    assert np.abs(difference).max() < 12


@pytest.mark.parametrize('use_8bit', [False, True])
def test_statistics_of_moderate_colors_are_met(use_8bit):
    rng = np.random.default_rng(0)
    img = np.empty((40, 40, 3), np.float64)
    img[:20] = rng.normal(150, 5, (20, 40, 3))
    img[20:] = rng.normal(110, 9, (20, 40, 3))
    img = img.round().astype(np.uint8)
    person = np.zeros((40, 40), bool)
    person[:20] = True
    moved = transfer_colors(img, person, use_8bit)
    assert (moved[~person] == img[~person]).all()
    assert abs(moved[person].mean() - moved[~person].mean()) < 1.5
    assert abs(moved[person].std() - moved[~person].std()) < 1.5


@pytest.mark.parametrize('use_8bit', [False, True])
def test_person_of_one_color_has_no_division_by_zero(use_8bit):
    img = np.full((8, 8, 3), 90, np.uint8)
    person = np.zeros((8, 8), bool)
    person[2:5] = True
    with np.errstate(all='raise'):
        moved = transfer_colors(img, person, use_8bit)
    assert np.abs(moved.astype(int) - 90).max() <= 1


@pytest.mark.parametrize('value', [False, True])
def test_nothing_or_everything_in_front_is_left_alone(value):
    img = sample()['img']
    person = np.full(img.shape[:2], value)
    assert np.array_equal(transfer_colors(img, person), img)


def test_ignored_pixels_are_no_person(folder):
    for with_ignored in (False, True):
        results = sample()
        labels = np.zeros((20, 16), np.uint8)
        labels[3], labels[4] = 7, 255
        results['gt_seg_map'] = labels
        before = results['img'].copy()
        step = RandomBackground(str(folder), 1.0, harmonize=False, with_ignored=with_ignored)
        img = step(results)['img']
        assert (img[3] == before[3]).all()
        assert (img[4] == before[4]).all() == with_ignored


@pytest.mark.parametrize(('size', 'expected'), [((10, 40), (0, 3)), ((10, 4), (0, 1))])
def test_background_is_cut_or_stretched(size, expected):
    columns = np.linspace(0, 255, size[1]).astype(np.uint8)
    image = np.repeat(np.tile(columns, (size[0], 1))[..., None], 3, -1)
    fitted = fit_background(image, (20, 16))
    assert fitted.shape == (20, 16, 3)
    if size[1] > 10:  # cut on both sides
        assert 60 < fitted[0, 0, 0] < 120 < 130 < fitted[0, -1, 0] < 200
    else:  # all of it
        assert fitted[0, 0, 0] == 0 and fitted[0, -1, 0] == 255


def test_folder_is_needed_only_if_used(tmp_path):
    missing = str(tmp_path / 'missing')
    step = RandomBackground(missing, 0.0)
    assert np.array_equal(step(sample())['img'], sample()['img'])
    with pytest.raises(FileNotFoundError, match='does not exist'):
        RandomBackground(missing, 0.5)
    with pytest.raises(FileNotFoundError, match='has no image'):
        RandomBackground(str(tmp_path), 1.0)(sample())


def test_bad_input_is_named(folder):
    step = RandomBackground(str(folder), 1.0)
    with pytest.raises(KeyError, match='LoadDenseTarget'):
        step(dict(img=sample()['img']))
    with pytest.raises(ValueError, match='in front of all resizing'):
        step(dict(sample(), img=np.zeros((9, 9, 3), np.uint8)))
    with pytest.raises(ValueError, match='`prob` must be'):
        RandomBackground(str(folder), 2)
    (folder / 'blue.png').write_bytes(b'no image')
    with pytest.raises(BadSampleError, match='blue.png cannot be decoded'):
        step(sample())
