"""The project needs nothing of mmsapiens, and agrees with it."""

import re
import subprocess
import sys

from parity import ROOT

from mmsapiens.keypoints import get_keypoint_set

PROJECT = ROOT / 'projects/synthetic_humans'


def test_it_imports_without_mmsapiens(tmp_path):
    code = 'import sys; sys.modules["mmsapiens"] = None; import synthetic_humans.cli\n'
    code += 'import synthetic_humans.run, synthetic_humans.coco as coco; coco.goliath_groups()'
    subprocess.run([sys.executable, '-c', code], env={'PYTHONPATH': str(PROJECT)}, check=True)


def test_names_are_those_of_mmsapiens():
    from synthetic_humans.landmarks import flip_indices_308, names_308

    expected = get_keypoint_set('goliath308')
    assert names_308() == tuple(expected.keypoint_names)
    assert flip_indices_308() == tuple(expected.flip_indices)


def test_dependencies_are_those_of_the_repository():
    listed = (ROOT / 'requirements/synthetic.txt').read_text().splitlines()
    text = (PROJECT / 'pyproject.toml').read_text()
    needed = [line for line in listed if line and not line.startswith('#')]
    assert set(needed) <= set(re.findall(r'"([^"]+)"', text))
