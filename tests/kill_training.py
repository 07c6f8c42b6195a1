#!/usr/bin/env python
"""Kill a training of two processes again and again, and compare.

Trains a tiny masked autoencoder on shards once without interruption, and once killed by SIGKILL at
random moments, half of them while a checkpoint is written. The training is divided into as many
parts as there are kills, one in each: the moments are spread over all of it. Each restart runs the
same command. Losses, learning rates and samples of every step, final weights and the optimizer must
be equal bit by bit. Takes about ten seconds per start.
"""

import argparse
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

WORLD_SIZE = 2
INTERVAL = 5
POLL_S = 0.0005
TAIL_BYTES = 1000
SHARES = ['saving', 'training'] * 4 + ['saving', 'starting']


def train(folder, work_dir, steps, loop):
    """One process of the training; the same for start and restart."""
    import torch.distributed as dist
    from tiny_training import TinyTraining

    import mmsapiens  # noqa: F401  before the hosts

    dist.init_process_group('gloo')
    TinyTraining(folder, work_dir, steps, INTERVAL, loop).runner().train()
    dist.destroy_process_group()


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


def environment(rank, port):
    """Variables of one process."""
    return os.environ | dict(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(WORLD_SIZE),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        OMP_NUM_THREADS='1',
        CUDA_VISIBLE_DEVICES='',
        PYTHONPATH=os.pathsep.join(map(str, Path(__file__).parents[:2])),
    )


class Run:
    """Processes of one start.

    Args:
        folder (Path): Of the shards.
        work_dir (Path): For checkpoints and records.
        steps (int): Steps of the whole training.
        loop (str): 'epoch' or 'iter'.
    """

    def __init__(self, folder, work_dir, steps, loop):
        self.work_dir = work_dir
        self.old_bytes = record_bytes(work_dir)
        port = free_port()
        command = [sys.executable, __file__, '--train']
        command += [str(folder), str(work_dir), str(steps), loop]
        self.log = (work_dir / 'output.txt').open('ab')
        self.processes = [
            subprocess.Popen(
                command,
                env=environment(rank, port),
                stdout=self.log,
                stderr=self.log,
                start_new_session=True,
            )
            for rank in range(WORLD_SIZE)
        ]

    @property
    def is_running(self):
        return all(process.poll() is None for process in self.processes)

    def kill(self):
        """End both processes and their workers at once."""
        for process in self.processes:
            with suppress(ProcessLookupError):  # it has ended
                os.killpg(process.pid, signal.SIGKILL)
        self.wait()

    def wait(self):
        """Wait for the end; the exit codes."""
        codes = [process.wait() for process in self.processes]
        self.log.close()
        return codes

    def wait_until(self, condition):
        """Whether it came true while the processes were running."""
        while self.is_running:
            if condition():
                return True
            time.sleep(POLL_S)
        return False


def read_records(work_dir):
    """Records by (rank, step); equal ones of restarts are merged.

    Raises:
        AssertionError: If a restart did a step in another way.
    """
    records, repeated = {}, 0
    for rank in range(WORLD_SIZE):
        path = work_dir / f'steps_{rank}.jsonl'
        for line in path.read_text().splitlines() if path.exists() else ():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue  # killed while writing
            key = rank, record['step']
            assert records.setdefault(key, record) == record, (
                f'rank, step {key}: {record} after {records[key]}'
            )
            repeated += records[key] is not record
    return records, repeated


def record_bytes(work_dir):
    path = work_dir / 'steps_0.jsonl'
    return path.stat().st_size if path.exists() else 0


def last_step(work_dir):
    """The step of the last whole record; 0 if there is none."""
    path = work_dir / 'steps_0.jsonl'
    if not path.exists():
        return 0
    with path.open('rb') as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
        steps = re.findall(rb'"step": (\d+),.*\n', file.read())
    return int(steps[-1]) if steps else 0


def has_reached(run, step):
    """Whether this start, not only an earlier one, has done a step."""
    return record_bytes(run.work_dir) > run.old_bytes and last_step(run.work_dir) >= step


def is_saving(work_dir):
    return any(work_dir.glob('.iter_*.partial'))


