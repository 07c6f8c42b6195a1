"""Tools of the command line, run in the process of the test."""

import runpy
import sys

from parity import ROOT


def run_tool(name, *args):
    """Run a tool in this process."""
    argv, sys.argv = sys.argv, [name, *map(str, args)]
    try:
        runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
    except SystemExit as stop:
        assert not stop.code, stop.code
    finally:
        sys.argv = argv
