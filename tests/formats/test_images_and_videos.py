"""Files that other programs wrote, of the image of `docs/odd_inputs.md`, and ours in theirs."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from odd_inputs.describe import one

from mmsapiens.inference.video_segments import VideoSegments
from mmsapiens.io.sources import open_source

FOLDER = Path(__file__).parent / 'streams'
WHITE = '(250, 250, 250)'
FILES = {
    'ffmpeg9_pixels_4_3.webm': (5, '85 x 48 at 0.00 s, red'),
    'ffmpeg9_opacity_vp8.webm': (5, f'64 x 48 at 0.00 s, {WHITE}'),
    'ffmpeg9_cover.mkv': (5, '64 x 48 at 0.00 s, red'),
    'ffmpeg9_still.ogv': (1, '64 x 48 at 0.00 s, red'),
    'moviepy2.mp4': (5, '64 x 48 at 0.00 s, red'),
    'opencv4.mp4': (5, '64 x 48 at 0.00 s, red'),
    'pyvips3_turned.avif': (1, '64 x 48, red'),
    'imagecodecs2026_16bit.png': (1, '64 x 48, red'),
}


@pytest.mark.parametrize('name', FILES)
@pytest.mark.filterwarnings('error')
def test_files_of_other_programs(name):
    frames = list(open_source(FOLDER / name))
    count, words = FILES[name]
    assert len(frames) == count
    assert one(frames[0]).split(': ')[1] == words


def test_a_clip_that_ffmpeg_mirrored_and_turned():
    """By `-display_rotation 90 -display_hflip`; ffmpeg shows the red corner at the bottom right."""
    frame = next(iter(open_source(FOLDER / 'ffmpeg9_mirrored_turned.mp4')))
    assert frame.size_hw == (64, 48)
    red, blue = (frame.image[y, x, 2] > 150 for y, x in ((-3, -3), (2, 2)))
    assert red and not blue


def test_jpeg_xl_is_named():
    (failure,) = open_source(FOLDER / 'imagecodecs2026.jxl')
    assert 'JPEG XL has no decoder here' in failure.reason


def test_opencv_reads_our_videos(tmp_path):
    image = np.zeros((48, 64, 3), np.uint8) + np.uint8([200, 40, 40])
    video = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 10)
    for index in range(3):
        video.write(image, index / 10)
    video.close_segment({})
    video.join()
    capture = cv2.VideoCapture(str(tmp_path / 'v.mp4'))
    frames = [capture.read()[1] for _ in range(3)]
    np.testing.assert_allclose(frames[2][..., ::-1].reshape(-1, 3).mean(0), (200, 40, 40), atol=3)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10, abs=0.1)
