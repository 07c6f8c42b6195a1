"""`tools/dataset/check_dense.py`."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from parity import ROOT
from planted_maps import PLANTED, path_of, write_good, write_metainfo


def load_tool():
    path = ROOT / 'tools' / 'dataset' / 'check_dense.py'
    spec = importlib.util.spec_from_file_location('check_dense_tool', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('task', ['depth', 'normal'])
def test_good_data_set(task, tmp_path, capsys):
    folder = write_good(tmp_path, task)
    assert load_tool().main(['--task', task, '--root', str(folder)]) == 0
    assert capsys.readouterr().out == 'no faults\n'


def test_notes_are_printed_but_are_no_faults(tmp_path, capsys):
    folder = write_good(tmp_path, 'parsing')
    assert load_tool().main(['--task', 'parsing', '--root', str(folder)]) == 0
    assert 'absent_class' in capsys.readouterr().out


@pytest.mark.parametrize('name', ['depth-negative', 'normal-long', 'label-unknown'])
def test_faults_are_printed_written_and_returned(name, tmp_path, capsys):
    planted = PLANTED[name]
    folder = write_good(tmp_path / 'set', planted.task)
    planted.edit(folder)
    report = tmp_path / 'faults.json'
    args = ['--task', planted.task, '--root', str(folder)]
    assert load_tool().main([*args, '--json', str(report)]) == 1
    assert planted.kind in capsys.readouterr().out
    found = {fault['kind'] for fault in json.loads(report.read_text())}
    assert found - {'absent_class'} == {planted.kind}


def test_marked_depth_is_an_option(tmp_path, capsys):
    folder = write_good(tmp_path, 'depth')
    depth = np.load(path_of(folder, 'depths'))
    depth[np.nonzero(depth > 0)[0][0]] = 99
    np.save(path_of(folder, 'depths'), depth)
    assert load_tool().main(['--task', 'depth', '--root', str(folder)]) == 1
    args = ['--task', 'depth', '--root', str(folder), '--missing', '99', '65535']
    assert load_tool().main(args) == 0


def test_frame_of_normals_is_an_option(tmp_path):
    folder = write_good(tmp_path, 'normal')
    for path in (folder / 'normals').iterdir():
        np.save(path, np.load(path) * np.float32([1, -1, -1]))
    args = ['--task', 'normal', '--root', str(folder)]
    assert load_tool().main(args) == 1
    assert load_tool().main([*args, '--normal-frame', 'opencv']) == 0


@pytest.mark.parametrize(('pairs', 'code'), [([[1, 2]], 0), ([[1, 3]], 1)])
def test_pairs_of_other_classes(pairs, code, tmp_path, capsys):
    folder = write_good(tmp_path / 'set', 'parsing')
    for path in (folder / 'labels').iterdir():
        path.unlink()
        np.save(path.with_suffix('.npy'), np.full((64, 48), 1, np.uint8))
    metainfo = write_metainfo(tmp_path / 'own.json', flip_pairs=pairs)
    args = ['--task', 'parsing', '--root', str(folder), '--layout', 'folders']
    assert load_tool().main([*args, '--metainfo', metainfo]) == code
    assert ('wrong_flip_pairs' in capsys.readouterr().out) == bool(code)


def test_layouts_of_evaluation_sets(tmp_path, capsys):
    write_good(tmp_path / 'face', 'depth')
    args = ['--task', 'depth', '--root', str(tmp_path)]
    assert load_tool().main([*args, '--layout', 'thuman2']) == 1
    out = capsys.readouterr().out
    assert 'missing_folder' in out and 'upper_body/depths' in out
    assert load_tool().main([*args, '--layout', 'hi4d']) == 1
    assert 'pair 28 has no images of camera 4' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--task', 'depth', '--root', 'nowhere'], 'no folder nowhere'),
        (['--task', 'depth', '--root', '.', '--layout', 'lip'], 'folders'),
        (['--task', 'matting', '--root', '.'], 'invalid choice'),
        (['--task', 'parsing', '--root', '.', '--metainfo', 'no.json'], 'no file no.json'),
        (['--task', 'depth', '--root', '.', '--max-samples', '0'], 'positive'),
    ],
)
def test_wrong_arguments_are_no_faults(args, message, capsys):
    with pytest.raises(SystemExit) as stop:
        load_tool().main(args)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_as_a_command_it_exits_with_1(tmp_path):
    folder = write_good(tmp_path, 'depth')
    path_of(folder, 'depths').unlink()
    done = subprocess.run(
        [
            sys.executable,
            ROOT / 'tools/dataset/check_dense.py',
            *('--task', 'depth', '--root', folder, '--workers', '2'),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert 'missing_map' in done.stdout
