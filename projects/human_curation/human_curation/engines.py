"""What runs the worker over many units: Ray Data, processes of this machine, or this process.

An engine takes (number, unit) pairs and yields the results of the worker as they come. It only
deals out units and starts dead workers again; what is done, the files of verdicts say.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mmsapiens

from .pool import Unit

Job = Callable[[int, Unit], dict[str, Any]]
"""What a worker does; made once in each process."""
Work = Sequence[tuple[int, Unit]]
ENGINES = ('ray', 'processes', 'inline')
STORE_BYTES = 256 << 20
"""Ray's object store: only units and counts pass through it."""
_PR_SET_PDEATHSIG = 1
_job: Job | None = None


class EngineError(RuntimeError):
    """An engine cannot be used as asked; the message says what to do."""


def choose_engine(name: str | None, part: tuple[int, int]) -> str:
    """The engine to use: what was asked for, else Ray where it is installed.

    A part of a run, as in an array of Slurm, has its processes on its own machine.
    """
    has_ray = find_spec('ray') is not None
    if name == 'ray' and not has_ray:
        raise EngineError(
            'Ray is not installed. Install it (`pip install "ray[data]"`), or take '
            '`--engine processes`.'
        )
    return name or ('ray' if has_ray and part[1] == 1 else 'processes')


def set_environment() -> None:
    """Before numpy and Ray are imported: one thread a worker, and workers as nice as this process.

    Ray's own default for the niceness is 15, at which workers starve on a machine that does
    anything else.
    """
    os.environ.setdefault('RAY_worker_niceness', '0')
    os.environ.setdefault('OMP_NUM_THREADS', '1')


def run_processes(make_job: Callable[[], Job], work: Work, workers: int) -> Iterator[dict]:
    """In processes of this machine; a unit whose process died is begun again in a new one."""
    context = multiprocessing.get_context('spawn')  # a fork takes threads of libraries with it

    def start() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, context, _set_up, (make_job, os.getpid()))

    # A pool of one process each: when a process dies, its pool ends, and the others go on.
    pools = [start() for _ in range(min(workers, len(work)))]
    left = iter(work)
    running: dict[Future, tuple[int, tuple[int, Unit]]] = {}

    def submit(slot: int, task: tuple[int, Unit]) -> None:
        try:
            running[pools[slot].submit(_do, *task)] = slot, task
        except BrokenProcessPool:
            pools[slot] = start()
            running[pools[slot].submit(_do, *task)] = slot, task

    try:
        for slot, task in zip(range(len(pools)), left):
            submit(slot, task)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                slot, task = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    pools[slot].shutdown()
                    pools[slot] = start()
                    submit(slot, task)
                    continue
                if (task := next(left, None)) is not None:
                    submit(slot, task)
                yield result
    finally:
        for pool in pools:
            for process in list((pool._processes or {}).values()):
                process.terminate()  # or a long unit would have to end first
            pool.shutdown(cancel_futures=True)


def _set_up(make_job: Callable[[], Job], parent: int) -> None:
    global _job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, which ends us
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the driver was killed before
            os._exit(1)
    _job = _make(make_job)


def _make(make_job: Callable[[], Job]) -> Job:
    """The worker, or one that raises why there is none: an engine would start it for ever."""
    try:
        return make_job()
    except Exception as error:
        failure = error

        def fail(number: int, unit: Unit) -> dict[str, Any]:
            raise failure

        return fail


def _do(number: int, unit: Unit) -> dict[str, Any]:
    assert _job is not None  # the pool has set it
    return _job(number, unit)


