from pathlib import Path

import av
import numpy as np
import pytest

from mmsapiens.inference.video_segments import VideoSegments
from mmsapiens.io.videos import VideoReader


def gray(value, size_hw=(48, 64)):
    return np.full((*size_hw, 3), value, np.uint8)


def read(path):
    """Gray values in tens, and seconds, of the frames of a video."""
    frames = list(VideoReader(Path(path), 'video').read())
    values = [round(frame.image.mean() / 10) * 10 for frame in frames]
    return values, [round(frame.time_s, 3) for frame in frames]


def finish(video):
    """As at the end of a video."""
    video.close_segment({})
    video.join()
    video.remove()


def test_segments_are_joined(tmp_path):
    video = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 10)
    for index in range(7):
        video.write(gray(index * 30), index / 10)
        if index in (2, 3):
            video.close_segment({})
    assert not (tmp_path / 'v.mp4').exists()
    finish(video)
    values, times = read(tmp_path / 'v.mp4')
    assert values == [0, 30, 60, 90, 120, 150, 180]
    assert times == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert not (tmp_path / 'parts').exists()


def test_irregular_times_are_kept_and_start_at_zero(tmp_path):
    video = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 30)
    for index, time in enumerate([2.0, 2.033, 2.5, 2.51]):
        video.write(gray(index * 50), time)
    finish(video)
    assert read(tmp_path / 'v.mp4')[1] == [0, 0.033, 0.5, 0.51]


def test_frames_without_times_have_the_rate(tmp_path):
    video = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 5)
    for value in (0, 100):
        video.write(gray(value), None)
    finish(video)
    assert read(tmp_path / 'v.mp4')[1] == [0, 0.2]


def test_an_interrupted_video_is_continued(tmp_path):
    first = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 10)
    for index in range(5):
        first.write(gray(index * 30), index / 10)
        if index == 2:
            first.close_segment({})
    del first  # as by a kill: two frames are in no whole segment
    again = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 10, keep=1)
    for index in range(3, 6):
        again.write(gray(index * 30), index / 10)
    finish(again)
    assert read(tmp_path / 'v.mp4')[0] == [0, 30, 60, 90, 120, 150]


@pytest.mark.parametrize('size_hw', [(47, 63), (1, 1), (33, 2)])
def test_odd_sizes(size_hw, tmp_path):
    video = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 10)
    video.write(gray(120, size_hw), 0.0)
    video.write(gray(120, size_hw), 0.1)
    finish(video)
    assert read(tmp_path / 'v.mp4')[0] == [120, 120]


@pytest.mark.parametrize('size_hw', [(48, 64), (720, 1280)])
def test_colors_are_tagged_and_fit_their_tags(tmp_path, size_hw):
    """Players of any kind show them: those that obey tags, and those that take BT.709 for HD."""
    colors = [(0, 255, 0), (255, 0, 0), (0, 0, 255), (230, 180, 150)]
    image = np.repeat(np.array(colors, np.uint8), size_hw[1] // 4, axis=0)
    video = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 10)
    video.write(np.tile(image, (size_hw[0], 1, 1)), 0.0)
    finish(video)
    with av.open(str(tmp_path / 'v.mp4')) as container:
        context = container.streams.video[0].codec_context
        tags = context.color_primaries, context.color_trc, context.colorspace
        assert tags == (1, 1, 1) and context.color_range == 1
        assert container.streams.video[0].sample_aspect_ratio in (None, 1)
        y, u, v = next(container.decode(video=0)).to_ndarray(format='yuv444p').astype(float)
    assert b'colr' in (tmp_path / 'v.mp4').read_bytes()
    y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224  # ITU-R BT.709
    rgb = np.stack([y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u], -1) * 255
    middles = [size_hw[1] // 4 * index + size_hw[1] // 8 for index in range(4)]
    np.testing.assert_allclose(rgb[size_hw[0] // 2, middles], colors, atol=8)


def test_frames_of_another_size_are_resized(tmp_path):
    video = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 10)
    video.write(gray(120), 0.0)
    video.write(gray(60, (100, 200)), 0.1)
    finish(video)
    assert read(tmp_path / 'v.mp4')[0] == [120, 60]
