#!/usr/bin/env python
"""Kill runs that write results again and again, and compare the folders.

Results of images and videos are written by the code of ``mmsapiens infer``, without networks:
once without interruption, and in folders whose runs are killed by SIGKILL at random moments, each
continued by the next. After half of the kills, and after every end, the power fails as well: what
was not brought to the disk is emptied, zeroed, cut, as it was before, or gone. A run that came to
its end must have every file, equal byte by byte, and leave nothing to do for one more run; so must
runs that make files again that somebody has removed. Takes about a second for a kill.
"""

import argparse
import json
import logging
import multiprocessing
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import mmsapiens  # noqa: F401  # isort: skip  before the hosts
import av
import cv2
from inference_results import made_maps, made_people, made_pose
from odd_inputs.describe import make_image
from odd_inputs.videos import make_video
from simulated_disk import SimulatedDisk

from mmsapiens.inference import durability
from mmsapiens.inference.output_folder import OutputFolder
from mmsapiens.inference.temporal import TemporalFilter
from mmsapiens.inference.write_run import write_results
from mmsapiens.inference.writers import AnnotatedVideo, KeypointWriter, MapWriter, OverlayWriter
from mmsapiens.io.sources import open_source
from mmsapiens.structures.results import ImageResult

KINDS = {'many': (12, {'long.mp4': 30, 'inner/short.mp4': 7}), 'few': (4, {'inner/short.mp4': 7})}
"""Images, and frames of videos; few files are synced one by one."""
CHECKPOINT_FRAMES = 4
IDENTITY = dict(models=[dict(task='pose-17', sha256='0' * 64)], options={})
SUFFIXES = ('.json', '.npy', '.jpg')
"""Of the files of an image."""
UNLIKE = ('manifest.json', 'manifest.jsonl', '.run.lock')
"""What says when and how the results were made."""


def write_inputs(folder, kind):
    """Images and videos to work on."""
    (folder / 'inner').mkdir(parents=True)
    number, videos = KINDS[kind]
    for index in range(number):
        make_image().save(folder / f'{index:02d}.png')
    for name, count in videos.items():
        make_video(folder / name, count)


def result_of(frame):
    """A result that depends on the frame."""
    shift = (frame.index * 7) % 11
    people = made_people([(5 + shift, 5, 30 + shift, 40)])
    maps = made_maps(frame, people)
    tasks = {'pose-17': made_pose(people), 'depth': maps['depth']}
    return ImageResult(frame, people, tasks)


def infer(inputs, out, disk=None):
    """One run, in this process; its summary."""
    if disk is not None:
        disk.watch(durability)
    writers = [KeypointWriter('pose-17'), MapWriter('depth'), OverlayWriter('pose-17', 0.3)]
    folder = OutputFolder(
        out,
        writers,
        IDENTITY,
        video=AnnotatedVideo(['pose-17'], 'pose-17', 0.3),
        checkpoint_frames=CHECKPOINT_FRAMES,
    )
    steady = TemporalFilter(smoothing={}, resume=folder.state)
    frames = open_source(str(inputs)).read(folder.progress)
    results = (steady(result_of(frame)) for frame in frames)
    return write_results(folder, results, steady)


def infer_nothing(inputs, out):
    """One more run: there must be nothing to do."""
    summary = infer(inputs, out)
    assert (summary.done, summary.failed) == (0, []), summary


def start(target, *args):
    """A process that calls a function; it needs no time for imports."""
    process = multiprocessing.get_context('fork').Process(
        target=_call_quietly, args=(target, *args)
    )
    process.start()
    return process


def _call_quietly(target, *args):
    logging.disable(logging.WARNING)  # of each damaged file
    target(*args)


def finish(process):
    """Wait for its end.

    Raises:
        SystemExit: If it failed.
    """
    process.join()
    if process.exitcode:
        raise SystemExit(f'a run ended with {process.exitcode}, see above')


def contents(folder):
    """Files that must be equal, and how many damaged ones there are."""
    files, num_damaged = {}, 0
    for path in sorted(folder.rglob('*')):
        name = str(path.relative_to(folder))
        if path.suffix == '.damaged':
            num_damaged += 1
        elif path.suffix == '.mp4':
            files[name] = frame_times(path)
        elif path.is_file() and name not in UNLIKE:
            files[name] = path.read_bytes()
    return files, num_damaged


