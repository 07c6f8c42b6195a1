"""The project beside the repository: what it needs, and what it does not import."""

import re
import subprocess
import sys

from parity import ROOT

PROJECT = ROOT / 'projects/human_curation'


def test_dependencies_are_those_of_the_repository():
    listed = (ROOT / 'requirements/curation.txt').read_text().splitlines()
    needed = {line.partition('#')[0].strip() for line in listed} - {''}
    given = re.findall(r'"([^"]+)"', (PROJECT / 'pyproject.toml').read_text())
    assert needed <= set(given)


def test_workers_need_no_ray_no_torch_and_no_host():
    code = (
        'import sys; sys.modules["ray"] = None\n'
        'import human_curation.run, human_curation.cli\n'
        'heavy = {"torch", "mmengine", "mmcv", "gradio"} & sys.modules.keys()\n'
        'sys.exit(f"imported: {heavy}" if heavy else 0)\n'
    )
    env = dict(PYTHONPATH=f'{PROJECT}:{ROOT}')
    done = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
