"""Frames of videos: colors and opacity. What else players do is in `docs/odd_inputs.md`."""

import numpy as np
import pytest
from odd_inputs.videos import make_hdr_video, see_through

from mmsapiens.io.read_options import ReadOptions
from mmsapiens.io.sources import open_source

SKIN = [(255, 224, 189), (234, 192, 134), (173, 110, 70), (80, 51, 30), (128, 128, 128)]
"""RGB of an ordinary video."""
TO_BT2020 = np.linalg.inv(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
PQ, HLG = 16, 18


def code_of_light(curve, nits):
    """The signal, 0 to 1, of light in BT.2020, SMPTE ST 2084 and ITU-R BT.2100."""
    if curve == PQ:
        power = (nits / 10000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    luminance = nits @ [0.2627, 0.6780, 0.0593] / 1000
    scene = nits / 1000 * (luminance ** (1 / 1.2 - 1))[:, None]
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


@pytest.mark.parametrize('curve', [PQ, HLG])
def test_hdr_has_the_colors_of_the_same_scene_in_sdr(curve, tmp_path):
    light = (np.array(SKIN) / 255) ** 2.4 * 203 @ TO_BT2020.T
    make_hdr_video(tmp_path / 'a.mp4', curve, code_of_light(curve, light))
    (frame,) = open_source(tmp_path / 'a.mp4')
    seen = frame.image[24, 16::32, ::-1].astype(float)
    np.testing.assert_allclose(seen, SKIN, atol=4)


@pytest.mark.parametrize('curve', [PQ, HLG])
def test_hdr_ends_at_black_and_white(curve, tmp_path):
    make_hdr_video(tmp_path / 'a.mp4', curve, [[0, 0, 0], [1, 1, 1]])
    (frame,) = open_source(tmp_path / 'a.mp4')
    assert frame.image[24, 16].max() <= 2 and frame.image[24, 48].min() >= 253


@pytest.mark.parametrize(
    ('name', 'codec', 'pixel_format'),
    [
        ('a.webm', 'libvpx-vp9', 'yuva420p'),
        ('a.webm', 'libvpx', 'yuva420p'),
        ('a.mov', 'prores_ks', 'yuva444p10le'),
        ('a.mov', 'png', 'rgba'),
        ('a.mkv', 'ffv1', 'bgra'),
    ],
)
def test_what_is_behind_opacity_can_be_chosen(name, codec, pixel_format, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    see_through(tmp_path, name, codec, pixel_format)
    (frame,) = open_source(name, ReadOptions(alpha_background=(10, 200, 30)))
    np.testing.assert_allclose(frame.image[20, 10, ::-1], (10, 200, 30), atol=6)
    np.testing.assert_allclose(frame.image[20, 50, ::-1], (200, 40, 40), atol=6)
