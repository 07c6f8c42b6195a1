"""``mmsapiens list``."""

import json

import pytest

from mmsapiens.cli.main import run
from mmsapiens.zoo import cache_path, find_release


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv('MMSAPIENS_HOME', str(tmp_path))


def listed(capsys, *words):
    assert run(['list', *words, '--json']) == 0
    return json.loads(capsys.readouterr().out)


def test_lists_every_release(capsys):
    rows = listed(capsys)
    assert len(rows) == 106
    assert all(row['path'] is None for row in rows)
    assert run(['list']) == 0
    output = capsys.readouterr().out
    assert 'CC-BY-NC-4.0' in output and 'Sapiens2' in output
    assert all(row['path_in_repo'].split('/')[-1] in output for row in rows)


def test_options_select(capsys):
    words = ('--task', 'depth', '--size', '1b', '--format', 'torchscript')
    (row,) = listed(capsys, *words)
    assert row['path_in_repo'].endswith('epoch_88_torchscript.pt2')
    assert row['reported_metric']['RMSE'] == 0.125


def test_what_is_here_is_marked(capsys):
    path = cache_path(find_release('depth', '1b'))
    path.parent.mkdir(parents=True)
    path.write_bytes(b'weights')
    rows = listed(capsys, '--task', 'depth', '--format', 'pth')
    assert [row['size'] for row in rows if row['path']] == ['1b']


def test_models_and_tasks(capsys):
    models = listed(capsys, 'models', '--task', 'pose-308')
    released = [row['size'] for row in models if row['released']]
    assert released == ['0.3b', '0.6b', '1b', '0.4b', '0.8b', '1b', '5b']
    rows = listed(capsys, '--family', 'sapiens2', '--size', 'sapiens2-1b')
    assert {row['task'] for row in rows} == {
        *('pretrain', 'pose-308', 'seg-29', 'normal', 'pointmap', 'matting')
    }
    first = [row for row in models if row['family'] == 'sapiens']
    assert first[-1]['config'].endswith('256x192.py')
    tasks = listed(capsys, 'tasks')
    sizes = ['0.3b', '0.6b', '1b', '2b', 'tiny']
    assert tasks[0]['sizes'] == sizes
    both = next(row for row in tasks if row['task'] == 'normal')
    assert both['sizes'][:5] == sizes
    assert both['released'][4:] == [f'sapiens2-{size}' for size in ('0.4b', '0.8b', '1b', '5b')]
    for what in ('models', 'tasks'):
        assert run(['list', what]) == 0
        assert 'pose-308' in capsys.readouterr().out


def test_nothing_to_list_is_a_usage_error(capsys):
    assert run(['list', '--task', 'pose-16']) == 2
    assert 'nothing to list' in capsys.readouterr().err
