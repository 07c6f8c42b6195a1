"""The rooms below the hosts import where mmengine and every host are missing."""

import subprocess
import sys

import pytest

HOSTS = ('mmengine', 'mmcv', 'mmpose', 'mmseg', 'mmdet', 'mmpretrain', 'xtcocotools')
ROOMS = ('core', 'structures', 'keypoints', 'classes', 'ops', 'io', 'visualization', 'evaluation')
BLOCK = """
import importlib, pkgutil, sys
for name in {hosts!r}:
    sys.modules[name] = None
package = importlib.import_module('mmsapiens.{room}')
for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):
    importlib.import_module(module.name)
"""


@pytest.mark.parametrize(
    'room',
    ['core', 'structures', 'keypoints', 'classes', 'ops', 'io', 'visualization', 'evaluation'],
)
def test_room_imports_without_hosts(room):
    code = BLOCK.format(hosts=HOSTS, room=room)
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
