"""What an installation holds: configs and tools for openmim, data files."""

import os
import re
import subprocess
import sys
import zipfile

import pytest
from parity import ROOT

MIM = 'mmsapiens/.mim/'
HOSTS = {'mmengine', 'mmcv', 'mmpose', 'mmseg', 'mmdet', 'mmpretrain'}


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """A folder with a wheel and what a source distribution would hold."""
    folder = tmp_path_factory.mktemp('built')
    options = {
        'egg_info': ['--egg-base', folder],
        'build': ['--build-base', folder / 'build'],
        'bdist_wheel': ['-d', folder, '--bdist-dir', folder / 'bdist'],
    }
    words = [sys.executable, 'setup.py', '-q']
    for command, more in options.items():
        words += [command, *map(str, more)]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope='module')
def wheel(built):
    """Names of the files of a wheel."""
    (path,) = built.glob('*.whl')
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def tracked(folder, suffix):
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob(f'*{suffix}')
        if '__pycache__' not in path.parts
    }


def test_wheel_has_what_openmim_looks_for(wheel):
    expected = {'model-index.yml'}
    for suffix in ('.py', '.yml'):
        expected |= tracked('configs', suffix)
    for suffix in ('.py', '.sh'):
        expected |= tracked('tools', suffix)
    assert {MIM + name for name in expected} <= wheel


def test_wheel_has_the_data_files(wheel):
    for suffix in ('.json', '.typed'):
        assert tracked('mmsapiens', suffix) <= wheel


def test_the_base_install_has_no_host_and_one_opencv():
    text = (ROOT / 'requirements/runtime.txt').read_text()
    names = {re.split('[ <>=]', line)[0] for line in text.splitlines() if line[:1] != '#'}
    assert [name for name in names if name.startswith('opencv')] == ['opencv-python']
    assert not [name for name in names if name.startswith('mm')]


@pytest.mark.parametrize(
    'code', ['import mmsapiens', "from mmsapiens.cli.main import run; run(['--help'])"]
)
def test_what_starts_at_once_imports_neither_torch_nor_a_host(code):
    code += "; import sys; print('imported', *sys.modules)"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    names = set(done.stdout.partition('imported')[2].split())
    heavy = {'torch', 'numpy', 'cv2', 'rich.console', 'huggingface_hub', 'mmsapiens.inference'}
    assert not names & heavy
    assert not [name for name in names if name.partition('.')[0] in HOSTS]


def test_wheel_has_no_leftovers(wheel):
    assert not [name for name in wheel if name.endswith(('.pyc', '~'))]
    assert not [name for name in wheel if name.startswith(('tests', 'docs'))]


def test_source_distribution_has_what_a_wheel_is_built_from(built):
    (sources,) = built.glob('*.egg-info/SOURCES.txt')
    names = set(sources.read_text().split())
    assert tracked('configs', '.py') <= names
    assert tracked('tools', '.py') <= names
    assert tracked('requirements', '.txt') <= names
    assert {'model-index.yml', 'LICENSE', 'README.md'} <= names
