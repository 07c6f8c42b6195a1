"""Images and labels of parametric people."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from synthetic_humans.checks import normal_errors
from synthetic_humans.device import choose_device
from synthetic_humans.labels import CLASS_ID, CLASSES, PALETTE, swapped
from synthetic_humans.looks import sample_look
from synthetic_humans.people import sample_person
from synthetic_humans.sample import is_dressed, render_sample
from synthetic_humans.settings import Settings


def test_labels_cover_the_same_pixels(samples):
    for sample in samples:
        maps = sample.maps
        mask = maps.instance > 0
        np.testing.assert_array_equal(maps.label > 0, mask)
        np.testing.assert_array_equal(maps.depth > 0, mask)
        length = np.linalg.norm(maps.normal, axis=-1)
        np.testing.assert_allclose(length[mask], 1, atol=1e-5)
        assert (length[~mask] == 0).all()
        assert mask.mean() > 0.02
        assert maps.label.max() < len(CLASSES)


def test_normals_agree_with_the_depth(samples):
    angles = np.concatenate(
        [normal_errors(s.maps.depth, s.maps.normal, s.camera.to_dict()) for s in samples]
    )
    # Facets against smooth normals; a wrong sign gives more than 30.
    assert np.median(angles) < 8


def test_normals_face_the_camera(samples):
    for sample in samples:
        rows, columns = np.nonzero(sample.maps.instance)
        rays = sample.camera.rays(np.stack([columns, rows], 1) + 0.5)
        rays = rays @ sample.camera.rotation.T * [1, -1, -1]
        normals = sample.maps.normal[rows, columns]
        assert (rays * normals).sum(1).max() < 1e-3


def test_images_have_contrast(samples):
    for sample in samples:
        assert sample.rgb.dtype == np.uint8
        assert sample.rgb.std() > 10
        person = sample.rgb[sample.maps.instance > 0]
        assert 30 < person.mean() < 220


def test_everybody_is_dressed(samples, template, rng):
    assert all(is_dressed(sample) for sample in samples)
    heights = template.heights
    person = sample_person(rng)
    for _ in range(300):
        look = sample_look(person, heights, rng)
        assert look.hem < look.waist
        assert look.sleeve > -0.2
        assert look.leg >= 0.3


@pytest.mark.parametrize('seed', range(3))
def test_full_view_shows_both_garments(seed, template):
    settings = Settings((96, 72), seed=seed, views=('full_body',))
    sample = render_sample(settings, 0)
    found = set(np.unique(sample.maps.label))
    assert CLASS_ID['Upper_Clothing'] in found
    assert CLASS_ID['Lower_Clothing'] in found


def test_same_seed_same_pixels(samples, settings):
    again = render_sample(settings, 2)
    np.testing.assert_array_equal(again.rgb, samples[2].rgb)
    np.testing.assert_array_equal(again.maps.depth, samples[2].maps.depth)
    np.testing.assert_array_equal(again.maps.label, samples[2].maps.label)


def test_another_seed_gives_other_people(samples, settings):
    other = render_sample(replace(settings, seed=6), 2)
    assert (other.rgb != samples[2].rgb).mean() > 0.5


def test_left_hand_is_near_the_left_wrist(template):
    settings = Settings((192, 144), seed=1, views=('full_body',))
    checked = 0
    for index in range(4):
        sample = render_sample(settings, index)
        keypoints = sample.people[0].keypoints
        for side, other in (('left', 'right'), ('right', 'left')):
            if keypoints.visibility[f'{side}_wrist'] != 2:
                continue
            hand = sample.maps.label == CLASS_ID[f'{side.title()}_Hand']
            if hand.sum() < 10:
                continue
            rows, columns = np.nonzero(hand)
            middle = np.array([columns.mean(), rows.mean()])
            own, far = (
                np.linalg.norm(keypoints.pixels[f'{s}_wrist'] - middle) for s in (side, other)
            )
            assert own < far
            checked += 1
    assert checked >= 2


def test_several_people_hide_each_other(template):
    settings = Settings((96, 128), seed=2, people=(3, 3))
    sample = render_sample(settings, 0)
    assert len(sample.people) >= 2
    seen = set(np.unique(sample.maps.instance)) - {0}
    assert len(seen) >= 2
    for row, person in enumerate(sample.people, 1):
        mask = sample.maps.instance == row
        assert person.area == mask.sum()
        if person.box is not None:
            x, y, w, h = person.box
            assert mask[y : y + h, x : x + w].sum() == mask.sum()


def test_large_image_is_made_in_bands(template, monkeypatch):
    import synthetic_humans.raycast as raycast

    settings = Settings((120, 90), seed=3)
    whole = render_sample(settings, 0)
    monkeypatch.setattr(raycast, 'BAND_PIXELS', 90 * 17)
    banded = render_sample(settings, 0)
    np.testing.assert_array_equal(whole.maps.label, banded.maps.label)
    np.testing.assert_array_equal(whole.maps.normal, banded.maps.normal)
    assert np.abs(whole.rgb.astype(int) - banded.rgb).mean() < 1


def test_photograph_is_behind_people(template, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((64, 64, 3), (200, 60, 60), np.uint8))
    settings = Settings((96, 72), views=('full_body',), images=(tmp_path / 'a.png',))
    sample = render_sample(settings, 0)
    outside = sample.rgb[sample.maps.instance == 0].mean(0)
    assert outside[2] > 1.5 * outside[0]
    assert sample.facts['background'] == 'a.png'


def test_environment_map_lights_and_fills(template, tmp_path):
    sky = np.full((32, 64, 3), 0.05, np.float32)
    sky[:, :32] = (0.1, 0.4, 4.0)  # blue, green, red
    cv2.imwrite(str(tmp_path / 'a.hdr'), sky)
    settings = Settings((96, 72), panoramas=(tmp_path / 'a.hdr',))
    for index in range(2):
        sample = render_sample(settings, index)
        assert sample.facts['setting'] == 'panorama'
        person = sample.rgb[sample.maps.instance > 0].mean(0)
        assert person[0] > person[2]


def test_swapping_sides_twice_changes_nothing():
    labels = np.arange(28, dtype=np.uint8)
    assert swapped(labels)[CLASS_ID['Left_Foot']] == CLASS_ID['Right_Foot']
    np.testing.assert_array_equal(swapped(swapped(labels)), labels)
    assert PALETTE.shape == (28, 3)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'views': ('feet',)}, '`views` must be'),
        ({'people': (2, 1)}, '`people` must be'),
        ({'yaw': 'sideways'}, '`yaw` must be'),
        ({'size_hw': (8, 96)}, '`size_hw` must be'),
    ],
)
def test_bad_settings_raise(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**{'size_hw': (128, 96), **change})


def test_unknown_device_raises():
    with pytest.raises(ValueError, match='`device` must be one of'):
        choose_device('tpu')


@pytest.mark.gpu
def test_cuda_gives_the_same_labels(samples, settings):
    again = render_sample(replace(settings, device='cuda:0'), 0)
    same = again.maps.label == samples[0].maps.label
    assert same.mean() > 0.998
    near = np.abs(again.maps.depth - samples[0].maps.depth)[same]
    assert near.max() < 1e-3
