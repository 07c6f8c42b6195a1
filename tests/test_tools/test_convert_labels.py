"""`tools/dataset/convert_labels.py`: 28 and 29 classes."""

import importlib.util
import re

import numpy as np
import pytest
import torch
from parity import ROOT

from mmsapiens.classes import convert_labels, get_class_set
from mmsapiens.dense.metrics import ExactIoUMetric
from mmsapiens.io import read_map, write_map

GLASSES, FACE = 2, 3
LABELS = np.array([[0, 1, 2], [3, 28, 255]], dtype=np.uint8)


def run_tool(*words):
    path = ROOT / 'tools' / 'dataset' / 'convert_labels.py'
    spec = importlib.util.spec_from_file_location('convert_labels_tool', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main([str(word) for word in words])


def test_a_folder_there_and_back(tmp_path, capsys):
    write_map(tmp_path / 'in' / 'a.png', LABELS, 'seg_map')
    write_map(tmp_path / 'in' / 'more' / 'b.npy', LABELS, 'seg_map')
    to_28 = ('--source', 'goliath29', '--target', 'goliath28')
    assert run_tool(tmp_path / 'in', tmp_path / 'out', *to_28) == 0
    assert '2 label maps of goliath28' in capsys.readouterr().out
    for name in ('a.png', 'more/b.npy'):
        found = read_map(tmp_path / 'out' / name, 'seg_map')
        assert found.tolist() == [[0, 1, 255], [2, 27, 255]]
    as_face = (*to_28, '--instead', 'Eyeglass=Face_Neck')
    assert run_tool(tmp_path / 'in', tmp_path / 'face', *as_face) == 0
    assert read_map(tmp_path / 'face' / 'a.png', 'seg_map').tolist() == [[0, 1, 2], [2, 27, 255]]
    back = ('--source', 'goliath28', '--target', 'goliath29')
    assert run_tool(tmp_path / 'out', tmp_path / 'back', *back) == 0
    assert read_map(tmp_path / 'back' / 'a.png', 'seg_map').tolist() == [[0, 1, 255], [3, 28, 255]]


@pytest.mark.parametrize(
    'words, text',
    [
        (('in', 'out', 'goliath28', 'goliath29'), r"a.png: .*ids of 'goliath28', from 0 to 27"),
        (('in', 'out', 'goliath29', 'goliath29'), "are the same, 'goliath29'"),
        (('in', 'out', 'goliath29', 'lip'), "of 'goliath29' can stay as they are or become"),
        (('in', 'in/out', 'goliath29', 'goliath28'), '`out` must be a folder outside of'),
        (('no', 'out', 'goliath29', 'goliath28'), 'must be one with label maps'),
        (('in', 'out', 'goliath29', 'goliath28', 'Glasses=Hair'), "but got 'Glasses': 'Hair'"),
        (('in', 'out', 'goliath29', 'goliath28', 'Eyeglass'), 'must be CLASS=CLASS'),
    ],
)
def test_what_cannot_be_converted(words, text, tmp_path, capsys):
    write_map(tmp_path / 'in' / 'a.png', LABELS, 'seg_map')
    folder, out, source, target, *instead = words
    more = [word for each in instead for word in ('--instead', each)]
    sets = ('--source', source, '--target', target)
    assert run_tool(tmp_path / folder, tmp_path / out, *sets, *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(text, line)
    assert not (tmp_path / 'out').exists()


def figures_of(pred, gt, vocabulary, **options):
    metric = ExactIoUMetric(**options)
    metric.dataset_meta = get_class_set(vocabulary).metainfo()
    maps = [dict(data=torch.as_tensor(ids)[None].long()) for ids in (pred, gt)]
    metric.process({}, [dict(img_path='a', pred_sem_seg=maps[0], gt_sem_seg=maps[1])])
    return metric.evaluate(1)


def test_figures_of_a_model_with_other_classes():
    pred = np.array([[0, 1, GLASSES], [FACE, 28, FACE]])
    truth = np.array([[0, 1, 2], [2, 27, 255]])  # of 28
    instead = dict(Eyeglass='Face_Neck')
    options = dict(pred_vocabulary='goliath29', instead=instead)
    assert figures_of(pred, truth, 'goliath28', **options)['mIoU'] == 100
    with pytest.raises(ValueError, match=r"\['Eyeglass'\] of 'goliath29' have no match"):
        figures_of(pred, truth, 'goliath28', pred_vocabulary='goliath29')
    # The other way round glasses are never found.
    truth_29 = np.array([[0, 1, GLASSES], [FACE, 28, 255]])
    pred_28 = np.array([[0, 1, 2], [2, 27, 0]])
    found = figures_of(pred_28, truth_29, 'goliath29', pred_vocabulary='goliath28')
    assert found['aAcc'] == 80
    with pytest.raises(ValueError, match='`pred_vocabulary` must be one of'):
        ExactIoUMetric(pred_vocabulary='goliath30')


def test_a_dataset_of_other_classes_is_refused():
    metric = ExactIoUMetric(pred_vocabulary='goliath29')
    metric.dataset_meta = dict(classes=('background', 'hair'))
    maps = dict(data=torch.zeros(1, 2, 2).long())
    with pytest.raises(ValueError, match='needs a dataset with one of the class sets'):
        metric.process({}, [dict(img_path='a', pred_sem_seg=maps, gt_sem_seg=maps)])


def test_predictions_have_no_ignored_pixels():
    with pytest.raises(ValueError, match=r'from 0 to 27, but got \[255\]'):
        convert_labels(np.array([0, 255]), 'goliath28', 'goliath29', has_ignored=False)
    same = convert_labels(np.array([0, 255]), 'goliath28', 'goliath28')
    assert same.tolist() == [0, 255]
    with pytest.raises(ValueError, match='but got float64'):
        convert_labels(np.zeros(2), 'goliath28', 'goliath29')
