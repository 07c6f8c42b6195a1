"""Several datasets, and several processes, in one evaluation."""

import os

import mmcv
import mmengine.dist
import numpy as np
import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, METRICS
from mmengine.structures import InstanceData
from wholebody import GROUPS, KEYPOINT_SETS, evaluate, people, sample, shifted

from mmsapiens.keypoints.keypoint_sets import convert_keypoints, read_metainfo
from mmsapiens.pose.metrics import WholeBodyMetric


def combined(tmp_path, **changes):
    """Two datasets with the same ids; the second has its points shifted."""
    samples, metrics = [], []
    for vocabulary, oks in zip(KEYPOINT_SETS, (0.99, 0.82)):
        annotations, ann_file = people(vocabulary, tmp_path)
        for annotation in annotations:
            moved = shifted(annotation, vocabulary, oks)
            points = moved['pred_instances']['keypoints']
            points, _ = convert_keypoints(
                points, np.ones(points.shape[:2]), vocabulary, 'goliath308'
            )
            path = f'data/{vocabulary}/{annotation["image_id"]}.jpg'
            meta = dict(dataset_name=vocabulary, img_path=path)
            samples.append(sample(annotation, points[0], **meta))
        cfg = dict(
            type='mmsapiens.WholeBodyMetric',
            vocabulary=vocabulary,
            pred_vocabulary='goliath308',
            ann_file=ann_file,
            dataset_name=vocabulary,
            prefix=vocabulary,
        )
        metrics.append(METRICS.build({**cfg, **changes}))
    return samples, metrics


@pytest.mark.parametrize('order', [[0, 1, 2, 3, 4, 5], [3, 0, 5, 1, 2, 4]])
def test_data_sets_are_split_by_name_in_any_order(order, tmp_path):
    samples, metrics = combined(tmp_path)
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = dict(dataset_name='goliath308')
    for index in order:
        evaluator.process([samples[index]], {})
    figures = evaluator.evaluate(len(samples))
    for group in GROUPS:
        assert figures[f'coco_wholebody/{group}/AP'] == pytest.approx(1)
        assert figures[f'goliath308/{group}/AP'] == pytest.approx(0.7)


def test_data_sets_are_split_by_folder(tmp_path):
    samples, metrics = combined(tmp_path, dataset_name=None, img_folder='data/coco_wholebody')
    figures = evaluate(metrics[0], samples)
    assert figures['coco_wholebody/wholebody/AP'] == pytest.approx(1)


def test_combined_data_set_of_stock_carries_the_names(mmpose_scope, tmp_path):
    subsets, metrics = [], []
    for vocabulary, dataset in zip(
        KEYPOINT_SETS, ('CocoWholeBodyDataset', 'mmsapiens.Goliath308Dataset')
    ):
        annotations, ann_file = people(vocabulary, tmp_path)
        for annotation in annotations:
            path = tmp_path / f'{annotation["image_id"]}.jpg'
            mmcv.imwrite(np.zeros((200, 1000, 3), np.uint8), str(path))
        subsets.append(
            dict(
                type=dataset,
                ann_file=ann_file,
                data_prefix=dict(img=str(tmp_path)),
                test_mode=True,
                pipeline=[],
            )
        )
        metrics.append(
            WholeBodyMetric(
                vocabulary,
                ann_file,
                pred_vocabulary='goliath308',
                dataset_name=vocabulary,
                prefix=vocabulary,
            )
        )
    combined_set = DATASETS.build(
        dict(
            type='CombinedDataset',
            metainfo=read_metainfo('goliath308'),
            datasets=subsets,
            pipeline=[
                dict(type='LoadImage'),
                dict(type='GetBBoxCenterScale'),
                dict(type='PackPoseInputs'),
            ],
            test_mode=True,
        )
    )
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = combined_set.metainfo
    for index in range(len(combined_set)):
        data_sample = combined_set[index]['data_samples']
        truth = data_sample.gt_instances
        points, visible = truth.keypoints, truth.keypoints_visible
        source = KEYPOINT_SETS[points.shape[1] == 308]
        points, visible = convert_keypoints(points, visible, source, 'goliath308')
        data_sample.pred_instances = InstanceData(keypoints=points, keypoint_scores=visible)
        evaluator.process([data_sample], {})
    figures = evaluator.evaluate(len(combined_set))
    for vocabulary in KEYPOINT_SETS:
        for group in GROUPS:
            ap = figures[f'{vocabulary}/{group}/AP']
            assert ap == pytest.approx(1), (vocabulary, group)


def _evaluate_half(rank, folder, results):
    os.chdir(folder)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    mmengine.dist.init_local_group(0, 2)
    samples, metrics = combined(folder / str(rank))
    # As a sampler does: by turns, the first once more at the end.
    figures = {}
    for metric in metrics:
        for data_sample in [*samples, samples[0]][:7][rank::2]:
            metric.process({}, [data_sample])
        figures.update(metric.evaluate(len(samples)))
    results.put((rank, figures))
    dist.barrier()


def test_two_processes_give_the_figures_of_one(tmp_path):
    for name in ('0', '1', 'alone'):
        (tmp_path / name).mkdir()
    samples, metrics = combined(tmp_path / 'alone')
    alone = {}
    for metric in metrics:
        alone.update(evaluate(metric, samples))
    # Forked: what takes long is to import everything once more.
    queue = mp.get_context('fork').SimpleQueue()
    mp.start_processes(_evaluate_half, (tmp_path, queue), nprocs=2, start_method='fork')
    for _ in range(2):
        rank, figures = queue.get()
        assert figures == alone, rank


def test_samples_of_no_data_set_of_the_metric(tmp_path):
    samples, metrics = combined(tmp_path, dataset_name='humans-5k')
    with pytest.raises(ValueError, match=r"humans-5k, only for \['coco_"):
        evaluate(metrics[1], samples)
    del samples[0]['dataset_name']
    with pytest.raises(ValueError, match='must have `dataset_name`'):
        evaluate(metrics[1], samples)
