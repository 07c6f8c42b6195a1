import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from inference_results import made_frame, made_people, made_pose
from odd_inputs.describe import make_image
from odd_inputs.videos import make_video

from mmsapiens.core.folder_lock import FolderInUseError
from mmsapiens.inference.output_folder import OutputFolder
from mmsapiens.inference.temporal import TemporalFilter
from mmsapiens.inference.writers import AnnotatedVideo, DrawingWriter, KeypointWriter
from mmsapiens.io.sources import open_source
from mmsapiens.io.videos import VideoReader
from mmsapiens.structures.results import ImageResult, LazyImage, ReadFailure

IDENTITY = dict(models=[dict(task='pose-17', sha256='0' * 64)], options={})


class StopHereError(Exception):
    """The run is interrupted."""


def result_of(frame):
    """A result that depends on the frame."""
    shift = (frame.index * 7) % 11
    people = made_people([(5 + shift, 5, 30 + shift, 40)])
    return ImageResult(frame, people, {'pose-17': made_pose(people)})


def run(inputs, folder, *, stop_at=None, identity=IDENTITY, threshold=0.3, **kwargs):
    """Run without networks; returns the names that were worked on."""
    kwargs.setdefault('checkpoint_frames', 4)
    names = []
    video = AnnotatedVideo(['pose-17'], 'pose-17', threshold)
    writers = [KeypointWriter('pose-17'), DrawingWriter('pose-17', threshold)]
    with OutputFolder(folder, writers, identity, video=video, **kwargs) as out:
        steady = TemporalFilter(smoothing={}, resume=out.state)
        for item in open_source(inputs).items(out.progress):
            if isinstance(item, LazyImage):
                item = item.read()
            if isinstance(item, ReadFailure):
                out.fail(item)
                continue
            names.append(item.name)
            if item.name == stop_at:
                raise StopHereError
            result = steady(result_of(item))
            out.note(result, out.write_files(result), steady.snapshot())
    return names


