#!/usr/bin/env python
"""What curating costs: engines side by side, and the worker against a simple one.

`engines` runs Ray and a pool of processes in turn over the same pool. `worker` runs the worker and
a baseline in turn in one process: it decodes every image at its full size, checks one after the
other with arrays of its own, and holds the shard of a unit in memory. `memory` runs the worker over
units of more and more images, `growth` tells the memory of the driver and of each actor of Ray
while a pool is judged. CPU seconds and memory (PSS) are those of all processes of a run.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault('OMP_NUM_THREADS', '1')
ROOT = Path(__file__).resolve().parents[2]
PATH = [str(ROOT / 'projects/human_curation'), str(ROOT)]
sys.path[:0] = PATH

TICKS = os.sysconf('SC_CLK_TCK')
EVERY_S = 1.0
MEMORY_EVERY = 10
"""Looks at the processes between two that ask for their memory, which stops them for a moment."""


def _below(root: int) -> list[int]:
    """A process and all that come from it, also those that it has left behind."""
    parents: dict[int, int] = {}
    for folder in Path('/proc').iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / 'stat').read_text().rpartition(')')[2].split()
            except OSError:
                continue  # it has ended
            parents[int(folder.name)] = int(fields[1])
    found = [root]
    for pid in found:  # which grows
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _cpu_s(pid: int) -> float:
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _pss_mb(pid: int) -> float:
    text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    return int(next(line for line in text.splitlines() if line.startswith('Pss:')).split()[1]) / 1e3


def measured(command: list[str]) -> dict[str, Any]:
    """Run a command whose last line is JSON; adds ``wall_s``, ``cpu_s`` and ``peak_mb``."""
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(PATH), RAY_worker_niceness='0')
    start = time.monotonic()
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    cpu: dict[int, float] = {}
    peak, looks = 0.0, 0
    while process.poll() is None:
        total = 0.0
        for pid in _below(process.pid):
            try:
                cpu[pid] = _cpu_s(pid)
                total += _pss_mb(pid) if looks % MEMORY_EVERY == 0 else 0
            except (OSError, StopIteration):
                continue  # it has ended
        peak, looks = max(peak, total), looks + 1
        time.sleep(EVERY_S)
    wall = time.monotonic() - start
    assert process.stdout is not None  # a pipe
    lines = process.stdout.read().decode().strip().splitlines()
    if process.returncode:
        raise RuntimeError(f'{" ".join(command)} ended with {process.returncode}')
    return dict(json.loads(lines[-1]), wall_s=wall, cpu_s=sum(cpu.values()), peak_mb=peak)


class Baseline:
    """Judges a unit as simply as one would write it first; same checks, networks and limits."""

    def __init__(self, out: Path, options: Any) -> None:
        from human_curation.models import Network

        self.out, self.limits = out, options.all_limits()
        self.networks = {name: Network(model) for name, model in options.models.items()}

    def __call__(self, number: int, unit: Any) -> dict[str, str]:
        """The verdicts by key; the shard is written at the end."""
        from human_curation.pool import read_unit

        shard, verdicts = io.BytesIO(), {}
        with tarfile.open(fileobj=shard, mode='w') as tar:
            for item in read_unit(unit):
                verdicts[item.key] = self.judge(item.content)
                if verdicts[item.key] == 'kept':
                    info = tarfile.TarInfo(item.key + item.suffix)
                    info.size = len(item.content)
                    tar.addfile(info, io.BytesIO(item.content))
        (self.out / f'{number:06d}.tar').write_bytes(shard.getvalue())
        return verdicts

    def judge(self, content: bytes) -> str:
        """Every image is decoded; its size is known then."""
        import hashlib

        import cv2
        import numpy as np
        import pdqhash

        hashlib.sha256(content).hexdigest()
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if image is None or b'\xff\xd9' not in content[-64:]:
            return 'broken'
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        shorter, longer = sorted(image.shape[:2])
        if shorter <= self.limits['size']:
            return 'size'
        if longer / shorter > self.limits['aspect']:
            return 'aspect'
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if (np.diff(gray.astype(np.int16)) == 0).mean() > self.limits['flat']:
            return 'flat'
        for name in ('explicit', 'person', 'text'):
            if name in self.networks and not self.passes(name, image):
                return name
        pdqhash.compute(image)
        return 'kept'

    def passes(self, name: str, image: Any) -> bool:
        """Resize, subtract and divide as in a paper's appendix, and ask the network."""
        import cv2
        import numpy as np

        network = self.networks[name]
        given = network.description
        size = given.stretch_to or given.size
        x = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
        top, left = (size[0] - given.size[0]) // 2, (size[1] - given.size[1]) // 2
        x = x[top : top + given.size[0], left : left + given.size[1]]
        x = x[..., ::-1] if given.color == 'bgr' else x
        x = (x - np.array(given.mean)) / np.array(given.std)
        x = x.transpose(2, 0, 1) if given.layout == 'NCHW' else x
        answers = network.session.run(
            network.outputs, {network.input.name: np.ascontiguousarray(x[None], np.float32)}
        )
        if name != 'person':
            answer = answers[0]
            is_area = given.kind == 'area'
            score = (answer > given.threshold).mean() if is_area else answer[0, given.column]
            return score <= self.limits[name]
        boxes, scores = network._peaks(answers[0][0], answers[1][0])
        height, width = image.shape[:2]
        boxes = boxes.clip(0, given.size[0]) * np.array([width, height] * 2) / given.size[0]
        sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        return scores[sides > self.limits['box']].max(initial=0) >= self.limits['person']


