from pathlib import Path

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


def test_frames_of_another_size_are_resized(tmp_path):
    video = VideoSegments(tmp_path / 'parts', tmp_path / 'v.mp4', 10)
    video.write(gray(120), 0.0)
    video.write(gray(60, (100, 200)), 0.1)
    finish(video)
    assert read(tmp_path / 'v.mp4')[0] == [120, 60]