def files(folder):
    """Content of all files that do not depend on time."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file() and path.name not in ('done.jsonl', 'manifest.json', '.run.lock')
    }


def images(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        make_image().save(folder / name)
    return str(folder)


def manifest(folder):
    return json.loads((folder / 'manifest.json').read_text())


def test_manifest_says_what_was_done(tmp_path):
    inputs = images(tmp_path / 'in', 'a.png', 'b.png')
    (tmp_path / 'in/c.png').write_bytes(b'')
    run(inputs, tmp_path / 'out')
    document = manifest(tmp_path / 'out')
    assert document['complete']
    assert document['models'] == IDENTITY['models']
    assert document['versions']['numpy'] == np.__version__
    assert 'z towards the camera' in document['conventions']['normal']
    assert document['counts'] == dict(inputs=3, frames=0, done=2, failed=1, partial=0)
    first, _, last = document['inputs']
    assert first['outputs'] == ['pose-17/a.json', 'pose-17_overlay/a.jpg']
    assert first['people'] == 1
    assert last['status'] == 'failed'
    assert 'is an empty file' in last['reason']


def test_restart_does_what_is_missing_and_no_more(tmp_path):
    inputs = images(tmp_path / 'in', 'a.png', 'b.png', 'c.png', 'd.png')
    out = tmp_path / 'out'
    with pytest.raises(StopHereError):
        run(inputs, out, stop_at='c')
    assert not manifest(out)['complete']
    (out / 'pose-17/a.json').unlink()
    make_image(32, 32).save(tmp_path / 'in/b.png')
    assert run(inputs, out) == ['a', 'b', 'c', 'd']
    assert run(inputs, out) == []
    assert manifest(out)['counts']['done'] == 4


def test_failed_inputs_are_tried_again(tmp_path):
    inputs = images(tmp_path / 'in', 'a.png')
    (tmp_path / 'in/b.png').write_bytes(b'')
    run(inputs, tmp_path / 'out')
    make_image().save(tmp_path / 'in/b.png')
    assert run(inputs, tmp_path / 'out') == ['b']
    assert manifest(tmp_path / 'out')['counts']['failed'] == 0


def test_arrays_are_never_taken_as_done(tmp_path):
    for _ in range(2):
        names = run(np.zeros((2, 8, 8, 3), np.uint8), tmp_path / 'out')
        assert names == ['array_000000', 'array_000001']


def test_other_models_or_options_are_refused(tmp_path):
    inputs = images(tmp_path / 'in', 'a.png')
    out = tmp_path / 'out'
    run(inputs, out)
    other = dict(IDENTITY, models=[dict(task='pose-17', sha256='1' * 64)])
    with pytest.raises(ValueError, match=r'models\.0\.sha256 was .*overwrite'):
        run(inputs, out, identity=other)
    assert run(inputs, out, identity=other, overwrite=True) == ['a']
    assert run(inputs, out, identity=other) == []


def test_other_drawings_are_drawn_again(tmp_path):
    inputs = images(tmp_path / 'in', 'a.png')
    make_video(tmp_path / 'in/clip.mp4', 2)
    out = tmp_path / 'out'
    run(inputs, out)
    names = run(inputs, out, threshold=0.5)
    assert names == ['a', 'clip/000000', 'clip/000001']
    assert run(inputs, out, threshold=0.5) == []


def test_the_video_of_a_camera_ends_with_the_run(tmp_path):
    frames = [
        made_frame(
            f'webcam_0/{index:06d}',
            source='webcam:0',
            index=index,
            time_s=index / 10,
            video='webcam_0',
        )
        for index in range(3)
    ]
    out = tmp_path / 'out'
    with pytest.raises(StopHereError):
        run(frames, out, stop_at='webcam_0/000002')
    reader = VideoReader(out / 'video/webcam_0.mp4', 'camera')
    assert len(list(reader.read())) == 2


def test_a_file_cannot_be_the_folder(tmp_path):
    (tmp_path / 'out').write_text('')
    with pytest.raises(NotADirectoryError, match='Choose another name'):
        run(images(tmp_path / 'in', 'a.png'), tmp_path / 'out')


def test_two_runs_cannot_write_to_one_folder(tmp_path):
    inputs = images(tmp_path / 'in', 'a.png')
    code = (
        'import sys\n'
        'from mmsapiens.core.folder_lock import lock_folder\n'
        'lock = lock_folder(sys.argv[1])\n'
        "print('held', flush=True)\n"
        'sys.stdin.read()\n'
    )
    command = [sys.executable, '-c', code, str(tmp_path / 'out')]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as other:
        assert other.stdout.readline() == b'held\n'
        with pytest.raises(FolderInUseError, match=f'{other.pid}.*`--out`'):
            run(inputs, tmp_path / 'out')
        assert not (tmp_path / 'out/done.jsonl').exists()
        other.kill()
    assert run(inputs, tmp_path / 'out') == ['a']


@pytest.mark.parametrize('stop_at', [0, 1, 3, 4, 5, 8, 9])
def test_an_interrupted_video_gives_the_same_files(stop_at, tmp_path):
    make_video(tmp_path / 'clip.mp4', 10)
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    run(str(tmp_path / 'clip.mp4'), whole)
    name = f'clip/{stop_at:06d}'
    with pytest.raises(StopHereError):
        run(str(tmp_path / 'clip.mp4'), broken, stop_at=name)
    assert not (broken / 'video/clip.mp4').exists()
    rest = run(str(tmp_path / 'clip.mp4'), broken)
    assert rest == [f'clip/{index:06d}' for index in range(stop_at, 10)]
    first, second = files(whole), files(broken)
    assert set(first) == set(second)
    different = {name for name in first if first[name] != second[name]}
    assert different <= {'video/clip.mp4'}  # key frames may be elsewhere
    frames = list(VideoReader(broken / 'video/clip.mp4', 'clip').read())
    assert [round(frame.time_s, 3) for frame in frames] == [index / 10 for index in range(10)]
    assert not (broken / '.parts').exists()
    entry = manifest(broken)['inputs'][0]
    assert entry['frames'] == dict(first=0, last=9, step=1, count=10, people=10)
    assert run(str(tmp_path / 'clip.mp4'), broken) == []


def test_checkpoints_outlive_a_continued_run(tmp_path):
    make_video(tmp_path / 'clip.mp4', 12)
    clip, out = str(tmp_path / 'clip.mp4'), tmp_path / 'out'
    for stop_at in ('clip/000005', 'clip/000009'):
        with pytest.raises(StopHereError):
            run(clip, out, stop_at=stop_at)
    (out / 'pose-17/clip/000008.json').unlink()
    names = run(clip, out)
    assert names[0] == 'clip/000005'


def test_a_video_is_redone_from_a_missing_file(tmp_path):
    make_video(tmp_path / 'clip.mp4', 10)
    out = tmp_path / 'out'
    with pytest.raises(StopHereError):
        run(str(tmp_path / 'clip.mp4'), out, stop_at='clip/000009')
    before = files(out)
    (out / 'pose-17/clip/000006.json').unlink()
    names = run(str(tmp_path / 'clip.mp4'), out)
    assert names[0] == 'clip/000004'
    path = 'pose-17/clip/000006.json'
    assert files(out)[path] == before[path]


def test_results_of_a_run_are_joined_in_order(tmp_path):
    inputs = images(tmp_path / 'in', 'a.png', 'b.png')
    make_video(tmp_path / 'in/clip.mp4', 3)
    run(inputs, tmp_path / 'out')
    path = tmp_path / 'out/coco/pose-17_images.json'
    names = [one['name'] for one in json.loads(path.read_text())['images']]
    assert names == ['a', 'b', 'clip/000000', 'clip/000001', 'clip/000002']


def test_a_video_that_cannot_be_read_does_not_stop_the_next(tmp_path):
    make_video(tmp_path / 'b.mp4', 2)
    (tmp_path / 'a.mp4').write_bytes(b'no video')
    inputs = [tmp_path / 'a.mp4', tmp_path / 'b.mp4']
    assert run(inputs, tmp_path / 'out') == ['b/000000', 'b/000001']
    statuses = [one['status'] for one in manifest(tmp_path / 'out')['inputs']]
    assert statuses == ['failed', 'done']


def test_unfinished_files_of_other_programs_stay(tmp_path):
    """The folder may have others inside, such as of a training."""
    inputs, out = images(tmp_path / 'in', 'a.png'), tmp_path / 'out'
    run(inputs, out)
    ours = [
        out / '.manifest.json.12345678.partial',
        out / 'coco/.pose-17_images.json.12345678.partial',
        out / 'pose-17/inner/.a.json.12345678.partial',
    ]
    others = [out / '.weights.pth.partial', out / 'work_dirs/.last_checkpoint.12345678.partial']
    for path in (*ours, *others):
        path.parent.mkdir(exist_ok=True)
        path.write_text('half')
    assert run(inputs, out) == []
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in others)


def test_an_empty_file_is_made_again(tmp_path):
    """As a failure of the power may leave it."""
    inputs, out = images(tmp_path / 'in', 'a.png', 'b.png'), tmp_path / 'out'
    run(inputs, out)
    (out / 'pose-17/a.json').write_bytes(b'')
    assert run(inputs, out) == ['a']
    assert json.loads((out / 'pose-17/a.json').read_text())['instance_info']


@pytest.mark.parametrize('half', [b'{"half a li', b'[]\n', b'{"options": 3}\n'])
def test_other_lines_in_the_log_count_as_none(half, tmp_path):
    inputs, out = images(tmp_path / 'in', 'a.png', 'b.png'), tmp_path / 'out'
    with pytest.raises(StopHereError):
        run(inputs, out, stop_at='b')
    with open(out / 'done.jsonl', 'ab') as log:
        log.write(half)
    assert run(inputs, out) == ['b']
    assert run(inputs, out) == []


def test_a_log_without_its_manifest_is_still_of_its_options(tmp_path):
    inputs, out = images(tmp_path / 'in', 'a.png'), tmp_path / 'out'
    run(inputs, out)
    (out / 'manifest.json').unlink()
    assert run(inputs, out) == []
    (out / 'manifest.json').unlink()
    with pytest.raises(ValueError, match=r'done\.jsonl'):
        run(inputs, out, identity=dict(IDENTITY, options=dict(a=1)))
    (out / 'manifest.json').write_text('{half')
    with pytest.raises(ValueError, match='is damaged'):
        run(inputs, out)


def test_a_finished_folder_stays_as_it_is(tmp_path):
    inputs, out = images(tmp_path / 'in', 'a.png'), tmp_path / 'out'
    make_video(tmp_path / 'in/clip.mp4', 6)
    run(inputs, out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob('*') if path.is_file()}
    assert run(inputs, out) == []
    del times[out / '.run.lock']
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


LINE = """
import sys, time
sys.path[:0] = {paths!r}
import test_output_folder as module
make = module.result_of
def stuck(frame):
    time.sleep(600 if frame.name.endswith('09') else 0)
    return make(frame)
