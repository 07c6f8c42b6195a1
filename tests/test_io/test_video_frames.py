"""Frames of videos: colors and opacity. What else players do is in `docs/odd_inputs.md`."""

from itertools import product

import av
import numpy as np
import pytest
from odd_inputs.videos import make_hdr_video, see_through

from mmsapiens.io.read_options import ReadOptions
from mmsapiens.io.sources import open_source
from mmsapiens.io.videos import frame_to_bgr

MATRICES = [
    (a, b, c, d)
    for a, b, c, d in product((-1, 0, 1), repeat=4)
    if abs(a) + abs(b) == 1 == abs(c) + abs(d) and a * d != b * c
]
"""All that mirror, and turn by quarters."""
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


@pytest.mark.parametrize('matrix', MATRICES)
def test_every_display_matrix_is_applied(matrix):
    a, b, c, d = matrix
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    y, x = np.mgrid[:2, :3]
    shown_x, shown_y = a * x + c * y, b * x + d * y
    shown_x, shown_y = shown_x - shown_x.min(), shown_y - shown_y.min()
    expected = np.zeros((shown_y.max() + 1, shown_x.max() + 1, 3), np.uint8)
    expected[shown_y, shown_x] = stored
    frame = av.VideoFrame.from_ndarray(stored, format='bgr24')
    entries = np.int32([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30])
    shown = Shown(frame, {'DISPLAYMATRIX': entries.tobytes()})
    np.testing.assert_array_equal(frame_to_bgr(shown), expected)


class Shown:
    """A frame with a display matrix."""

    def __init__(self, frame, side_data):
        self.frame, self.side_data = frame, side_data

    def __getattr__(self, name):
        return getattr(self.frame, name)


@pytest.mark.parametrize('curve', [PQ, HLG])
def test_hdr_has_the_colors_of_the_same_scene_in_sdr(curve, tmp_path):
    light = (np.array(SKIN) / 255) ** 2.4 * 203 @ TO_BT2020.T
    make_hdr_video(tmp_path / 'a.mp4', curve, code_of_light(curve, light))
    (frame,) = open_source(tmp_path / 'a.mp4')
    seen = frame.image[24, 16::32, ::-1].astype(float)
    np.testing.assert_allclose(seen, SKIN, atol=4)


def test_wide_colors_become_those_of_bt709(tmp_path):
    """BT.2020 without HDR, as some cameras and broadcasts have it."""
    light = (np.array(SKIN) / 255) ** 2.4 @ TO_BT2020.T
    make_hdr_video(tmp_path / 'a.mp4', 14, light ** (1 / 2.4))
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
