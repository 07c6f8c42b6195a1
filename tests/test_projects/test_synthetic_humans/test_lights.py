"""Panoramas and what becomes of them."""

import cv2
import numpy as np
import pytest
from synthetic_humans.backgrounds import list_images, read_background, sample_setting
from synthetic_humans.lights import panorama_directions, read_panorama, split_panorama


def test_middle_of_a_panorama_is_in_front():
    directions = panorama_directions((64, 128))
    np.testing.assert_allclose(directions[31, 63], [0, -1, 0], atol=0.05)
    assert directions[0, 0, 2] > 0.99
    assert directions[31, 96, 0] > 0.99


def test_sun_becomes_a_key_light():
    panorama = np.full((128, 256, 3), 0.2, np.float32)
    panorama[30:33, 200:203] = 500.0
    soft, keys = split_panorama(panorama)
    expected = panorama_directions((128, 256))[31, 201]
    assert len(keys) == 1
    assert keys[0].direction @ expected > 0.999
    solid_angle = 9 * (np.pi / 128) ** 2 * np.sin(np.pi * 31.5 / 128)
    assert keys[0].color[0] == pytest.approx(500 * solid_angle, rel=0.05)
    assert soft.max() < 1


def test_hdr_file_lights_an_image(tmp_path, rng):
    panorama = rng.uniform(0, 2, (32, 64, 3)).astype(np.float32)
    cv2.imwrite(str(tmp_path / 'sky.hdr'), panorama)
    paths = list_images(tmp_path)
    found = sample_setting(rng, camera=np.zeros(3), panoramas=paths)
    assert found.kind == 'panorama'
    assert found.panorama is not None
    assert found.panorama.mean() == pytest.approx(panorama.mean(), rel=0.02)


def test_square_environment_map_raises(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match='twice as wide as high'):
        read_panorama(tmp_path / 'a.png')


def test_folder_without_images_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match='no images'):
        list_images(tmp_path)


@pytest.mark.parametrize('size_hw', [(40, 30), (30, 40)])
def test_photograph_is_cropped_to_the_size(size_hw, tmp_path, rng):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((50, 70, 3), 128, np.uint8))
    out = read_background(tmp_path / 'a.png', size_hw, rng)
    assert out.shape == (*size_hw, 3)
    np.testing.assert_allclose(out, (128 / 255) ** 2.2, rtol=1e-5)
