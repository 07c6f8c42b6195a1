from types import SimpleNamespace

import numpy as np
import pytest
from bad_inputs.builders import coco, dataset, head, pose_model
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import DATASETS
from mmpose.evaluation.metrics import CocoMetric

from mmsapiens.engine.hooks import leaf_datasets
from mmsapiens.pose import PoseDataCheckHook
from mmsapiens.pose.hooks import keypoint_counts

CONVERTER = dict(type='KeypointConverter', num_keypoints=26, mapping=[(0, 1), (1, 0)])

pytestmark = pytest.mark.filterwarnings('ignore:The metainfo config')


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A COCO folder with one person as the working directory."""
    monkeypatch.chdir(tmp_path)
    coco()


def runner(data, num_outputs=17, evaluator=None):
    """What the hook looks at."""
    loader = SimpleNamespace(dataset=data)
    return SimpleNamespace(
        model=pose_model(head_cfg=head(out_channels=num_outputs)),
        train_dataloader=loader,
        val_dataloader=loader,
        test_dataloader=loader,
        val_loop=object(),
        test_evaluator=evaluator,
    )


def wrapped(kind):
    if kind == 'repeat':
        return RepeatDataset(dataset(), times=3)
    if kind == 'concat':
        return ConcatDataset([dataset(), dataset()])
    return dataset()


@pytest.mark.parametrize('kind', ['plain', 'repeat', 'concat'])
def test_good_data_pass(kind):
    hook = PoseDataCheckHook(max_samples=1)
    for method in (hook.before_train, hook.before_val, hook.before_test):
        method(runner(wrapped(kind)))


@pytest.mark.parametrize('kind', ['plain', 'repeat', 'concat'])
def test_other_head_is_refused_through_wrappers(kind):
    with pytest.raises(ValueError, match='`out_channels`.* 17, but got 308'):
        PoseDataCheckHook().before_train(runner(wrapped(kind), 308))


@pytest.mark.parametrize('kind', ['plain', 'repeat', 'concat'])
def test_missing_images_are_found_through_wrappers(kind, tmp_path):
    data = wrapped(kind)
    (tmp_path / '1.jpg').unlink()
    with pytest.raises(FileNotFoundError, match='1.jpg'):
        PoseDataCheckHook().before_test(runner(data))


def test_each_set_is_checked_once(tmp_path):
    hook = PoseDataCheckHook()
    data = runner(dataset())
    hook.before_train(data)
    (tmp_path / '1.jpg').unlink()
    hook.before_val(data)


def test_converted_keypoints_are_those_of_the_head():
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), CONVERTER]
    data = dataset(pipeline=pipeline)
    assert keypoint_counts(data) == {26}
    PoseDataCheckHook().before_train(runner(data, 26))


def test_combined_dataset_counts_its_own_keypoints(mmpose_scope):
    part = dict(
        type='mmsapiens.CheckedCocoDataset',
        ann_file='people.json',
        data_prefix=dict(img=''),
        pipeline=[CONVERTER],
    )
    metainfo = dict(from_file='configs/_base_/datasets/halpe26.py')
    data = DATASETS.build(dict(type='CombinedDataset', metainfo=metainfo, datasets=[part]))
    assert len(leaf_datasets(data)) == 1
    PoseDataCheckHook().before_train(runner(data, 26))


def test_metric_may_convert_predictions(mmpose_scope):
    from mmengine.evaluator import Evaluator

    metric = CocoMetric(pred_converter=CONVERTER)
    data = dataset()
    PoseDataCheckHook().before_test(runner(data, 26, Evaluator([metric])))
    with pytest.raises(ValueError, match='out_channels'):
        PoseDataCheckHook().before_test(runner(data, 26))


def test_datasets_without_keypoints_are_left_alone():
    data = SimpleNamespace(metainfo={}, data=np.zeros(3))
    PoseDataCheckHook().before_train(runner(data))


def test_max_samples_must_be_positive():
    with pytest.raises(ValueError, match='`max_samples` must be above 0'):
        PoseDataCheckHook(max_samples=0)
