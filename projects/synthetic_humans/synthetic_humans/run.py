"""Render a dataset: many processes or machines, restartable.

The work is a function of the number of an image; who does it when makes no difference to the
files.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from .coco import LICENSE, write_annotations
from .sample import Sample, render_sample
from .settings import Settings
from .writers import AtomicFolder, Formats, encode_json, write_sample

Report = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Job:
    """A dataset to be rendered.

    Args:
        out (Path): Folder of the dataset.
        count (int): Number of images.
        settings (Settings): What they have in common.
        formats (Formats): How maps are stored.
        scans (tuple[Path, ...]): Scans instead of parametric people. Defaults to ().
        scan_up (str): Upward axis of the scans. Defaults to 'auto'.
        scan_unit (float | None): Metres in a unit of the scans. Defaults to None, guessed.
        shard (tuple[int, int]): This part and the number of parts. Defaults to (0, 1).
        val_share (float): Share of the subjects for validation. Defaults to
            0.1.
    """

    out: Path
    count: int
    settings: Settings
    formats: Formats = field(default_factory=Formats)
    scans: tuple[Path, ...] = ()
    scan_up: str = 'auto'
    scan_unit: float | None = None
    shard: tuple[int, int] = (0, 1)
    val_share: float = 0.1

    def __post_init__(self) -> None:
        part, parts = self.shard
        if not 0 <= part < parts:
            raise ValueError(f'`shard` must be i/n with 0 <= i < n, but got {part}/{parts}')
        if self.count < 1:
            raise ValueError(f'`count` must be positive, but got {self.count}')
        if not 0 <= self.val_share <= 1:
            raise ValueError(f'`val_share` must be in [0, 1], but got {self.val_share}')

    def name(self, index: int) -> str:
        """Name of an image, without an ending."""
        return f'{self.settings.seed:04d}_{index:07d}'

    def mine(self) -> range:
        """Numbers of the images of this shard."""
        part, parts = self.shard
        return range(part, self.count, parts)

    def is_done(self, index: int) -> bool:
        """Whether an image is finished."""
        return (self.out / 'samples' / f'{self.name(index)}.json').exists()

    def folder(self) -> AtomicFolder:
        """Where files are written."""
        part, parts = self.shard
        return AtomicFolder(self.out, self.out / '.unfinished' / f'{part}-{parts}')

    def identity(self) -> dict[str, Any]:
        """What must not change between runs into one folder."""
        settings = asdict(self.settings)
        del settings['device']
        if settings['yaw'] == 'mixed':
            del settings['yaw']  # sets from before there was a choice
        for key in ('panoramas', 'images'):
            settings[key] = [path.name for path in settings[key]]
        return json.loads(
            json.dumps(
                {
                    'settings': settings,
                    'formats': asdict(self.formats),
                    'scans': [path.name for path in self.scans],
                    'scan_frame': [self.scan_up, self.scan_unit],
                    'val_share': self.val_share,
                    'depth': 'meters along the optical axis, 0 outside',
                    'normals': f'unit, axes of {self.formats.axes}',
                    'license': LICENSE,
                }
            )
        )


def render(job: Job, index: int) -> Sample:
    """One image of a job."""
    if job.scans:
        from .scans import render_scan

        return render_scan(job.settings, job.scans, index, job.scan_up, job.scan_unit)
    return render_sample(job.settings, index)


def render_one(job: Job, index: int) -> tuple[int, dict[str, float]]:
    """Render and write one image unless it is finished.

    Returns:
        tuple: Its number, and seconds by stage.
    """
    if job.is_done(index):
        return index, {}
    sample = render(job, index)
    write_sample(job.folder(), job.name(index), sample, job.formats)
    return index, sample.seconds


def prepare(job: Job) -> list[int]:
    """Open the folder and find what is left to do.

    Raises:
        ValueError: If the folder holds a dataset of other settings.
    """
    job.out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(job.folder().scratch, ignore_errors=True)
    record, identity = job.out / 'dataset.json', job.identity()
    if record.exists():
        have = json.loads(record.read_text('utf-8'))
        differing = [k for k in identity if have.get(k) != identity[k]]
        if differing:
            raise ValueError(
                f'{job.out} holds a dataset with other {differing}; choose '
                f'another folder, or the arguments of that run'
            )
    else:
        job.folder().write('dataset.json', lambda: encode_json(identity))
    return [index for index in job.mine() if not job.is_done(index)]


def start_worker() -> None:
    """One thread for each process: they share the cores."""
    os.environ['OMP_NUM_THREADS'] = '1'
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _in_turn(job: Job, todo: Sequence[int]) -> Iterator[dict[str, float]]:
    start_worker()
    for index in todo:
        yield render_one(job, index)[1]


def _with_processes(job: Job, todo: Sequence[int], workers: int) -> Iterator[dict[str, float]]:
    # Forked children would share the parent's Warp and torch threads.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
        futures = [pool.submit(render_one, job, index) for index in todo]
        try:
            for future in as_completed(futures):
                yield future.result()[1]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _with_ray(job: Job, todo: Sequence[int]) -> Iterator[dict[str, float]]:
    import ray

    ray.init(ignore_reinit_error=True)
    gpus = 1 if job.settings.device.startswith('cuda') else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus)(render_one)
    waiting = [task.remote(job, index) for index in todo]
    while waiting:
        done, waiting = ray.wait(waiting)
        for result in ray.get(done):
            yield result[1]


def run(job: Job, *, workers: int = 1, use_ray: bool = False) -> dict[str, float]:
    """Render what is missing and write the annotation files.

    Args:
        job (Job): The dataset.
        workers (int): Processes on this machine. Defaults to 1.
        use_ray (bool): Give the work to a Ray cluster. Defaults to False.

    Returns:
        dict[str, float]: Mean seconds of an image by stage.
    """
    todo = prepare(job)
    if use_ray:
        results = _with_ray(job, todo)
    elif workers > 1 and len(todo) > 1:
        results = _with_processes(job, todo, workers)
    else:
        results = _in_turn(job, todo)
    totals: dict[str, float] = {}
    with Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
    ) as progress:
        mine = len(job.mine())
        bar = progress.add_task('rendering', total=mine, completed=mine - len(todo))
        for seconds in results:
            for stage, value in seconds.items():
                totals[stage] = totals.get(stage, 0.0) + value
            progress.advance(bar)
    shutil.rmtree(job.folder().scratch, ignore_errors=True)
    finish(job)
    return {stage: value / len(todo) for stage, value in totals.items()}


def finish(job: Job) -> bool:
    """Write the annotation files if all shards are done.

    Returns:
        bool: Whether they are.
    """
    if not all(job.is_done(index) for index in range(job.count)):
        return False
    names = [job.name(index) for index in range(job.count)]
    folder = job.folder()
    write_annotations(folder, names, job.val_share)
    shutil.rmtree(folder.scratch, ignore_errors=True)
    unfinished = job.out / '.unfinished'
    if unfinished.is_dir() and not any(unfinished.iterdir()):
        unfinished.rmdir()
    return True
