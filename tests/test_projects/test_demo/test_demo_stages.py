"""Steps run once, continue, and leave no half-written files."""

import json
import sys

import pytest
from four_tasks.stages import Runner, Stage, write_atomically


def make_stage(folder, code, inputs='', **kwargs):
    command = [sys.executable, '-c', code]
    return Stage('step', 'A step', command, folder / 'done', inputs, **kwargs)


def count_code(folder):
    """Adds a letter to `count` at each run, then writes `done`."""
    return (
        f'from pathlib import Path; p = Path({str(folder)!r}); '
        "f = (p / 'count').open('a'); f.write('x'); f.close(); "
        "(p / 'done').write_text('')"
    )


def runs(folder):
    return len((folder / 'count').read_text())


def test_runs_once(tmp_path):
    runner = Runner(tmp_path / 'stages', tmp_path)
    stage = make_stage(tmp_path, count_code(tmp_path))
    first = runner.run(stage)
    assert runner.run(stage) == first
    assert runs(tmp_path) == 1
    assert first.done and first.seconds > 0


@pytest.mark.parametrize('lost', ['done', 'stages/step.json'])
def test_runs_again_without_result_or_record(tmp_path, lost):
    runner = Runner(tmp_path / 'stages', tmp_path)
    stage = make_stage(tmp_path, count_code(tmp_path))
    runner.run(stage)
    (tmp_path / lost).unlink()
    runner.run(stage)
    assert runs(tmp_path) == 2


def test_other_inputs_run_again(tmp_path):
    runner = Runner(tmp_path / 'stages', tmp_path)
    for inputs in ('a', 'b', 'b'):
        runner.run(make_stage(tmp_path, count_code(tmp_path), inputs))
    assert runs(tmp_path) == 2


def test_failure_stops_and_is_not_done(tmp_path, capsys):
    runner = Runner(tmp_path / 'stages', tmp_path)
    code = 'import sys; print("what went wrong", file=sys.stderr); sys.exit(3)'
    stage = make_stage(tmp_path, code)
    with pytest.raises(SystemExit, match='exit code 3'):
        runner.run(stage)
    assert 'what went wrong' in capsys.readouterr().err
    assert not runner.is_done(stage)
    assert not json.loads((tmp_path / 'stages/step.json').read_text())['done']


def test_failed_attempts_count_in_the_time(tmp_path):
    runner = Runner(tmp_path / 'stages', tmp_path)
    code = (
        'import sys, time; from pathlib import Path; '
        f'p = Path({str(tmp_path)!r}); time.sleep(0.2); '
        "first = not (p / 'seen').exists(); (p / 'seen').write_text(''); "
        "first and sys.exit(1); (p / 'done').write_text('')"
    )
    stage = make_stage(tmp_path, code)
    with pytest.raises(SystemExit):
        runner.run(stage)
    assert runner.run(stage).seconds > 0.4


def test_missing_result_is_an_error(tmp_path):
    runner = Runner(tmp_path / 'stages', tmp_path)
    with pytest.raises(SystemExit, match='ended without'):
        runner.run(make_stage(tmp_path, 'pass'))


def test_finish_makes_the_result(tmp_path):
    runner = Runner(tmp_path / 'stages', tmp_path)
    stage = make_stage(tmp_path, 'pass', finish=lambda: write_atomically(tmp_path / 'done', 'x'))
    assert runner.run(stage).done
