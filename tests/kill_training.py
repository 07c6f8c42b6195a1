#!/usr/bin/env python
"""Kill a training of two processes again and again, and compare.

Trains a tiny masked autoencoder on shards once without interruption, and once
killed by SIGKILL at random moments, half of them while a checkpoint is
written. Each restart runs the same command. Losses, learning rates and
samples of every step, final weights and the optimizer must be equal bit by
bit. Takes about ten seconds per start.
"""

import argparse
import json
import os
import random
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
        PYTHONPATH=str(Path(__file__).parent),
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


def is_saving(work_dir):
    return any(work_dir.glob('.iter_*.partial'))


def kill_once(run, kind, generator, steps_between):
    """Kill at a random moment of the given kind; whether it still ran."""
    work_dir = run.work_dir
    if kind == 'starting':
        time.sleep(generator.uniform(0, 6))
    else:
        line = 130  # bytes of a record, about
        num_steps = generator.randint(0, max(1, steps_between // 2))
        goal = record_bytes(work_dir) + line * num_steps
        run.wait_until(lambda: record_bytes(work_dir) > goal)
        if kind == 'saving':
            run.wait_until(lambda: is_saving(work_dir))
            time.sleep(generator.uniform(0, 0.002))
        else:
            time.sleep(generator.uniform(0, 0.05))
    was_running = run.is_running
    run.kill()
    return was_running


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
        kinds (list[str], optional): What to interrupt, one after the other:
            'starting', 'training' or 'saving'. Defaults to None, at random.

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

    weights = dict(starting=1, training=4, saving=5)
    done: Counter = Counter()
    half_written = 0
    while done.total() < num_kills:
        if kinds is not None:
            kind = kinds[done.total() % len(kinds)]
        else:
            (kind,) = generator.choices(
                list(weights), weights=list(weights.values())
            )
        run = Run(shards, killed, steps, loop)
        if not kill_once(run, kind, generator, steps // num_kills):
            break
        partial = is_saving(killed)
        newest = sorted(path.name for path in killed.glob('iter_*.pth'))
        done[kind] += 1
        half_written += partial
        print(
            f'kill {done.total()} while {kind}'
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
        figures = kill_test(
            folder, args.kills, args.steps, args.seed, args.loop
        )
    print(f'equal bit by bit: {figures}, {time.time() - start:.0f} s')


if __name__ == '__main__':
    main()
