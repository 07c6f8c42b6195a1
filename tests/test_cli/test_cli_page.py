"""`docs/cli.md` and the command line say the same."""

import re

from parity import ROOT

from mmsapiens.cli import exit_codes
from mmsapiens.cli.main import COMMANDS

TEXT = (ROOT / 'docs/cli.md').read_text(encoding='utf-8')


def test_every_command_is_on_the_page():
    named = re.findall(r'^\| `mmsapiens (\w+)', TEXT, re.MULTILINE)
    assert set(named) == set(COMMANDS)


def test_every_exit_code_is_on_the_page():
    named = re.findall(r'^\| (\d+) \|', TEXT, re.MULTILINE)
    codes = {
        value
        for name, value in vars(exit_codes).items()
        if name.isupper() and isinstance(value, int)
    }
    assert set(map(int, named)) == codes
