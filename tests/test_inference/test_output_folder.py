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
from mmsapiens.inference import durability, file_checks
from mmsapiens.inference.durability import Durability
from mmsapiens.inference.output_folder import OutputFolder
from mmsapiens.inference.temporal import TemporalFilter
from mmsapiens.inference.writers import AnnotatedVideo, KeypointWriter, OverlayWriter
from mmsapiens.io.sources import open_source
from mmsapiens.io.video_reader import VideoReader
from mmsapiens.structures.results import ImageResult, ReadFailure

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
    writers = [KeypointWriter('pose-17'), OverlayWriter('pose-17', threshold)]
    with OutputFolder(folder, writers, identity, video=video, **kwargs) as out:
        steady = TemporalFilter(smoothing={}, resume=out.state)
        for item in open_source(inputs).read(out.progress):
            if isinstance(item, ReadFailure):
                out.fail(item)
                continue
            names.append(item.name)
            if item.name == stop_at:
                raise StopHereError
            out.write(steady(result_of(item)), steady.snapshot())
    return names


def files(folder):
    """Content of all files that do not depend on time."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file() and path.name not in ('manifest.jsonl', '.run.lock')
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
        'from mmsapiens.core.folder_lock import FolderLock\n'
        'lock = FolderLock(sys.argv[1])\n'
        "print('held', flush=True)\n"
        'sys.stdin.read()\n'
    )
    command = [sys.executable, '-c', code, str(tmp_path / 'out')]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as other:
        assert other.stdout.readline() == b'held\n'
        with pytest.raises(FolderInUseError, match=f'{other.pid}.*`--out`'):
            run(inputs, tmp_path / 'out')
        assert not (tmp_path / 'out/manifest.jsonl').exists()
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


def killed(inputs, folder, monkeypatch, stop_at, **kwargs):
    """A run that brings nothing to the disk at its end."""
    with monkeypatch.context() as patch, pytest.raises(StopHereError):
        patch.setattr(Durability, 'settle', lambda self: None)
        run(inputs, folder, stop_at=stop_at, **kwargs)


@pytest.mark.parametrize('content', [b'', b'\0' * 3000, None], ids=['empty', 'zeros', 'one bit'])
def test_what_a_power_failure_damaged_is_made_again(content, tmp_path, monkeypatch):
    inputs = images(tmp_path / 'in', 'a.png', 'b.png', 'c.png')
    make_video(tmp_path / 'in/clip.mp4', 10)
    out = tmp_path / 'out'
    killed(inputs, out, monkeypatch, 'clip/000009')
    before = files(out)
    damaged = ['pose-17_overlay/b.jpg', 'pose-17/clip/000006.json']
    for name in damaged:
        data = bytearray(before[name])
        data[len(data) // 2] ^= 1
        (out / name).write_bytes(data if content is None else content)
    (out / 'pose-17/clip/000009.json').write_text('written, not noted')
    names = run(inputs, out)
    assert names == ['b', *(f'clip/{index:06d}' for index in range(4, 10))]
    after = files(out)
    for name in damaged:
        assert after[name] == before[name]
        assert after[f'{name}.damaged'] != before[name]


def test_a_damaged_file_that_nobody_asks_for_is_not_done(tmp_path, monkeypatch):
    inputs = images(tmp_path / 'in', 'a.png', 'b.png')
    out = tmp_path / 'out'
    killed(inputs, out, monkeypatch, 'b')
    (out / 'pose-17/a.json').write_bytes(b'')
    (tmp_path / 'in/a.png').unlink()
    assert run(inputs, out) == ['b']
    states = {one['name']: one['status'] for one in manifest(out)['inputs']}
    assert states == dict(a='partial', b='done')
    assert run(inputs, out) == []


def test_a_file_that_the_disk_cannot_read_is_damaged(tmp_path, monkeypatch):
    inputs = images(tmp_path / 'in', 'a.png', 'b.png')
    out = tmp_path / 'out'
    killed(inputs, out, monkeypatch, 'b')

    def fail(path):
        raise OSError(5, 'Input/output error')

    with monkeypatch.context() as patch:
        patch.setattr(file_checks, 'file_check', fail)
        assert run(inputs, out) == ['a', 'b']


@pytest.mark.parametrize('is_video', [False, True])
def test_new_files_are_never_below_an_old_entry(is_video, tmp_path, monkeypatch):
    inputs = str(tmp_path / 'clip.mp4')
    if is_video:
        make_video(tmp_path / 'clip.mp4', 5)
    else:
        inputs = images(tmp_path / 'in', 'a.png', 'b.png')
    first = 'clip/000000' if is_video else 'a'
    out = tmp_path / 'out'
    run(inputs, out)
    (out / f'pose-17/{first}.json').unlink()
    on_disk = []
    fsync = os.fsync

    def look(number):
        fsync(number)
        on_disk[:] = [(out / 'manifest.jsonl').read_bytes()]

    write = KeypointWriter.write

    def write_and_remember(self, result, path):
        if result.frame.name == first:
            on_disk.append(on_disk[0])
        write(self, result, path)

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', look)
        patch.setattr(KeypointWriter, 'write', write_and_remember)
        patch.setattr(Durability, 'settle', lambda self: None)
        patch.setattr(OutputFolder, 'finish', lambda self: None)
        run(inputs, out)
    # The power fails: what was not brought to the disk is gone.
    (out / 'manifest.jsonl').write_bytes(on_disk[-1])
    for path in [*out.rglob('*.json'), *out.rglob('*.jpg')]:
        if path.stem == first.split('/')[-1]:
            path.write_bytes(b'')
    assert first in run(inputs, out)
    text = (out / f'pose-17/{first}.json').read_text()
    assert json.loads(text)['instance_info']


def test_results_are_brought_to_the_disk_at_the_end(tmp_path, monkeypatch):
    synced = []
    sync_files = durability.sync_files

    def sync(folder, paths):
        synced.extend(paths)
        sync_files(folder, paths)

    monkeypatch.setattr(durability, 'sync_files', sync)
    monkeypatch.setattr(durability, 'sync_file_system', synced.append)
    inputs = images(tmp_path / 'in', 'a.png', 'b.png')
    out = tmp_path / 'out'
    with pytest.raises(StopHereError):
        run(inputs, out, stop_at='b')
    assert synced == [out / 'pose-17/a.json', out / 'pose-17_overlay/a.jpg']
    # From here on the files are the user's.
    (out / 'pose-17_overlay/a.jpg').write_text('mine')
    synced.clear()
    assert run(inputs, out) == ['b']
    assert [str(path.relative_to(out)) for path in synced] == [
        'pose-17/b.json',
        'pose-17_overlay/b.jpg',
        'coco/pose-17_images.json',
        'coco/pose-17_results.json',
    ]
    assert (out / 'pose-17_overlay/a.jpg').read_text() == 'mine'
    synced.clear()
    assert run(inputs, out) == []
    assert synced == []
    images(tmp_path / 'in', 'c.png', 'd.png')
    killed(inputs, out, monkeypatch, 'd')
    # Files of a run that was killed are not known one by one.
    assert run(inputs, out) == ['d']
    assert synced == [out]


def test_many_results_are_brought_to_the_disk_together(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(durability, 'sync_file_system', synced.append)
    monkeypatch.setattr(durability, 'ONE_BY_ONE', 1)
    run(images(tmp_path / 'in', 'a.png'), tmp_path / 'out')
    assert synced == [tmp_path / 'out']


def test_a_disk_that_fails_is_told(tmp_path, monkeypatch):
    def fail(folder):
        raise OSError(28, 'No space left on device', str(folder))

    monkeypatch.setattr(durability, 'sync_file_system', fail)
    monkeypatch.setattr(durability, 'ONE_BY_ONE', 1)
    inputs = images(tmp_path / 'in', 'a.png')
    with pytest.raises(OSError, match='No space left'):
        run(inputs, tmp_path / 'out')
    lines = (tmp_path / 'out/manifest.jsonl').read_text()
    assert 'settled' not in lines


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


@pytest.mark.slow
def test_a_kill_loses_nothing_that_was_done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / 'clip.mp4', 30)
    code = (
        'import sys, time\n'
        f'sys.path[:0] = {[os.path.dirname(__file__), *sys.path]!r}\n'
        'import test_output_folder as module\n'
        'make = module.result_of\n'
        'def stuck(frame):\n'
        '    time.sleep(600 if frame.index == 11 else 0)\n'
        '    return make(frame)\n'
        'module.result_of = stuck\n'
        "module.run('clip.mp4', 'out')\n"
    )
    process = subprocess.Popen([sys.executable, '-c', code], cwd=tmp_path)
    wanted = tmp_path / 'out/pose-17/clip/000010.json'
    while not wanted.exists() and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    assert process.wait() < 0
    with open(tmp_path / 'out/manifest.jsonl', 'ab') as journal:
        journal.write(b'{"half a li')
    names = run('clip.mp4', tmp_path / 'out')
    assert 'clip/000008' >= names[0] > 'clip/000000'
    run('clip.mp4', tmp_path / 'whole')
    first, second = files(tmp_path / 'whole'), files(tmp_path / 'out')
    assert set(first) == set(second)
    path = 'coco/pose-17_results.json'
    assert first[path] == second[path]