def run_ray(
    make_job: Callable[[], Job],
    work: Work,
    workers: int,
    *,
    address: str | None = None,
    gpus: float = 0,
) -> Iterator[dict]:
    """As rows of a Ray data set, one a unit, judged by a pool of actors.

    Args:
        make_job (Callable): Makes the worker; called once in each actor.
        work (Sequence): Numbers and units.
        workers (int): Actors, of one CPU each.
        address (str, optional): Of a cluster that is running. Defaults to None, one of its own,
            which ends with this process.
        gpus (float): Share of a GPU that an actor needs. Defaults to 0.
    """
    set_environment()
    import ray
    import ray.data

    for handler in logging.getLogger('ray.data').handlers:
        is_ray = type(handler).__module__.startswith('ray.')  # not one of the caller's
        if is_ray and isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.ERROR)  # its plans and notes are in files
    started = start_ray(ray, workers, address, gpus)
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        rows = [dict(number=number, unit=unit.dumps()) for number, unit in work]
        data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            fn_constructor_args=(make_job,),
            batch_size=1,
            num_cpus=1,
            num_gpus=gpus or None,
            # One unit at a time: of two that wait for an actor, the last has it busy alone.
            compute=ray.data.ActorPoolStrategy(
                size=min(workers, len(rows)), max_tasks_in_flight_per_actor=1
            ),
        )
        for row in data.iter_rows():
            result = pickle.loads(row['result'])
            if isinstance(result, Exception):
                raise result
            yield result
    except ray.exceptions.RayError as error:
        raise EngineError(
            f'Ray ended the run: {str(error).strip().splitlines()[-1]} (all of it is in the logs '
            'of Ray). All machines of a cluster need the same packages, pool and `--out`.'
        ) from error
    finally:
        if started:
            ray.shutdown()


def start_ray(ray: Any, workers: int, address: str | None, gpus: float) -> bool:
    """Start or join a cluster; returns whether it is ours to end."""
    if ray.is_initialized():  # the caller's
        return False
    # Workers import from where the driver does; ${...} is what the machine of the worker has.
    folders = [Path(module.__file__).parents[1] for module in (mmsapiens, sys.modules[__name__])]
    path = os.pathsep.join(dict.fromkeys([*map(str, folders), *filter(None, sys.path)]))
    env = dict(PYTHONPATH=f'{path}{os.pathsep}${{PYTHONPATH}}', OMP_NUM_THREADS='1')
    shared = dict(log_to_driver=False, configure_logging=False, runtime_env=dict(env_vars=env))
    if address is None:
        # Without an address Ray joins any cluster that runs on this machine.
        ray.init(
            address='local',
            num_cpus=workers,
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            **shared,
        )
        return True
    try:
        _knock(address)
        ray.init(address=address, **shared)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise EngineError(
            f'there is no Ray cluster at {address}, or it does not let us in: {error}. Since Ray '
            '2.52 all machines of a cluster need the same token: set RAY_AUTH_TOKEN (or '
            '~/.ray/auth_token) here and there, or RAY_AUTH_MODE=disabled on all of them.'
        ) from None
    there = ray.cluster_resources()
    if gpus and there.get('GPU', 0) < gpus:
        raise EngineError(
            f'`--gpus` asks for {gpus} of a GPU for each worker, but the cluster has '
            f'{there.get("GPU", 0):g}'
        )
    return True


def _knock(address: str) -> None:
    """An OSError if nobody listens at HOST:PORT: Ray 2.60 would end this process."""
    host, _, port = address.rpartition('/')[2].rpartition(':')
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


class _Actor:
    """The worker as Ray Data calls it."""

    def __init__(self, make_job: Callable[[], Job]) -> None:
        self.job = _make(make_job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        try:
            result: Any = self.job(int(batch['number'][0]), Unit.loads(str(batch['unit'][0])))
        except Exception as error:  # raised by the driver: Ray would hide it in one of its own
            result = error
        return dict(result=[pickle.dumps(result)])


def run_engine(
    engine: str, make_job: Callable[[], Job], work: Work, workers: int, **cluster: Any
) -> Iterator[dict]:
    """The results of a worker over units, by the engine of this name.

    ``cluster`` are the further arguments of :func:`run_ray`.
    """
    if not work:
        return iter(())
    if engine == 'ray':
        return run_ray(make_job, work, workers, **cluster)
    if engine == 'processes':
        return run_processes(make_job, work, workers)
    job = make_job()
    return (job(*task) for task in work)