module.result_of = stuck
module.run(sys.argv[1], 'out')
"""


@pytest.mark.parametrize('inputs', ['in', 'clip.mp4'])
def test_a_killed_run_is_continued(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images(tmp_path / 'in', *(f'{index:02d}.png' for index in range(12)))
    make_video(tmp_path / 'clip.mp4', 12)
    run(inputs, tmp_path / 'whole')
    code = LINE.format(paths=[os.path.dirname(__file__), *sys.path])
    process = subprocess.Popen([sys.executable, '-c', code, inputs])
    while not list(tmp_path.glob('out/pose-17/**/*08.json')) and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    assert process.wait() < 0
    out = tmp_path / 'out'
    assert not (out / 'video/clip.mp4').exists()
    for path in out.rglob('*.json'):
        if not path.name.startswith('.'):
            json.loads(path.read_text())
    (out / 'pose-17/.x.json.12345678.partial').write_bytes(b'half')
    names = [name.split('/')[-1] for name in run(inputs, out)]
    assert names[0] in ('000008', '08', '09')
    assert names == sorted(names) and names[-1].endswith('11')
    first, second = files(tmp_path / 'whole'), files(out)
    assert set(first) == set(second)
    different = {name for name in first if first[name] != second[name]}
    assert different <= {'video/clip.mp4'}  # key frames may be elsewhere
    assert run(inputs, out) == []