def one_run(args: argparse.Namespace) -> None:
    """What the child process does: one way over the pool; prints JSON."""
    from human_curation.options import options_of
    from human_curation.pool import find_units
    from human_curation.run import curate

    options = options_of(args)
    out = Path(args.work_dir, 'run')
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if args.way == 'baseline':
        import cv2

        cv2.setNumThreads(1)
        judge, verdicts = Baseline(out, options), {}
        start = time.monotonic()
        for number, unit in enumerate(find_units(args.pool)):
            verdicts.update({f'{unit.name}/{k}': v for k, v in judge(number, unit).items()})
        seconds = time.monotonic() - start
    else:
        import pyarrow.parquet as pq

        start = time.monotonic()
        summary = curate(args.pool, out, options, engine=args.way, workers=args.workers)
        seconds = summary['images'] / summary['images_per_s']
        verdicts = {}
        for path in sorted((out / 'verdicts').glob('*.parquet')):
            for row in pq.read_table(path, columns=['unit', 'key', 'verdict']).to_pylist():
                verdicts[f'{row["unit"]}/{row["key"]}'] = row['verdict']
    (Path(args.work_dir) / f'{args.way}.json').write_text(json.dumps(verdicts))
    print(json.dumps(dict(images=len(verdicts), seconds=seconds)))


def enlarge(pool: str, target: Path, images: int) -> None:
    """A pool of one shard with so many files: JPEG files of a pool, each with a comment."""
    from human_curation.pool import find_units, read_unit

    files = [
        item.content
        for unit in find_units(pool)
        for item in read_unit(unit)
        if item.content and item.content.startswith(b'\xff\xd8')
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, 'w') as tar:
        for number in range(images):
            source = files[number % len(files)]
            text = f'{number:012d}'.encode()
            content = source[:2] + b'\xff\xfe\x00\x0e' + text + source[2:]
            info = tarfile.TarInfo(f'{number:09d}.jpg')
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def command_of(args: argparse.Namespace, way: str, pool: str | None = None) -> list[str]:
    """That of a process for one way."""
    command = [sys.executable, __file__, 'one', pool or args.pool, '--way', way]
    command += ['--work-dir', str(args.work_dir), '--workers', str(args.workers)]
    command += ['--models', args.models] if args.models else []
    for limit in args.limit:
        command += ['--limit', limit]
    return command


def child(args: argparse.Namespace, way: str, pool: str | None = None) -> dict[str, Any]:
    """Measure one way."""
    return measured(command_of(args, way, pool))


