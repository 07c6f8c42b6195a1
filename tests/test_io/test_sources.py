import numpy as np
import pytest
from odd_inputs.describe import make_image
from odd_inputs.videos import make_video
from parity import data_folder

from mmsapiens.io.names import OutputNames, clean_part, name_of_url
from mmsapiens.io.read_options import ReadOptions
from mmsapiens.io.sources import Progress, open_source
from mmsapiens.io.videos import VideoReader


def test_photographs_are_decoded_as_in_training():
    mmcv = pytest.importorskip('mmcv')
    folder = data_folder() / 'coco_sample'
    frames = list(open_source(folder))
    assert [frame.name for frame in frames] == [
        '000000000785',
        '000000040083',
        '000000196141',
        '000000197388',
    ]
    for frame in frames:
        np.testing.assert_array_equal(frame.image, mmcv.imread(frame.source))


def test_clip():
    source = open_source(data_folder() / 'person_clip.mp4')
    frames = list(source)
    assert source.length == len(frames) == 5
    assert [frame.size_hw for frame in frames] == [(540, 960)] * 5
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert frames[3].fps == 5
    assert frames[3].video == 'person_clip'


def test_a_source_can_be_read_twice(tmp_path):
    for name in ('a.jpg', 'a.png'):
        make_image().save(tmp_path / name)
    source = open_source(tmp_path)
    names = [[frame.name for frame in source] for _ in range(2)]
    assert names == [['a', 'a_png']] * 2


@pytest.mark.parametrize(
    ('options', 'count'),
    [
        (dict(), 10),
        (dict(frame_step=3), 4),
        (dict(max_frames=4), 4),
        (dict(start_s=0.25), 7),
        (dict(start_s=0.2, end_s=0.5, frame_step=2), 2),
        (dict(end_s=100), 10),
        (dict(start_s=100), 0),
    ],
)
def test_length_of_a_video_is_that_of_what_is_read(options, count, tmp_path):
    make_video(tmp_path / 'a.mp4', 10)
    source = open_source(tmp_path / 'a.mp4', ReadOptions(**options))
    assert source.length == len(list(source)) == count


def test_lengths(tmp_path):
    make_image().save(tmp_path / 'a.png')
    make_video(tmp_path / 'b.mkv', 2)
    array = np.zeros((4, 4, 3), np.uint8)
    assert open_source(tmp_path / 'a.png').length == 1
    assert open_source(tmp_path).length is None  # mkv does not say
    assert open_source([tmp_path / 'a.png', array, [array]]).length == 3
    assert open_source(np.stack([array] * 2)).length == 2
    assert open_source(iter([array])).length is None
    assert open_source('http://localhost/a.png').length is None


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_text_files_of_any_program_list_inputs(encoding, tmp_path):
    for name in ('ä.png', 'b.png'):
        make_image().save(tmp_path / name)
    (tmp_path / 'list.txt').write_text('ä.png\nb.png\n', encoding=encoding)
    source = open_source(tmp_path / 'list.txt')
    assert [frame.name for frame in source] == ['ä', 'b']
    assert not source.is_live
    with pytest.raises(ValueError, match='`out` must not be the folder of'):
        (tmp_path / 'list.txt').write_text(str(tmp_path))
        open_source(tmp_path / 'list.txt', exclude=tmp_path)


def test_what_is_done_is_not_decoded(tmp_path):
    make_image().save(tmp_path / 'a.png')
    (tmp_path / 'b.png').write_bytes(b'')
    make_video(tmp_path / 'c.mp4', 4)
    progress = Progress(lambda name, source: name == 'b', lambda *_: 2)
    names = [item.name for item in open_source(tmp_path).items(progress)]
    assert names == ['a', 'c/000002', 'c/000003']


def test_an_array_is_read_before_the_next_is_asked_for():
    def frames():
        image = np.zeros((4, 4, 3), np.uint8)
        for value in range(5):
            image[:] = value
            yield image

    items = list(open_source(frames()).items())
    assert [item.image[0, 0, 0] for item in items] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize('first', [0, 1, 3, 4])
def test_resumed_frames_are_the_same(first, tmp_path):
    make_video(tmp_path / 'a.mp4', 20)
    options = ReadOptions(frame_step=3, start_s=0.2, max_frames=4)
    reader = VideoReader(tmp_path / 'a.mp4', 'a', options)
    every = [frame.index for frame in reader.read()]
    assert every == [2, 5, 8, 11]
    rest = [frame.index for frame in reader.read(every[first - 1] + 1)]
    assert rest == (every[first:] if first else [])


def test_a_video_and_a_folder_of_its_name_do_not_mix():
    names = OutputNames()
    assert names.take('clip', '.mp4', is_folder=True) == 'clip'
    assert names.take('Clip/000001', '.jpg') == 'Clip_pictures/000001'
    other = OutputNames()
    assert other.take('clip/000001', '.jpg') == 'clip/000001'
    assert other.take('clip', '.mp4', is_folder=True) == 'clip_mp4'


@pytest.mark.parametrize(
    ('text', 'cleaned'),
    [
        ('a:b*c?', 'a_b_c_'),
        ('..', '_'),
        ('', '_'),
        ('été', 'été'),
        ('a\n', 'a_'),
        ('\udcff', '\ufffd'),
        ('a' * 300, 'a' * 150),
    ],
)
def test_names_fit_any_file_system(text, cleaned):
    assert clean_part(text) == cleaned


def test_name_of_a_url_without_a_path():
    assert name_of_url('http://localhost/') == 'download'
    assert name_of_url('http://localhost/a%2Fb.jpg?x=/c.png') == 'b'


@pytest.mark.parametrize(
    'options',
    [
        dict(channel_order='gbr'),
        dict(frame_step=0),
        dict(max_frames=0),
        dict(start_s=-1),
        dict(start_s=2, end_s=1),
        dict(timeout_s=0),
    ],
)
def test_options_that_cannot_be(options):
    with pytest.raises(ValueError, match=f'`{list(options)[-1]}` must'):
        ReadOptions(**options)
