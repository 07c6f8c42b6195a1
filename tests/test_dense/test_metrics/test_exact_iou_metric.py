import math

import numpy as np
import pytest
import torch
from mmseg.evaluation.metrics import IoUMetric
from parity import Case

from mmsapiens.dense.metrics import ExactIoUMetric
from mmsapiens.registry import METRICS

CLASSES = ('background', 'hair', 'skin', 'never')


def sample(pred, label, name='a.png'):
    def maps(ids):
        return dict(data=torch.as_tensor(ids)[None])

    return dict(img_path=name, pred_sem_seg=maps(pred), gt_sem_seg=maps(label))


def evaluate(samples, classes=CLASSES, kind=ExactIoUMetric, **kwargs):
    metric = kind(**kwargs)
    metric.dataset_meta = dict(classes=classes)
    for each in samples:
        metric.process({}, [each])
    return metric.evaluate(len(samples))


def random_ids(generator, size=(9, 11), low=0):
    return torch.randint(low, 3, size, generator=generator)


def test_a_case_by_hand():
    # Class 0: 2 of a union of 3; class 1: 1 of 3; class 2: 1 of 1. The ignored pixel counts
    # nowhere.
    label = [[0, 0, 1], [1, 2, 255]]
    pred = [[0, 0, 1], [0, 2, 1]]
    figures = evaluate([sample(pred, label)])
    assert figures == dict(
        aAcc=80.0,
        mIoU=round(100 * (2 / 3 + 1 / 2 + 1) / 3, 2),
        mAcc=round(100 * (1 + 1 / 2 + 1) / 3, 2),
    )


def test_agrees_with_stock_on_small_input():
    generator = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(3):
        label = random_ids(generator)
        label[0, :3] = 255
        samples.append(sample(random_ids(generator), label))
    options = dict(iou_metrics=['mIoU', 'mDice', 'mFscore'], prefix='val')
    ours = evaluate(samples, **options)
    stock = evaluate(samples, kind=IoUMetric, **options)
    assert set(ours) == set(stock)
    assert ours == pytest.approx(stock, abs=0.0101)


def test_counts_stay_exact_where_float32_has_gaps():
    metric = ExactIoUMetric()
    metric.dataset_meta = dict(classes=CLASSES[:2])
    many = torch.tensor([2**24, 1])  # as if from an image of 16 megapixels
    one = torch.tensor([1, 0])
    areas = [(many, many, many, many)] + [(one, one * 2, one, one * 2)] * 999
    totals = [sum(column) for column in zip(*areas)]
    assert totals[0].tolist() == [2**24 + 999, 1]
    figures = metric.total_area_to_metrics(*totals)
    assert figures['IoU'][0] == (2**24 + 999) / (2**24 + 2 * 999)
    pred = torch.zeros((1, 4), dtype=torch.uint8)
    counts = metric.intersect_and_union(pred, pred, 2, 255)
    assert all(count.dtype == torch.int64 for count in counts)


def test_class_that_never_occurs_is_left_out_or_gets_a_number():
    label = [[0, 1], [2, 2]]
    assert evaluate([sample(label, label)])['mIoU'] == 100
    counted = evaluate([sample(label, label)], nan_to_num=0)
    assert counted['mIoU'] == 75
    areas = ExactIoUMetric.intersect_and_union(
        torch.tensor(label), torch.tensor(label), len(CLASSES), 255
    )
    table = ExactIoUMetric.total_area_to_metrics(*areas)
    assert math.isnan(table['IoU'][CLASSES.index('never')])


def test_parity_with_reference():
    case = Case('metric_iou')
    num_classes = int(case.scalar('num_classes'))
    samples = [
        sample(pred, label) for pred, label in zip(case['inputs/pred'], case['inputs/label'])
    ]
    names = [str(i) for i in range(num_classes)]
    everything = ['mIoU', 'mDice', 'mFscore']
    atol = case.tolerance['atol']
    for key, options in {
        'mIoU': {},
        'all': dict(iou_metrics=everything),
        'all_nan_to_num_0': dict(iou_metrics=everything, nan_to_num=0),
    }.items():
        figures = evaluate(samples, names, **options)
        assert figures == pytest.approx(case.doc['scalars'][key], abs=atol)


def test_areas_are_those_of_the_reference():
    case = Case('metric_iou')
    num_classes = int(case.scalar('num_classes'))
    totals = np.sum(
        [
            [
                area.numpy()
                for area in ExactIoUMetric.intersect_and_union(pred, label, num_classes, 255)
            ]
            for pred, label in zip(case['inputs/pred'], case['inputs/label'])
        ],
        axis=0,
    )
    for name, total in zip(('intersect', 'union', 'pred', 'label'), totals):
        assert total.tolist() == case[f'outputs/area_{name}'].tolist()


def test_writes_labels_without_ground_truth(tmp_path):
    each = sample([[0, 2]], [[0, 2]])
    del each['gt_sem_seg']
    figures = evaluate([each], format_only=True, output_dir=str(tmp_path))
    assert figures == {}
    assert (tmp_path / 'a.png').is_file()


@pytest.mark.parametrize(
    'pred, label, message',
    [
        ([[0, 4]], [[0, 1]], r'`pred_sem_seg` of a.png must be below'),
        ([[0, 1]], [[0, 33]], r'`gt_sem_seg` of a.png must .* 0 to 33'),
        ([[0, 1]], [[0, -1]], r'`gt_sem_seg` of a.png must .* -1 to 0'),
        ([[0, 1]], [[0], [1]], r'must have the shape .*\(1, 2, 1\)'),
    ],
)
def test_wrong_ids_and_sizes_name_the_image(pred, label, message):
    with pytest.raises(ValueError, match=message):
        evaluate([sample(pred, label)])


def test_misspelt_option_is_refused():
    with pytest.raises(TypeError, match='ignore_label'):
        METRICS.build(dict(type='mmsapiens.ExactIoUMetric', ignore_label=255))