def kill_once(run, kind, step, generator):
    """Kill at a random moment of the given kind; whether it still ran.

    Args:
        run (Run): Just started.
        kind (str): 'starting', 'training' or 'saving'.
        step (int): The kill comes after this step, unless it comes at the start.
        generator (random.Random): Of the moment.
    """
    if kind == 'starting':
        time.sleep(generator.uniform(0, 6))
    else:
        run.wait_until(lambda: has_reached(run, step))
        if kind == 'saving':
            run.wait_until(lambda: is_saving(run.work_dir))
            time.sleep(generator.uniform(0, 0.002))
        else:
            time.sleep(generator.uniform(0, 0.05))
    was_running = run.is_running
    run.kill()
    return was_running


def draw_steps(num_kills, steps, generator):
    """A step out of each of ``num_kills`` equal parts of a training.

    The last ones leave time to reach a checkpoint before the end.
    """
    length = (steps - INTERVAL) / num_kills
    return [max(1, int((part + generator.random()) * length)) for part in range(num_kills)]


def load_final(work_dir, steps):
    import torch

    path = work_dir / f'iter_{steps}.pth'
    return torch.load(path, map_location='cpu', weights_only=False)


def equal(a, b):
    """Whether two nested structures are equal bit by bit."""
    import torch

    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def run_to_end(folder, work_dir, steps, loop):
    run = Run(folder, work_dir, steps, loop)
    codes = run.wait()
    if any(codes):
        print((work_dir / 'output.txt').read_text()[-4000:])
        raise SystemExit(f'training ended with {codes}')


def kill_test(folder, num_kills, steps, seed, loop='epoch', kinds=None):
    """Run both trainings and compare them.

    Args:
        folder (Path): For everything.
        num_kills (int): How often to kill.
        steps (int): Steps of the training.
        seed (int): Of the moments.
        loop (str): 'epoch' or 'iter'. Defaults to 'epoch'.
        kinds (list[str], optional): What to interrupt, one after the other: 'starting', 'training'
            or 'saving'. Defaults to None, half of them while saving and a tenth at the start, in
            random order.

    Returns:
        dict: Figures for a report.
    """
    from image_shards import write_shards

    import mmsapiens  # noqa: F401  before the hosts

    generator = random.Random(seed)
    shards = Path(write_shards(folder / 'data', 53, 9, size_hw=(64, 64)))
    straight, killed = folder / 'straight', folder / 'killed'
    straight.mkdir(), killed.mkdir()
    run_to_end(shards, straight, steps, loop)
    expected, _ = read_records(straight)
    assert len(expected) == WORLD_SIZE * steps

    if kinds is None:
        kinds = [SHARES[number % len(SHARES)] for number in range(num_kills)]
        generator.shuffle(kinds)
    done: Counter = Counter()
    positions = []
    half_written = 0
    for number, step in enumerate(draw_steps(num_kills, steps, generator)):
        kind = kinds[number % len(kinds)]
        run = Run(shards, killed, steps, loop)
        if not kill_once(run, kind, step, generator):
            raise SystemExit(
                f'the training ended before kill {number + 1} of {num_kills}:'
                f'\n{(killed / "output.txt").read_text()[-4000:]}'
            )
        partial = is_saving(killed)
        newest = sorted(path.name for path in killed.glob('iter_*.pth'))
        done[kind] += 1
        half_written += partial
        positions.append(last_step(killed))
        print(
            f'kill {number + 1} after step {positions[-1]} while {kind}'
            f'{", half-written checkpoint left" if partial else ""}; '
            f'whole: {newest}',
            flush=True,
        )
    run_to_end(shards, killed, steps, loop)
    records, repeated = read_records(killed)
    assert records == expected, 'steps differ'
    ends = [load_final(path, steps) for path in (straight, killed)]
    for name in ('state_dict', 'optimizer', 'param_schedulers', 'data_state'):
        assert equal(ends[0][name], ends[1][name]), f'{name} differs'
    return dict(
        kills=dict(done),
        after_steps=positions,
        half_written_checkpoints=half_written,
        steps=steps,
        records=len(records),
        repeated_records=repeated,
    )


def main():
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--steps', type=int, default=280)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--loop', choices=['epoch', 'iter'], default='epoch')
    parser.add_argument('--keep', help='new folder to keep everything in')
    parser.add_argument('--train', nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train:
        folder, work_dir, steps, loop = args.train
        train(folder, work_dir, int(steps), loop)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        start = time.time()
        figures = kill_test(folder, args.kills, args.steps, args.seed, args.loop)
    print(f'equal bit by bit: {figures}, {time.time() - start:.0f} s')


if __name__ == '__main__':
    main()