def frame_times(path):
    """Of a video: its pieces depend on the kills, its times do not."""
    with av.open(str(path)) as video:
        return [float(frame.time) for frame in video.decode(video=0)]


def progress(folder):
    """How far the runs in a folder are, from their journal."""
    path = folder / 'manifest.jsonl'
    lines = path.read_text().splitlines() if path.exists() else []
    if len(lines) < 2:
        return 'nothing noted'
    if 'settled' in lines[-1]:
        return 'all on the disk'
    return 'video' if any('"video"' in line for line in lines) else 'images'


class Expected:
    """Inputs, and the results of a run without interruption.

    Args:
        folder (Path): For both.
        kind (str): Of :data:`KINDS`.
    """

    def __init__(self, folder, kind):
        self.inputs = folder / 'inputs'
        self.count = KINDS[kind][0] + len(KINDS[kind][1])
        write_inputs(self.inputs, kind)
        began = time.monotonic()
        finish(start(infer, self.inputs, folder / 'straight'))
        self.seconds = time.monotonic() - began
        self.files, _ = contents(folder / 'straight')

    def check(self, out):
        """Everything must be there, and nothing left to do.

        Returns:
            int: Damaged files that were set aside.

        Raises:
            AssertionError: If something differs.
        """
        found, num_damaged = contents(out)
        names = self.files.keys() | found.keys()
        other = [n for n in names if self.files.get(n) != found.get(n)]
        assert not other, f'{out}: {sorted(other)} differ'
        document = json.loads((out / 'manifest.json').read_text())
        assert document['complete']
        assert document['counts']['done'] == self.count
        finish(start(infer_nothing, self.inputs, out))
        return num_damaged


class Killer:
    """Kills runs, lets the power fail, and counts.

    Args:
        num_kills (int): How often.
        generator (random.Random): Of the moments and of what is lost.
        log (Path): Of the disk.
    """

    def __init__(self, num_kills, generator, log):
        self.num_kills, self.generator, self.log = num_kills, generator, log
        self.figures, self.moments = Counter(), Counter()

    @property
    def has_kills(self):
        return self.figures['kills'] < self.num_kills

    def run(self, expected, out):
        """Runs until one comes to its end, and the power fails."""
        disk = SimulatedDisk(out, self.log)
        is_killed = True
        while is_killed:
            disk.remember()
            process = start(infer, expected.inputs, out, disk)
            if self.has_kills:
                moment_s = self.generator.uniform(0, expected.seconds)
                process.join(moment_s)
            else:
                process.join()
            is_killed = process.is_alive()
            if is_killed:
                process.kill()
                process.join()
                self.figures['kills'] += 1
                self.moments[progress(out)] += 1
            else:
                finish(process)
            if not is_killed or self.generator.random() < 0.5:
                self.figures['power failures'] += 1
                self.figures['files lost'] += disk.fail(self.generator)
        self.figures['ends'] += 1


def remove_some(out, generator):
    """Somebody removes one of the files of some images and frames."""
    files = [p for p in sorted(out.rglob('*')) if p.suffix in SUFFIXES]
    for path in generator.sample(files, len(files) // 4):
        path.unlink()


def kill_test(folder, num_kills, seed):
    """Kill runs and compare what they leave.

    Each folder is made, and made whole again after some of its files were removed.

    Args:
        folder (Path): For everything; empty.
        num_kills (int): How often to kill.
        seed (int): Of the moments and of what is lost.

    Returns:
        dict: Figures for a report.
    """
    generator = random.Random(seed)
    cv2.setNumThreads(1)  # threads would not be in the children
    write_inputs(folder / 'imports/inputs', 'few')
    infer(folder / 'imports/inputs', folder / 'imports/out')
    kinds = {kind: Expected(folder / kind, kind) for kind in KINDS}
    killer = Killer(num_kills, generator, folder / 'disk.jsonl')
    set_aside = 0
    while killer.has_kills:
        expected = kinds[generator.choice(list(KINDS))]
        out = folder / 'killed'
        out.mkdir()
        for _ in range(2):
            killer.run(expected, out)
            set_aside += expected.check(out)
            remove_some(out, generator)
        shutil.rmtree(out)
    return dict(killer.figures, set_aside=set_aside, killed_at=dict(killer.moments))


def main():
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=100)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--keep', help='new folder to keep everything in')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.time()
        figures = kill_test(folder, args.kills, args.seed)
    print(f'equal byte by byte: {figures}, {time.time() - began:.0f} s')


if __name__ == '__main__':
    main()
