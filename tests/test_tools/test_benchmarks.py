"""The scripts of `tools/benchmarks`, at sizes of seconds."""

import subprocess
import sys
from pathlib import Path

import pytest
from parity import ROOT

TOOLS = ROOT / 'tools/benchmarks'


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import timing

    yield timing
    sys.modules.pop('timing')


def test_ways_take_turns_in_both_orders(timing):
    calls = []
    found = timing.alternate({name: lambda name=name: calls.append(name) for name in 'ab'}, 2)
    assert calls == ['a', 'b', 'b', 'a', 'a', 'b']
    assert set(found) == {'a', 'b'} and all(len(each) == 2 for each in found.values())


@pytest.mark.parametrize('unit, ratio', [('s', '3'), ('images/s', '0.333')])
def test_a_ratio_above_one_says_that_ours_is_better(timing, capsys, unit, ratio):
    timing.show('work', unit, 2.0, 6.0, 'an error')
    assert capsys.readouterr().out == f'| work | {unit} | 2 | 6 | {ratio} | an error |\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    'command, lines',
    [
        ('dense_restore.py --photo 256 192 --repeat 1', 6),
        ('pipeline.py --size tiny --batch 2 --batches 2', 1),
        ('sapiens2.py --sizes tiny --image 256 192 --photo 320 240 --repeat 1', 7),
        ('subset_memory.py --names 20000', 1),
        ('training_steps.py --sizes tiny --batch 1 --repeat 1', 2),
    ],
)
def test_scripts_print_their_tables(command, lines):
    name, *options = command.split()
    if name == 'sapiens2.py' and not (Path(sys.prefix) / 'apart').is_dir():
        pytest.skip('`make install` puts transformers apart')
    done = subprocess.run(
        [sys.executable, str(TOOLS / name), *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    table = [line for line in done.stdout.splitlines() if line.startswith('|')]
    assert len(table) == 2 + lines


def test_every_script_is_in_the_document():
    text = (ROOT / 'docs/benchmarks.md').read_text(encoding='utf-8')
    scripts = {path.name for path in TOOLS.glob('*.py')} - {'timing.py', 'networks.py'}
    assert all(f'`{name}`' in text for name in scripts)
