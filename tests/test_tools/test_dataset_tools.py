"""`tools/dataset/check_pose.py` and `tools/dataset/browse.py`."""

import importlib.util
import json
import subprocess
import sys

import cv2
import pytest
from annotated_people import make_document, write_document
from parity import ROOT

CONFIG = 'configs/pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py'


def load_tool(name):
    path = ROOT / 'tools' / 'dataset' / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'{name}_tool', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_people(folder, **changes):
    doc = make_document('coco', 3)
    doc['annotations'][1].update(changes)
    return write_document(folder, doc)


def test_check_of_a_good_file(tmp_path, capsys):
    path = write_people(tmp_path)
    args = [path, '--vocabulary', 'coco', '--images', str(tmp_path)]
    assert load_tool('check_pose').main(args) == 0
    assert capsys.readouterr().out == 'no faults\n'


def test_check_prints_and_writes_faults(tmp_path, capsys):
    path = write_people(tmp_path, area=0, iscrowd=3)
    report = tmp_path / 'faults.json'
    args = [path, '--vocabulary', 'coco', '--json', str(report)]
    assert load_tool('check_pose').main([*args, '--max-per-kind', '1']) == 1
    out = capsys.readouterr().out
    assert 'wrong_area' in out and 'annotations[1] (id 1001)' in out
    kinds = [fault['kind'] for fault in json.loads(report.read_text())]
    assert kinds == ['wrong_iscrowd', 'wrong_area']


def test_check_can_leave_the_images_closed(tmp_path):
    path = write_people(tmp_path)
    (tmp_path / '0.png').write_bytes(b'no image')
    tool = load_tool('check_pose')
    args = [path, '--vocabulary', 'coco', '--images', str(tmp_path)]
    assert tool.main(args) == 1
    assert tool.main([*args, '--skip-image-size']) == 0


@pytest.mark.parametrize('args', [['nothing.json'], [__file__, '--images', 'nowhere']])
def test_wrong_arguments_of_check_are_no_faults(args, capsys):
    with pytest.raises(SystemExit) as stop:
        load_tool('check_pose').main([*args, '--vocabulary', 'coco'])
    assert stop.value.code == 2
    assert 'no' in capsys.readouterr().err


def test_check_as_a_command_exits_with_1(tmp_path):
    path = write_people(tmp_path, bbox=[1, 2])
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/dataset/check_pose.py', path, *('--vocabulary', 'coco')],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert 'wrong_box' in done.stdout


def test_browse_writes_images(tmp_path, monkeypatch, mmpose_scope, capsys):
    path = write_people(tmp_path)
    tool = load_tool('browse')
    monkeypatch.chdir(tmp_path)
    data = 'train_dataloader.dataset'
    tool.main(
        [
            *(str(ROOT / CONFIG), '--number', '2', '--heatmaps'),
            *('--cfg-options', f'{data}.ann_file={path}'),
            *(f'{data}.data_root=', f'{data}.data_prefix.img={tmp_path}'),
        ]
    )
    (folder,) = (tmp_path / 'work_dirs').glob('*/browse_train')
    names = sorted(file.name for file in folder.iterdir())
    assert names == ['000000_0_1000.png', '000002_2_1002.png']
    assert cv2.imread(str(folder / names[0])).shape == (256, 2 * 192, 3)
    assert '2 images in' in capsys.readouterr().out
