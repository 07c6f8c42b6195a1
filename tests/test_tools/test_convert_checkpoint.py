import subprocess
import sys

from checkpoints import make_state_dict
from parity import ROOT

from mmsapiens.checkpoints import read_checkpoint, write_checkpoint


def run(*args):
    return subprocess.run(
        [sys.executable, ROOT / 'tools/convert_checkpoint.py', *args],
        capture_output=True,
        text=True,
    )


def test_command_converts_and_says_so(tmp_path, tiny_arch):
    source = write_checkpoint(make_state_dict('mae', tiny_arch), tmp_path / 'mae.pth')
    target = tmp_path / 'encoder.safetensors'
    done = run(source, target, '--encoder-only', '--no-hash')
    assert done.returncode == 0, done.stderr
    assert 'with its MAE decoder' in done.stdout
    assert str(target) in done.stdout
    assert 'cls_token' in read_checkpoint(target)['state_dict']
