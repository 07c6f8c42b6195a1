"""Rows, tables, the guard and the worker of `tools/benchmarks`."""

import copy
import json
import subprocess
import sys

import pytest
from parity import ROOT

TOOLS = ROOT / 'tools/benchmarks'
DOCUMENT = ROOT / 'docs/benchmarks.md'


@pytest.fixture(autouse=True)
def tools_path(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))


@pytest.fixture
def table():
    """A made-up table of three rows."""
    rows = [
        dict(
            name='fast',
            work='something',
            against='stock',
            status='ok',
            reason='',
            lines=[
                dict(mode='a', ours=1.0, stock=3.0, unit='s', ratio=3.0),
                dict(mode='b', ours=2.0, stock=3.0, unit='s', ratio=1.5),
            ],
        ),
        dict(
            name='memory',
            work='less',
            against='the weights',
            status='ok',
            reason='',
            lines=[dict(ours=1.1, unit='GiB', ratio=1.1, target=1.2, at_most=True)],
        ),
        dict(
            name='broken',
            work='nothing',
            against='nobody',
            status='failed',
            reason='ValueError: a | b',
            lines=[],
        ),
    ]
    limits = dict(
        flops_per_s=dict(float32=1e12),
        bytes_per_s=2e9,
        device='a CPU',
        software='torch 2',
        threads=2,
    )
    return dict(small=False, rows=rows, limits=limits)


def test_ratios_say_how_much_better_ours_is():
    from harness import Limits, Measurement

    time = Measurement(2.0, 's', 6.0, flops=1e12)
    assert time.ratio == pytest.approx(3)
    rate = Measurement(20.0, 'images/s', 10.0, higher_is_better=True)
    assert rate.ratio == pytest.approx(2)
    assert Measurement(5.0, 'ms').seconds == pytest.approx(5e-3)
    doc = time.to_dict(Limits({'float32': 1e12}, 1e9))
    assert doc['limit_share'] == pytest.approx(0.5)
    assert 'note' not in doc and 'stock' in doc


def test_the_limit_is_the_slower_of_both():
    from harness import Limits

    limits = Limits({'float32': 1e12}, 1e9)
    assert limits.least_seconds(1e12, 3e9) == pytest.approx(3)
    assert limits.least_seconds(5e12, 3e9) == pytest.approx(5)
    assert limits.least_seconds(None, None) is None
    assert limits.least_seconds(1e12, None, 'bfloat16') is None


def test_each_way_is_called_once_more_than_the_rounds():
    from harness import alternate

    calls = []
    timings = alternate({name: lambda name=name: calls.append(name) for name in 'ab'}, repeat=2)
    assert calls == ['a', 'b', 'b', 'a', 'a', 'b']
    assert all(len(t.seconds) == 2 for t in timings.values())
    stopped = alternate({'a': lambda: None}, repeat=9, most_s=-1)['a']
    assert stopped.seconds == [] and stopped.median == stopped.first_s


def test_markdown_has_a_line_for_each_measurement(table):
    from harness.table import render

    text = render(table)
    assert '1 TFLOP/s in float32, 2 GB/s' in text
    lines = [line for line in text.splitlines() if line.startswith('|')]
    assert len(lines) == 2 + 2 + 1 + 1
    assert {line.count('|') for line in lines} == {10}
    assert '≤ 1.2 ✓' in text
    assert 'failed: ValueError: a / b' in text


def test_guard_accepts_what_did_not_fall(table):
    from harness.guard import falls

    measured = copy.deepcopy(table)
    measured['rows'][0]['lines'][0]['ratio'] = 2.75
    measured['rows'][1]['lines'][0]['ratio'] = 1.2
    assert list(falls(table, measured)) == []


def test_guard_names_what_fell(table):
    from harness.guard import falls

    measured = copy.deepcopy(table)
    measured['rows'][0]['lines'][0]['ratio'] = 2.6
    measured['rows'][1]['lines'][0]['ratio'] = 1.3
    assert list(falls(table, measured)) == [
        'fast, a: 3 became 2.6, 13 % worse',
        'memory: 1.1 became 1.3, 18 % worse',
    ]
    assert list(falls(table, measured, tolerance=0.2)) == []


def test_guard_names_what_was_not_measured(table):
    from harness.guard import falls

    measured = copy.deepcopy(table)
    measured['rows'][0].update(status='stopped', reason='too slow')
    del measured['rows'][0]['lines'][1:]
    del measured['rows'][1]
    assert list(falls(table, measured)) == [
        'fast, b: was 1.5, no ratio now (stopped: too slow)',
        'memory: was 1.1, no ratio now (it was not measured)',
    ]


