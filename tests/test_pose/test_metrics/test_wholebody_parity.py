"""Figures of the reference implementation and of stock mmpose."""

import json

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmpose.datasets import CocoWholeBodyDataset
from mmpose.evaluation.metrics import CocoWholeBodyMetric
from parity import Case, data_folder, fixture_folder
from wholebody import evaluate

from mmsapiens.evaluation.oks import read_keypoints
from mmsapiens.pose.metrics import WholeBodyMetric

SETS = {
    'goliath': ('goliath308', 'annotations_308'),
    'coco_wholebody': ('coco_wholebody', 'annotations_coco_wholebody'),
}
"""Set of the case -> vocabulary, and key of its annotation file."""

GROUPS = {
    'keypoints_body': 'body',
    'keypoints_foot': 'foot',
    'keypoints_face': 'face',
    'keypoints_lefthand': 'left_hand',
    'keypoints_righthand': 'right_hand',
    'keypoints_wholebody': 'wholebody',
    'keypoints_wholebody_goliath': 'wholebody',
}


@pytest.fixture(scope='module')
def case():
    return Case('metric_pose_wholebody')


def predictions(case):
    """Data samples in an order that mixes the two sets."""
    path = fixture_folder() / case.doc['files']['predictions']
    samples = []
    for pred in json.loads(path.read_text()):
        samples.append(
            dict(
                id=pred['id'],
                img_id=pred['img_id'],
                dataset_name=pred['set'],
                gt_instances=dict(
                    bbox_scores=np.array([pred['bbox_score']]),
                    bbox_scales=np.array([pred['bbox_scale']]),
                ),
                pred_instances=dict(
                    keypoints=np.array([pred['keypoints']]),
                    keypoint_scores=np.array([pred['keypoint_scores']]),
                ),
            )
        )
    order = np.random.default_rng(0).permutation(len(samples))
    return [samples[index] for index in order]


def metric(case, name, **changes):
    """The metric of one set of the case."""
    vocabulary, key = SETS[name]
    options = {k: v for k, v in case.config.items() if k != 'type'}
    return WholeBodyMetric(
        vocabulary,
        str(fixture_folder() / case.doc['files'][key]),
        pred_vocabulary='goliath308',
        dataset_name=name,
        prefix=name,
        **options,
        **changes,
    )


def test_every_group_of_both_sets_in_one_run(case):
    evaluator = Evaluator(
        [metric(case, 'goliath'), metric(case, 'coco_wholebody', reference_unmapped=True)]
    )
    samples = predictions(case)
    for data_sample in samples:
        evaluator.process([data_sample], {})
    figures = evaluator.evaluate(len(samples))
    compared = 0
    for reference, expected in case.doc['groups'].items():
        name, group = reference.split('/')
        for figure, value in expected.items():
            actual = figures[f'{name}/{GROUPS[group]}/{figure}']
            assert actual == pytest.approx(value, abs=case.tolerance['atol'], rel=0), (
                reference,
                figure,
            )
            compared += 1
    assert compared == sum(map(len, case.doc['groups'].values())) > 0


def test_sigmas_groups_and_names_are_those_of_the_reference(case):
    for name, key in (('goliath', 'sigmas_308'), ('coco_wholebody', 'sigmas_coco_wholebody')):
        sigmas = metric(case, name).sigmas
        np.testing.assert_allclose(sigmas, case.doc[key], atol=1e-7)
    groups = metric(case, 'goliath').groups
    for group, ids in case.doc['group_indices_308'].items():
        if group in groups:
            assert groups[group] == ids


def test_points_without_a_partner_no_longer_spoil_the_figures(case):
    samples = predictions(case)
    ours = evaluate(metric(case, 'coco_wholebody'), samples)
    name = 'coco_wholebody/wholebody/AP'
    assert ours[name] > case.doc['returned']['coco_wholebody_AP']
    assert ours['coco_wholebody/body/AP'] > 0


def test_whole_body_equals_stock_metric_on_real_annotations():
    ann_file = str(data_folder() / 'coco_sample/test_coco_wholebody.json')
    ours = WholeBodyMetric('coco_wholebody', ann_file)
    stock = CocoWholeBodyMetric(ann_file)
    stock.dataset_meta = CocoWholeBodyDataset(ann_file=ann_file, test_mode=True).metainfo
    rng = np.random.default_rng(0)
    samples = []
    for annotation in ours.coco.anns.values():
        points = read_keypoints(annotation, 'coco_wholebody')[None, :, :2]
        noise = rng.normal(0, 0.01 * np.sqrt(annotation['area']), points.shape)
        scores = rng.uniform(0.1, 1, points.shape[:2])
        samples.append(
            dict(
                id=annotation['id'],
                img_id=annotation['image_id'],
                gt_instances=dict(
                    bbox_scores=rng.uniform(0.3, 1, 1),
                    bbox_scales=np.array([annotation['bbox'][2:]]),
                ),
                pred_instances=dict(keypoints=points + noise, keypoint_scores=scores),
            )
        )
    expected = evaluate(stock, samples)
    actual = evaluate(ours, samples)
    assert 0.1 < expected['coco-wholebody/AP'] < 0.99
    for name, value in expected.items():
        figure = name.split('/')[1]
        assert actual[f'wholebody/{figure}'] == pytest.approx(value), figure
