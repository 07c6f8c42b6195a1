"""``mmsapiens doctor``, on planted installations."""

import json
import os
import subprocess
import sys

import pytest

from mmsapiens.cli.doctor import PROBLEM, check_binaries, check_devices, check_storage
from mmsapiens.cli.main import run


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def distribution(name, version):
    """The files of an installed distribution without content."""
    folder = f'{name.replace("-", "_")}-{version}.dist-info'
    return {f'{folder}/METADATA': f'Name: {name}\nVersion: {version}\n'}


def check(function, folder):
    """Findings of a check where ``folder`` comes first, without torch."""
    code = (
        'import json, sys\n'
        'from dataclasses import asdict\n'
        f'from mmsapiens.cli.doctor import {function}\n'
        f'print(json.dumps([asdict(row) for row in {function}()]))\n'
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, 'PYTHONPATH': str(folder)},
    )
    return json.loads(done.stdout)


def problems(findings):
    return {
        row['topic']: f'{row["text"]} / {row["remedy"]}'
        for row in findings
        if row['status'] == PROBLEM
    }


def test_stock_packages_are_healthy(tmp_path):
    assert problems(check('check_hosts', tmp_path)) == {}
    assert problems(check('check_versions', tmp_path)) == {}


FORKS = {
    'mmpose': {
        'mmpose/version.py': "__version__ = '1.1.0'",
        'mmpose/models/heads/heatmap_heads/heatmap_head.py': 'use_silu = 1',
    },
    'mmseg': {
        'mmseg/version.py': "__version__ = '1.1.1'",
        'mmseg/models/decode_heads/vit_head.py': '',
    },
    'mmpretrain': {
        'mmpretrain/version.py': "__version__ = '1.0.1'",
        'mmpretrain/models/backbones/vision_transformer.py': "'sapiens_1b'",
    },
}


@pytest.mark.parametrize('module', FORKS)
def test_fork_that_hides_the_stock_package(module, tmp_path):
    write(tmp_path, {f'{module}/__init__.py': '', **FORKS[module]})
    found = problems(check('check_hosts', tmp_path))
    assert list(found) == [module]
    assert 'is the fork of the Sapiens repository' in found[module]
    assert str(tmp_path) in found[module]
    assert 'PYTHONPATH' in found[module]


def test_package_without_its_stock_files(tmp_path):
    files = {'mmdet/__init__.py': '', 'mmdet/version.py': "__version__ = '3.3.0'"}
    write(tmp_path, files)
    found = problems(check('check_hosts', tmp_path))
    assert 'of the stock package is missing' in found['mmdet']


def test_other_version_in_front_of_the_installed_one(tmp_path):
    files = {
        'mmengine/__init__.py': '',
        'mmengine/version.py': "__version__ = '0.8.4'",
        'mmengine/runner/runner.py': '',
        'mmengine/registry/root.py': '',
    }
    write(tmp_path, files)
    topics = [row['text'] for row in check('check_hosts', tmp_path) if row['topic'] == 'mmengine']
    assert any('hides mmengine 0.10.7' in text for text in topics)
    assert any('<0.11,>=0.10.7 is needed' in text for text in topics)


def test_mmcv_beside_mmcv_lite(tmp_path):
    write(tmp_path, distribution('mmcv', '2.1.0'))
    found = problems(check('check_hosts', tmp_path))
    assert 'both write the folder mmcv' in found['mmcv operators']


def test_package_that_is_too_old(tmp_path):
    write(tmp_path, distribution('safetensors', '0.3.0'))
    found = problems(check('check_versions', tmp_path))
    assert found['safetensors'].startswith('0.3.0, but >=0.4.3 is needed')


def test_newer_opencv_is_a_problem(tmp_path):
    write(tmp_path, distribution('opencv-contrib-python', '5.0.0'))
    findings = check('check_versions', tmp_path)
    assert '5.0.0, but <5,>=4.10 is needed' in problems(findings)['opencv-contrib-python']
    (row,) = [row for row in findings if row['topic'] == 'OpenCV']
    assert row['status'] == 'note' and 'share the folder cv2' in row['text']


def test_package_built_for_another_numpy(tmp_path, monkeypatch):
    files = {
        'xtcocotools/__init__.py': '',
        'xtcocotools/_mask.py': "raise ValueError('numpy.dtype size changed')",
    }
    write(tmp_path, files)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    (row,) = check_binaries(['xtcocotools._mask'])
    assert row.status == PROBLEM
    assert 'was built for another numpy' in row.text
    assert '--no-binary xtcocotools' in row.remedy


def test_package_that_does_not_load(tmp_path, monkeypatch):
    text = "raise ImportError('libGL.so.1: cannot open')"
    write(tmp_path, {'cv2/__init__.py': text})
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    (row,) = check_binaries(['cv2'])
    assert 'libGL.so.1' in row.text
    assert 'opencv-python-headless' in row.remedy


def test_folders_that_cannot_be_used(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('MMSAPIENS_HOME', str(tmp_path / 'file' / 'home'))
    monkeypatch.setenv('SAPIENS_CHECKPOINT_ROOT', str(tmp_path / 'none'))
    monkeypatch.setenv('MMSAPIENS_OFFLINE', '1')
    rows = {row.topic: row for row in check_storage()}
    assert 'MMSAPIENS_HOME' in rows['cache'].remedy
    assert 'there is no folder' in rows['SAPIENS_CHECKPOINT_ROOT'].text
    assert rows['hub'].text == 'forbidden by the environment'


def test_devices_name_the_processor():
    rows = {row.topic: row.text for row in check_devices()}
    assert 'bfloat16 in' in rows['cpu']


def test_command_reports_and_has_an_exit_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('MMSAPIENS_HOME', str(tmp_path))
    monkeypatch.setattr('mmsapiens.cli.doctor.check_binaries', lambda: [])
    assert run(['doctor', '--json']) == 0
    assert json.loads(capsys.readouterr().out)['healthy'] is True
    monkeypatch.setenv('SAPIENS_CHECKPOINT_ROOT', str(tmp_path / 'none'))
    assert run(['doctor']) == 1
    output = capsys.readouterr().out
    assert 'remedy: correct it, or `unset SAPIENS_CHECKPOINT_ROOT`' in output
    assert '1 problem' in output