def test_new_rows_replace_old_ones(table):
    from harness.table import merge

    new = copy.deepcopy(table)
    new['rows'] = [dict(table['rows'][1], work='more'), dict(name='new')]
    merged = merge(table, new, ['new', 'fast'])
    assert [r['name'] for r in merged['rows']] == ['new', 'fast', 'memory', 'broken']
    assert merged['rows'][2]['work'] == 'more'


def test_a_table_is_put_between_its_marks():
    from harness.table import put_into_document

    text = 'a\n<!-- table x -->\nold\n<!-- end of x -->\nb\n'
    once = put_into_document(text, 'x', 'new')
    assert once == 'a\n<!-- table x -->\nnew\n<!-- end of x -->\nb\n'
    assert put_into_document(once, 'x', 'new') == once
    with pytest.raises(ValueError, match='must have <!-- table y -->'):
        put_into_document(text, 'y', 'new')


def test_unknown_and_repeated_names_are_refused():
    from harness import benchmark, load_rows
    from harness.rows import select_rows

    rows = load_rows()
    with pytest.raises(KeyError, match='no benchmarks'):
        list(select_rows(rows, 'cpu', only=['nothing']))
    with pytest.raises(ValueError, match='`side` must be one of'):
        benchmark('x', work='', against='', side='middle')
    with pytest.raises(KeyError, match='is taken'):
        benchmark('load-2b', work='', against='', side='inference')(print)
    cpu = [row.name for row in select_rows(rows, 'cpu', 'inference')]
    assert 'load-2b' in cpu and 'gpu-forward-2b' not in cpu


MADE_UP_ROWS = """
import os, time
from harness import Measurement, benchmark

def row(name, limit_s=60):
    return benchmark(name, work=name, against='', side='inference',
                     limit_s=limit_s)

@row('good')
def good(settings):
    yield Measurement(1.0, 's', 2.0, flops=1.0)

@row('raises')
def raises(settings):
    yield Measurement(1.0, 's', mode='first')
    raise ValueError('after one line')

@row('hangs', limit_s=1)
def hangs(settings):
    yield Measurement(1.0, 's', mode='first')
    time.sleep(600)

@row('dies')
def dies(settings):
    os._exit(7)
    yield
"""


@pytest.mark.slow
def test_rows_that_fail_hang_or_die_do_not_stop_the_others(tmp_path, monkeypatch, capfd):
    from harness import Limits, Settings
    from harness.worker import Worker

    package = tmp_path / 'made_up_rows'
    package.mkdir()
    (package / '__init__.py').write_text('')
    (package / 'one.py').write_text(MADE_UP_ROWS)
    monkeypatch.syspath_prepend(str(tmp_path))
    limits = Limits({'float32': 1.0}, 1.0)
    worker = Worker(Settings(limits=limits), 'made_up_rows')
    try:
        results = {}
        for name, limit_s in (
            ('good', 60),
            ('raises', 60),
            ('hangs', 1),
            ('dies', 60),
            ('good', 60),
        ):
            lines = []
            results[name] = (*worker.run(name, limit_s, lines.append), lines)
    finally:
        worker.close()
    assert results['good'][0] == 'ok'
    assert results['good'][2][0]['ratio'] == 2
    assert results['raises'][:2] == ('failed', 'ValueError: after one line')
    assert results['hangs'][:2] == ('stopped', 'it ran past its time limit')
    assert [len(results[n][2]) for n in ('raises', 'hangs', 'dies')] == [1, 1, 0]
    assert 'exit code 7' in results['dies'][1]
    assert 'made_up_rows' not in sys.modules


def test_committed_tables_are_those_of_the_document():
    from harness.table import put_into_document, render

    text = DOCUMENT.read_text(encoding='utf-8')
    files = sorted((ROOT / 'docs/benchmarks').glob('*.json'))
    for file in files:
        doc = json.loads(file.read_text(encoding='utf-8'))
        assert not doc['small'], file.name
        assert put_into_document(text, file.stem, render(doc)) == text, (
            f'run tools/benchmarks/run.py --render {file.name}'
        )


@pytest.mark.slow
def test_rows_run_at_tiny_sizes(tmp_path):
    """Those that take seconds; the others need minutes even when tiny."""
    names = ['cold-help', 'parsing-restore', 'pipeline-stand-in', 'load-2b']
    path = tmp_path / 'table.json'
    subprocess.run(
        [
            sys.executable,
            TOOLS / 'run.py',
            *('--small', '--threads', '1', '--scratch', tmp_path / 'scratch'),
            *('--json', path, '--only', *names),
        ],
        check=True,
        capture_output=True,
    )
    rows = json.loads(path.read_text())['rows']
    assert {row['name']: row['reason'] for row in rows} == dict.fromkeys(names, '')
    assert all(row['lines'] for row in rows)
