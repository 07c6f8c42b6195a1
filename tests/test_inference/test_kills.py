"""Runs that are killed, on a machine whose power fails."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from simulated_disk import SimulatedDisk

from mmsapiens.core import atomic_files as whole_files

SCRIPT = Path(__file__).parents[1] / 'kill_inference.py'


@pytest.mark.slow
def test_kills_and_power_failures_lose_nothing(tmp_path):
    command = [sys.executable, str(SCRIPT), '--kills', '6']
    found = subprocess.run(
        [*command, '--keep', str(tmp_path)],
        cwd=SCRIPT.parent,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith('equal byte by byte: ')
    assert "'kills': 6" in found.stdout


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A disk that this process is watched for."""
    for name in ('fsync', 'replace', 'mkdir'):
        monkeypatch.setattr(f'os.{name}', getattr(os, name))
    monkeypatch.setattr(whole_files, 'sync_file_system', whole_files.sync_file_system)
    (tmp_path / 'out').mkdir()
    disk = SimulatedDisk(tmp_path / 'out', tmp_path / 'log.jsonl')
    disk.watch(whole_files)
    return disk


def test_the_simulated_disk_keeps_what_was_brought_to_it(disk):
    folder = disk.folder
    whole_files.atomic_write(b'safe', folder / 'safe.txt')
    for number in range(30):
        path = folder / f'{number}.txt'
        whole_files.atomic_write(b'lost', path, is_durable=False)
    assert 10 < disk.fail(random.Random(0)) < 30
    assert (folder / 'safe.txt').read_bytes() == b'safe'
    left = {path.read_bytes() for path in folder.glob('[0-9]*.txt')}
    assert left == {b'lost', b'lo', b'', bytes(4)}
    for path in folder.glob('*.txt'):
        whole_files.atomic_write(b'new', path, is_durable=False)
    whole_files.sync_file_system(folder)
    assert disk.fail(random.Random(0)) == 0


def test_the_simulated_disk_has_names_of_its_own(disk):
    """Of a file in a new folder the content is safe, not the name."""
    names = [disk.folder / f'new_{i}/file.txt' for i in range(20)]
    for name in names:
        whole_files.atomic_write(b'safe', name)
    assert 5 < disk.fail(random.Random(0)) < 20
    assert all(p.read_bytes() == b'safe' for p in disk.folder.rglob('*.txt'))
