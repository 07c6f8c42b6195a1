"""Ray Data and the pool of processes, and the traps of the first."""

import logging
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from parity import ROOT

pytest.importorskip('ray', reason='needs requirements/curation.txt')


class Report:
    """A job that says in what surroundings it runs; its process dies at the first unit 1."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, number, unit):
        with (self.folder / str(number)).open('a') as file:
            file.write('.')
        if number == 1 and (self.folder / '1').stat().st_size == 1:
            os.kill(os.getpid(), 9)
        return dict(
            number=number,
            unit=unit.name,
            nice=os.nice(0),
            threads=os.environ['OMP_NUM_THREADS'],
            pid=os.getpid(),
        )


class Raise:
    """A job that cannot do its work."""

    def __call__(self, number, unit):
        raise OSError(28, 'No space left on device')


class Refuse:
    """A job that cannot be made."""

    def __init__(self):
        raise ValueError('no such model')


def work(count):
    from human_curation.pool import Unit

    return [(number, Unit('files', str(number), '', ())) for number in range(count)]


@pytest.mark.parametrize('engine', ['ray', 'processes'])
def test_a_worker_that_dies_loses_nothing_and_all_are_as_nice_as_the_driver(
    engine, tmp_path, ray_started, monkeypatch
):
    import ray.data  # noqa: F401  makes the handlers of its own
    from human_curation.engines import run_engine

    loud = logging.StreamHandler()
    logger = logging.getLogger('ray.data')
    monkeypatch.setattr(logger, 'handlers', [*logger.handlers, loud])
    results = list(run_engine(engine, partial(Report, tmp_path), work(3), 2))
    assert sorted(result['unit'] for result in results) == ['0', '1', '2']
    assert (tmp_path / '1').read_text() == '..'
    assert {result['nice'] for result in results} == {os.nice(0)}
    assert {result['threads'] for result in results} == {'1'}
    assert os.getpid() not in {result['pid'] for result in results}
    assert loud.level == logging.NOTSET  # a handler of the caller, such as one of all loggers


@pytest.mark.parametrize(
    ('engine', 'job', 'error', 'words'),
    [
        ('ray', Raise, OSError, 'No space left'),
        ('processes', Refuse, ValueError, 'no such model'),
        ('inline', Raise, OSError, 'No space left'),
    ],
)
def test_errors_of_workers_are_raised_as_they_are(engine, job, error, words, ray_started):
    from human_curation.engines import run_engine

    with pytest.raises(error, match=words):
        list(run_engine(engine, job, work(2), 1))


def test_the_actor_of_ray_raises_nothing():
    import pickle

    from human_curation.engines import _Actor

    batch = dict(number=[0], unit=[work(1)[0][1].dumps()])
    for job, kind in ((Raise, OSError), (Refuse, ValueError)):
        assert isinstance(pickle.loads(_Actor(job)(batch)['result'][0]), kind)


def test_no_work_starts_nothing():
    from human_curation.engines import run_engine

    assert list(run_engine('ray', Raise, [], 2)) == []


def test_addresses_and_tokens_that_do_not_let_us_in():
    from human_curation.engines import EngineError, start_ray

    class Closed:
        """Ray, of a cluster with another token."""

        exceptions = type('exceptions', (), dict(RayError=RuntimeError))

        def is_initialized(self):
            return False

        def init(self, **params):
            raise ConnectionError(f'Unauthenticated, {params["address"]}')

    with pytest.raises(EngineError, match='no Ray cluster at 127.0.0.1:9.*RAY_AUTH_TOKEN'):
        start_ray(Closed(), 1, '127.0.0.1:9', 0)
    with pytest.raises(EngineError, match='does not let us in: Unauthenticated, auto'):
        start_ray(Closed(), 1, 'auto', 0)


def test_the_engine_is_ray_where_it_is_installed(monkeypatch):
    from human_curation import engines

    assert engines.choose_engine(None, (0, 1)) == 'ray'
    assert engines.choose_engine(None, (1, 4)) == 'processes'
    monkeypatch.setattr(engines, 'find_spec', lambda name: None)
    assert engines.choose_engine(None, (0, 1)) == 'processes'
    with pytest.raises(engines.EngineError, match='Ray is not installed'):
        engines.choose_engine('ray', (0, 1))


DRIVER = """
import os
import time

from human_curation.engines import run_processes
from human_curation.pool import Unit


class Sleep:
    def __call__(self, number, unit):
        with open('pid', 'w') as file:
            file.write(str(os.getpid()))
        time.sleep(600)


if __name__ == '__main__':
    list(run_processes(Sleep, [(0, Unit('files', '0', '', ()))], 1))
"""


def test_processes_end_with_a_driver_that_is_killed(tmp_path):
    (tmp_path / 'main.py').write_text(DRIVER)
    env = dict(os.environ, PYTHONPATH=f'{ROOT}:{ROOT / "projects/human_curation"}')
    driver = subprocess.Popen([sys.executable, 'main.py'], cwd=tmp_path, env=env)
    while not (tmp_path / 'pid').exists() or not (tmp_path / 'pid').read_text():
        assert driver.poll() is None
        time.sleep(0.05)
    worker = int((tmp_path / 'pid').read_text())
    driver.kill()
    driver.wait()
    while is_running(worker):
        time.sleep(0.05)


def is_running(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().split()[2] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False
