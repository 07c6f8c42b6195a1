"""Further environments; `make test` covers the default one.

``nox -s tests_legacy``          torch 2.9.1, numpy 1.26
``nox -s tests_compiled_mmcv``   the same with mmcv 2.1.0 built from source
``nox -s tests_newest``          the newest torch and numpy there are
``nox -s wheel``                 a wheel alone in an empty environment
``nox -s extra``                 each extra alone: what it has imports, one OpenCV
``nox -s chance``                the suite with three seeds, in random order, in parallel
"""

import os
import time
from pathlib import Path

import nox

nox.options.sessions = ['tests_legacy']
nox.options.default_venv_backend = 'venv'
PARALLEL = ['-q', '-n', 'auto', '--maxprocesses', '4', '--dist', 'worksteal']
PYTHON = os.environ.get('NOX_PYTHON')


def install(session, constraints=None, extra='tests'):
    """Install the package with an extra, by default all that its tests need."""
    pins = ['-c', constraints] if constraints else []
    session.install(*pins, '-r', 'requirements/build.txt')
    if extra in ('pose', 'all', 'tests'):
        # From source, against the numpy and the OpenCV just installed.
        sources = 'xtcocotools,albumentations,albucore'
        flags = ['--no-cache-dir', '--no-build-isolation', '--no-binary', sources]
        session.install(*pins, *flags, 'xtcocotools', 'albumentations==1.4.24')
    session.install(*pins, '--no-build-isolation', '-e', f'.[{extra}]')


@nox.session(python=PYTHON)
def tests_legacy(session):
    """The suite on torch 2.9.1 and numpy 1.26."""
    install(session, 'requirements/constraints-legacy.txt')
    session.run('python', '-m', 'pytest', *PARALLEL, *session.posargs)


@nox.session(python=PYTHON)
def tests_compiled_mmcv(session):
    """The suite with the operators of a compiled mmcv."""
    install(session, 'requirements/constraints-legacy.txt')
    # Both packages write the folder `mmcv`; the build takes ten minutes.
    session.run('python', '-m', 'pip', 'uninstall', '-qy', 'mmcv-lite')
    session.install('ninja', 'psutil')
    session.install('--no-cache-dir', '--no-build-isolation', '--no-deps', 'mmcv==2.1.0')
    session.run('python', '-m', 'pytest', *PARALLEL, *session.posargs)


@nox.session(python=PYTHON)
def tests_newest(session):
    """The suite on whatever the registry has, to see breakage first."""
    install(session)
    session.run('python', '-m', 'pytest', *PARALLEL, *session.posargs)


@nox.session(python=PYTHON)
def chance(session):
    """The suite with three seeds of Python's hashes, numpy and torch, each in another order."""
    install(session)
    session.install('pytest-random-order')
    for seed in ('1', '2', '3'):
        order = ['--random-order', f'--random-order-seed={seed}']
        env = dict(PYTHONHASHSEED=seed, MMSAPIENS_TEST_SEED=seed)
        session.run('python', '-m', 'pytest', *PARALLEL, *order, *session.posargs, env=env)


@nox.session(python=PYTHON)
def wheel(session):
    """A wheel without extras: size and time of the installation, and one photograph."""
    folder = Path(session.create_tmp())
    session.run('python', '-m', 'pip', 'wheel', '-q', '--no-deps', '-w', str(folder), '.')
    (path,) = folder.glob('*.whl')
    began = time.monotonic()
    session.install(str(path))
    session.log(f'{path.name}: {path.stat().st_size / 1e3:.0f} kB')
    session.log(f'installed in {time.monotonic() - began:.0f} s')
    session.run('python', 'tests/wheel_alone.py', str(folder / 'run'), *session.posargs)


PARTS = {
    'pose': 'mmsapiens.pose',
    'dense': 'mmsapiens.dense',
    'pretrain': 'mmsapiens.pretrain',
    'detection': 'mmsapiens.engine.mmdet_detector, mmdet.apis',
}


@nox.session(python=PYTHON)
@nox.parametrize('name', list(PARTS))
def extra(session, name):
    """An extra alone."""
    install(session, 'requirements/constraints.txt', name)
    session.run('python', '-m', 'pip', 'check')
    session.run('python', '-c', f'import mmsapiens\nimport {PARTS[name]}')
    session.run('python', '-m', 'mmsapiens', 'doctor')