def growth(args: argparse.Namespace) -> None:
    """Memory of a driver and its actors whenever another thousand images are done."""
    timings = args.work_dir / 'run' / 'timings.jsonl'
    shutil.rmtree(args.work_dir / 'run', ignore_errors=True)
    print('| images | MB of the driver | of the actors |\n|---|---|---|')
    process = subprocess.Popen(
        command_of(args, 'ray'), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(PATH)),
    )  # fmt: skip
    shown = 0
    while process.poll() is None:
        time.sleep(EVERY_S)
        lines = timings.read_text().splitlines() if timings.is_file() else []
        images = sum(json.loads(line)['images'] for line in lines)
        if images >= shown + 1000:
            shown = images
            actors = [pid for pid in _below(process.pid) if 'MapWorker' in _name(pid)]
            sizes = ', '.join(f'{_pss_mb(pid):.0f}' for pid in actors)
            print(f'| {images} | {_pss_mb(process.pid):.0f} | {sizes} |', flush=True)
    if process.returncode:
        raise RuntimeError(f'the run ended with {process.returncode}')


def _name(pid: int) -> str:
    try:
        return Path(f'/proc/{pid}/cmdline').read_bytes().decode(errors='replace')
    except OSError:  # it has ended
        return ''


def show(way: str, found: dict[str, Any]) -> None:
    """A row of the table."""
    images = found['images']
    print(
        f'| {way} | {images} | {images / found["seconds"]:.1f} | {images / found["wall_s"]:.1f} | '
        f'{found["cpu_s"]:.1f} | {found["cpu_s"] * 1e3 / images:.1f} | {found["peak_mb"]:.0f} |',
        flush=True,
    )


def compare(args: argparse.Namespace, ways: tuple[str, str]) -> None:
    """Two ways in turn, and the ratio of their medians."""
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for turn in range(args.rounds):
        for way in ways if turn % 2 == 0 else ways[::-1]:
            runs[way].append(child(args, way))
            show(way, runs[way][-1])
    first, second = ways
    for name, value in (
        ('images/s without start-up', lambda r: r['images'] / r['seconds']),
        ('images/s with start-up', lambda r: r['images'] / r['wall_s']),
        ('CPU s', lambda r: r['cpu_s']),
        ('MB', lambda r: r['peak_mb']),
    ):
        one, other = (statistics.median(map(value, runs[way])) for way in ways)
        print(f'{name}: {first} {one:.1f}, {second} {other:.1f}, ratio {one / other:.2f}')
    verdicts = [json.loads(Path(args.work_dir, f'{way}.json').read_text()) for way in ways]
    unequal = [key for key in verdicts[0] if verdicts[0][key] != verdicts[1].get(key)]
    print(f'verdicts that differ: {len(unequal)} of {len(verdicts[0])}')


def main() -> int:
    """Run what was asked for."""
    from human_curation.options import add_options

    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('what', choices=['engines', 'worker', 'memory', 'growth', 'one'])
    add('pool')
    add('--work-dir', type=Path, required=True)
    add('--workers', type=int, default=2)
    add('--rounds', type=int, default=3)
    add('--way', choices=['ray', 'processes', 'inline', 'baseline'], help=argparse.SUPPRESS)
    add('--sizes', type=int, nargs='+', default=[1000, 10000], help='images, for `memory`')
    add_options(parser)
    args = parser.parse_args()
    if args.what == 'one':
        one_run(args)
        return 0
    if args.what == 'growth':
        growth(args)
        return 0
    print('| way | images | images/s | with start-up | CPU s | CPU ms an image | peak MB |')
    print('|---|---|---|---|---|---|---|')
    if args.what == 'engines':
        compare(args, ('ray', 'processes'))
    elif args.what == 'worker':
        compare(args, ('inline', 'baseline'))
    else:
        for size in args.sizes:
            shard = Path(args.work_dir, f'pool{size}', '0.tar')
            enlarge(args.pool, shard, size)
            show('inline', child(args, 'inline', str(shard.parent)))
            shutil.rmtree(shard.parent)
    return 0


if __name__ == '__main__':
    sys.exit(main())
