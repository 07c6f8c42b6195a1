#!/usr/bin/env python
"""Kill a run at random moments, start it again, and compare with a run that was left alone.

Killed are the driver, an actor and a node of a cluster of Ray on this machine (a head without
processors and two nodes of one each), or with `--engine processes` the driver and a worker.
Shards, indexes and lists must be equal byte for byte, verdicts value for value, and no unit that
was done may be written again.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

os.environ.update(RAY_worker_niceness='0', OMP_NUM_THREADS='1', RAY_raylet_start_wait_time_s='180')
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import pyarrow.parquet as pq  # noqa: E402

from mmsapiens.core.atomic_files import TMP_SUFFIX  # noqa: E402

ACTOR = '_Actor'
WORKER = 'spawn_main'


class Machines:
    """The cluster, of which nodes can be lost."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        node = dict(object_store_memory=100 << 20)
        self.cluster = Cluster(initialize_head=True, head_node_args=dict(node, num_cpus=0))
        self.node = dict(node, num_cpus=1)
        self.nodes = [self.cluster.add_node(**self.node) for _ in range(2)]

    def lose_node(self, rng: random.Random) -> None:
        """Remove one without notice, and add another one."""
        lost = self.nodes.pop(rng.randrange(2))
        self.cluster.remove_node(lost, allow_graceful=False)
        self.nodes.append(self.cluster.add_node(**self.node))

    @property
    def address(self) -> str:
        """For `--address`."""
        return self.cluster.address


def children_with(text: str, of: int) -> list[int]:
    """Processes below one whose command line has a text."""
    parents, found = {}, []
    for folder in Path('/proc').iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            words = (folder / 'cmdline').read_bytes().decode(errors='replace')
            parent = int((folder / 'stat').read_text().rpartition(')')[2].split()[1])
        except (OSError, ValueError):
            continue  # it has ended
        parents[int(folder.name)] = parent
        if text in words:
            found.append(int(folder.name))

    def is_below(pid: int) -> bool:
        while pid in parents and pid != of:
            pid = parents[pid]
        return pid == of

    return [pid for pid in found if pid != of and is_below(pid)]


def start(args: argparse.Namespace, out: Path, address: str | None) -> subprocess.Popen:
    """The driver, as a process of its own."""
    command = [sys.executable, '-m', 'human_curation', 'run', args.pool, '--out', str(out)]
    command += ['--workers', '2', '--engine', args.engine]
    command += ['--models', args.models] if args.models else []
    command += ['--address', address] if address else []
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path[:2]))
    log = (out.parent / f'{out.name}.log').open('ab')
    return subprocess.Popen(command, env=env, stdout=log, stderr=log)


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """When the verdicts were written, by name."""
    found = {}
    for path in (out / 'verdicts').glob('0*.parquet'):
        stat = path.stat()
        found[path.name] = stat.st_ino, stat.st_mtime_ns
    return found


def bytes_under_way(out: Path) -> int:
    """Size of the shards that are being written."""
    total = 0
    for path in (out / 'images').glob(f'.*{TMP_SUFFIX}'):
        with suppress(FileNotFoundError):  # whole in the meantime
            total += path.stat().st_size
    return total


def is_at_work(out: Path) -> bool:
    """Whether a unit has been begun."""
    return any((out / 'verdicts').glob(f'.*{TMP_SUFFIX}'))


def differences(one: Path, other: Path) -> list[str]:
    """Names of the files that are not equal."""
    found = []
    for folder in ('images', 'verdicts'):
        names = {p.name for out in (one, other) for p in (out / folder).iterdir()}
        for name in sorted(names):
            first, second = one / folder / name, other / folder / name
            if not (first.is_file() and second.is_file()):
                found.append(f'{folder}/{name} is only in one')
            elif first.read_bytes() == second.read_bytes():
                continue
            elif folder == 'images' or not pq.read_table(first).equals(pq.read_table(second)):
                found.append(f'{folder}/{name}')
    return found


def kill_one(kind: str, driver: subprocess.Popen, machines: Machines | None, rng: Any) -> bool:
    """Do it; returns whether there was something to kill."""
    if kind == 'driver':
        driver.kill()
        driver.wait()
        return True
    if kind == 'node':
        assert machines is not None  # only with Ray
        machines.lose_node(rng)
        return True
    text, above = (WORKER, driver.pid) if machines is None else (ACTOR, os.getpid())
    pids = children_with(text, above)
    if pids:
        os.kill(rng.choice(pids), signal.SIGKILL)
    return bool(pids)


def main() -> int:
    """Run, print a table, and return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('pool')
    add('--work-dir', type=Path, required=True, help='a new folder')
    add('--models', help='as for `run`')
    add('--engine', choices=['ray', 'processes'], default='ray')
    add('--kills', type=int, default=20)
    add('--seed', type=int, default=0)
    add('--longest-wait', type=float, default=8, help='seconds between kills')
    args = parser.parse_args()
    args.work_dir.mkdir(parents=True)
    rng = random.Random(args.seed)
    alone = args.work_dir / 'alone'
    single = argparse.Namespace(**{**vars(args), 'engine': 'processes'})
    if start(single, alone, None).wait():
        print((args.work_dir / 'alone.log').read_text(), file=sys.stderr)
        return 2
    machines = Machines() if args.engine == 'ray' else None
    kinds = ['driver', 'actor', 'node'] if machines else ['driver', 'worker']
    total = len(stamps(alone))
    print(f'{total} units; run left alone: {len(list((alone / "images").glob("*.tar")))} shards')
    print('| kill | of | after s | units done | MB being written |\n|---|---|---|---|---|')
    killed, failures, outs = 0, [], 0
    counts: Counter[str] = Counter()
    while killed < args.kills:
        out = args.work_dir / f'killed{outs}'
        outs += 1
        seen: dict[str, tuple[int, int]] = {}
        driver = start(args, out, machines.address if machines else None)
        begun = time.monotonic()
        while driver.poll() is None:
            # What was left by the kill before is gone as soon as the new driver has begun.
            while killed < args.kills and driver.poll() is None and not is_at_work(out):
                time.sleep(0.05)
            until = time.monotonic() + rng.uniform(0, args.longest_wait)
            while time.monotonic() < until and driver.poll() is None:
                time.sleep(0.02)
            now = stamps(out)
            again = [name for name in seen if seen[name] != now.get(name)]
            failures += [f'{out.name}: {name} was written again' for name in again]
            seen = now
            if killed == args.kills or driver.poll() is not None:
                continue
            under_way = bytes_under_way(out)
            kind = rng.choice(kinds)
            if not kill_one(kind, driver, machines, rng):
                continue
            killed += 1
            counts[kind] += 1
            spent = time.monotonic() - begun
            print(
                f'| {killed} | {kind} | {spent:.1f} | {len(seen)} | {under_way / 1e6:.1f} |',
                flush=True,
            )
            if kind == 'driver':
                driver = start(args, out, machines.address if machines else None)
        if driver.returncode:
            failures.append(f'{out.name}: the run ended with {driver.returncode}, see its log')
            break
        failures += [f'{out.name}: {text}' for text in differences(alone, out)]
    print(f'{killed} kills ({dict(counts)}) in {outs} runs: {len(failures)} differences')
    print('\n'.join(failures))
    return int(bool(failures))


if __name__ == '__main__':
    sys.exit(main())
