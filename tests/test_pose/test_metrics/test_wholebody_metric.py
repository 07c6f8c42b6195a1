import json

import numpy as np
import pytest
from wholebody import (
    GROUPS,
    KEYPOINT_SETS,
    evaluate,
    people,
    person,
    sample,
    shifted,
    write_annotations,
)

from mmsapiens.keypoints.keypoint_sets import convert_keypoints, get_keypoint_set
from mmsapiens.pose.metrics import WholeBodyMetric

SIZES = {
    ('goliath308', 'all'): (17, 6, 238, 20, 20, 40, 308),
    ('coco_wholebody', 'all'): (17, 6, 68, 21, 21, 42, 133),
    ('goliath308', 'common114'): (17, 6, 51, 20, 20, 40, 114),
    ('coco_wholebody', 'common114'): (17, 6, 51, 20, 20, 40, 114),
}


def converted(annotation, source, target):
    """Ground truth of one vocabulary as points of another one."""
    points = np.array(annotation['points'])[None]
    return convert_keypoints(points[..., :2], points[..., 2], source, target)


@pytest.mark.parametrize('vocabulary', KEYPOINT_SETS)
def test_own_ground_truth_gives_one(vocabulary, tmp_path):
    annotations, ann_file = people(vocabulary, tmp_path)
    metric = WholeBodyMetric(vocabulary, ann_file)
    figures = evaluate(metric, [sample(a, a['points']) for a in annotations])
    assert {name.split('/')[0] for name in figures} == GROUPS
    assert len(figures) == 10 * len(GROUPS)
    for group in GROUPS:
        assert figures[f'{group}/AP'] == pytest.approx(1)
        assert figures[f'{group}/AR'] == 1
        assert figures[f'{group}/AP (L)'] == pytest.approx(1)
        assert figures[f'{group}/AP (M)'] == -1


@pytest.mark.parametrize('vocabulary, protocol', SIZES)
def test_groups_have_the_points_of_the_protocol(vocabulary, protocol):
    metric = WholeBodyMetric(vocabulary, protocol=protocol)
    sizes = tuple(len(ids) for ids in metric.groups.values())
    assert sizes == SIZES[vocabulary, protocol]


@pytest.mark.parametrize('vocabulary', KEYPOINT_SETS)
@pytest.mark.parametrize('oks, ap', [(0.82, 0.7), (0.62, 0.3), (0.4, 0.0)])
def test_shifted_points_give_the_figure_worked_out(vocabulary, oks, ap, tmp_path):
    annotations, ann_file = people(vocabulary, tmp_path)
    metric = WholeBodyMetric(vocabulary, ann_file)
    figures = evaluate(metric, [shifted(a, vocabulary, oks) for a in annotations])
    for group in GROUPS:
        assert figures[f'{group}/AP'] == pytest.approx(ap), group
        assert figures[f'{group}/AR'] == pytest.approx(ap), group


def test_hands_are_joined_into_one_instance(tmp_path):
    annotations, ann_file = people('goliath308', tmp_path)
    metric = WholeBodyMetric('goliath308', ann_file)
    samples = [shifted(a, 'goliath308', 0.34, ['right_hand']) for a in annotations]
    figures = evaluate(metric, samples)
    assert figures['left_hand/AP'] == pytest.approx(1)
    assert figures['right_hand/AP'] == 0
    # 20 points at 1 and 20 at 0.34: 0.67 meets .5, .55, .6 and .65.
    assert figures['hand/AP'] == pytest.approx(0.4)
    # Wrists are points of the body in this vocabulary.
    assert figures['body/AP'] == pytest.approx(1)


def test_several_people_in_an_image(tmp_path):
    annotations = [person('goliath308', i, image_id=7) for i in range(3)]
    ann_file = write_annotations(tmp_path / 'a.json', annotations)
    samples = [
        shifted(annotations[0], 'goliath308', 0.82, score=0.9),
        sample(annotations[1], annotations[1]['points'], score=0.8),
    ]
    figures = evaluate(WholeBodyMetric('goliath308', ann_file), samples)
    # Recalls up to 2/3 are 67 of 101. Above .8 the better scored one is wrong: precision is 1/2 up
    # to recall 1/3, that is for 34 of them.
    expected = (7 * 67 + 3 * 34 / 2) / 10 / 101
    assert figures['wholebody/AP'] == pytest.approx(expected)
    assert figures['wholebody/AR'] == pytest.approx((7 * 2 + 3) / 30)


def test_duplicates_are_suppressed(tmp_path):
    annotations, ann_file = people('goliath308', tmp_path, count=2)
    samples = [sample(a, a['points']) for a in annotations]
    twin = shifted(annotations[0], 'goliath308', 0.97, score=2.0)
    figures = {}
    for nms_mode in ('oks_nms', 'none'):
        metric = WholeBodyMetric('goliath308', ann_file, nms_mode=nms_mode)
        figures[nms_mode] = evaluate(metric, [*samples, dict(twin, id=99)])
    assert figures['oks_nms']['wholebody/AP'] == pytest.approx(1)
    assert figures['none']['wholebody/AP'] < 0.9


def test_people_without_a_point_of_a_group(tmp_path):
    annotations = [
        person('goliath308', 1, unlabelled=['foot', 'left_hand']),
        person('goliath308', 2, unlabelled=['foot']),
    ]
    ann_file = write_annotations(tmp_path / 'a.json', annotations)
    samples = [
        shifted(annotations[0], 'goliath308', 0.01, ['foot', 'left_hand']),
        sample(annotations[1], annotations[1]['points']),
    ]
    figures = evaluate(WholeBodyMetric('goliath308', ann_file), samples)
    assert figures['foot/AP'] == figures['foot/AR'] == -1
    assert figures['left_hand/AP'] == pytest.approx(1)
    assert figures['hand/AP'] == pytest.approx(1)
    assert figures['wholebody/AP'] == pytest.approx(1)


def test_no_predictions_give_zero(tmp_path):
    _, ann_file = people('goliath308', tmp_path)
    figures = WholeBodyMetric('goliath308', ann_file).evaluate(0)
    for group in GROUPS:
        assert figures[f'{group}/AP'] == figures[f'{group}/AR'] == 0
        assert figures[f'{group}/AP (M)'] == -1


def test_score_is_the_mean_above_the_threshold(tmp_path):
    annotations, ann_file = people('goliath308', tmp_path, count=1)
    # A wrong person in the same image takes precedence if its score is higher: box score 0.9
    # against 0.8 of the right one.
    right = sample(annotations[0], annotations[0]['points'], score=0.8)
    wrong = shifted(annotations[0], 'goliath308', 0.01, score=0.9)
    wrong = dict(wrong, id=50)
    wrong['pred_instances']['keypoint_scores'][:, ::2] = 0.5
    for thr, ap in ((0.2, 1.0), (0.7, 0.5)):
        metric = WholeBodyMetric('goliath308', ann_file, keypoint_score_thr=thr)
        figures = evaluate(metric, [right, wrong])
        assert figures['wholebody/AP'] == pytest.approx(ap)


@pytest.mark.parametrize('vocabulary', KEYPOINT_SETS)
@pytest.mark.parametrize('pred_vocabulary', KEYPOINT_SETS)
def test_common_protocol_takes_either_vocabulary(vocabulary, pred_vocabulary, tmp_path):
    annotations, ann_file = people(vocabulary, tmp_path)
    samples = []
    for annotation in annotations:
        points, _ = converted(annotation, vocabulary, pred_vocabulary)
        samples.append(sample(annotation, points[0]))
    metric = WholeBodyMetric(
        vocabulary, ann_file, pred_vocabulary=pred_vocabulary, protocol='common114'
    )
    figures = evaluate(metric, samples)
    for group in GROUPS:
        assert figures[f'{group}/AP'] == pytest.approx(1), group


def test_common_protocol_ignores_all_other_points(tmp_path):
    annotations, ann_file = people('goliath308', tmp_path)
    metric = WholeBodyMetric('goliath308', ann_file, protocol='common114')
    others = sorted(set(range(308)) - set(metric.keypoint_ids))
    samples = []
    for annotation in annotations:
        points = np.array(annotation['points'])
        points[others, :2] += 1000
        data_sample = sample(annotation, points)
        data_sample['pred_instances']['keypoint_scores'][:, others] = 9
        samples.append(data_sample)
    figures = evaluate(metric, samples)
    assert figures['wholebody/AP'] == pytest.approx(1)


def test_points_without_a_partner_have_no_influence(tmp_path):
    annotations, ann_file = people('coco_wholebody', tmp_path)
    samples = []
    for annotation in annotations:
        points, _ = converted(annotation, *KEYPOINT_SETS)
        samples.append(sample(annotation, points[0]))
    kwargs = dict(ann_file=ann_file, pred_vocabulary='goliath308')
    figures = evaluate(WholeBodyMetric('coco_wholebody', **kwargs), samples)
    for group in GROUPS:
        assert figures[f'{group}/AP'] == pytest.approx(1), group
    reference = WholeBodyMetric('coco_wholebody', reference_unmapped=True, **kwargs)
    figures = evaluate(reference, samples)
    assert figures['body/AP'] == pytest.approx(1)
    assert figures['face/AP'] == 0
    assert figures['wholebody/AP'] < 0.5


def test_annotation_file_of_the_data_set_built_last(tmp_path):
    from mmpose.datasets import CocoWholeBodyDataset

    annotations, ann_file = people('coco_wholebody', tmp_path)
    dataset = CocoWholeBodyDataset(ann_file=ann_file, test_mode=True)
    metric = WholeBodyMetric('coco_wholebody')
    metric.dataset_meta = dataset.metainfo
    figures = evaluate(metric, [sample(a, a['points']) for a in annotations])
    assert figures['wholebody/AP'] == pytest.approx(1)


def test_results_are_written_in_the_layout_of_the_file(tmp_path):
    annotations, ann_file = people('goliath308', tmp_path, count=1)
    metric = WholeBodyMetric(
        'goliath308', ann_file, format_only=True, outfile_prefix=str(tmp_path / 'out')
    )
    points = annotations[0]['points']
    assert evaluate(metric, [sample(annotations[0], points)]) == {}
    (row,) = json.loads((tmp_path / 'out.keypoints.json').read_text())
    for key, size in dict(keypoints=17, face_kpts=238, goliath_wholebody_kpts=308).items():
        expected = np.array(annotations[0][key]).reshape(size, 3)
        written = np.array(row[key]).reshape(size, 3)
        np.testing.assert_allclose(written[:, :2], expected[:, :2])
    assert row['score'] == 1


@pytest.mark.parametrize(
    'vocabulary, other',
    [
        ('goliath308', 'coco_wholebody'),
        ('coco_wholebody', 'goliath308'),
        ('coco_wholebody', 'coco'),
    ],
)
def test_annotation_file_of_another_vocabulary(vocabulary, other, tmp_path):
    if other == 'coco':
        annotation = person('coco_wholebody', 5)
        del annotation['foot_kpts']
    else:
        annotation = person(other, 5)
    ann_file = write_annotations(tmp_path / 'a.json', [annotation])
    with pytest.raises(ValueError, match=r'annotation 5 must have .*of th(is|ese)'):
        WholeBodyMetric(vocabulary, ann_file)


def _wrong_number(data_sample):
    points = np.zeros((1, 133, 2))
    instances = dict(keypoints=points, keypoint_scores=np.ones((1, 133)))
    return dict(data_sample, pred_instances=instances)


def _nan(data_sample):
    data_sample['pred_instances']['keypoints'][0, 4] = np.nan
    return data_sample


@pytest.mark.parametrize(
    'change, message',
    [
        (_wrong_number, r"\(N, 308, 2\), `pred_vocabulary` being 'goliath308'"),
        (_nan, 'must be finite, but got 2 other values for image 0'),
        (lambda s: dict(s, img_id=77), 'image 77 .*not in the annotation'),
        (lambda s: dict(s, img_path='b/other.jpg'), 'image 0 b/other.jpg'),
    ],
)
def test_wrong_predictions_are_named(change, message, tmp_path):
    (annotation,), ann_file = people('goliath308', tmp_path, count=1)
    metric = WholeBodyMetric('goliath308', ann_file)
    data_sample = change(sample(annotation, annotation['points']))
    with pytest.raises(ValueError, match=message):
        metric.process({}, [data_sample])


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(vocabulary='coco'), '`vocabulary` must be one of'),
        (dict(pred_vocabulary='coco'), '`pred_vocabulary` must be one of'),
        (dict(protocol='114'), '`protocol` must be one of'),
        (dict(reference_unmapped=True), 'is for goliath308 predictions on'),
        (dict(gt_converter={}), 'not an option of WholeBodyMetric'),
        (dict(score_mode='box'), '`score_mode` should be one of'),
    ],
)
def test_wrong_options_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        WholeBodyMetric(**{'vocabulary': 'goliath308', **changes})


def test_annotation_file_is_required():
    metric = WholeBodyMetric('goliath308')
    with pytest.raises(ValueError, match='`ann_file` is required'):
        metric.process({}, [])


def test_misspelt_option_is_a_type_error():
    with pytest.raises(TypeError, match='keypoint_thr'):
        WholeBodyMetric('goliath308', keypoint_thr=0.2)


def test_sigmas_are_those_of_the_ground_truth():
    for vocabulary in KEYPOINT_SETS:
        metric = WholeBodyMetric(vocabulary, protocol='common114')
        all_sigmas = np.array(get_keypoint_set(vocabulary).sigmas)
        np.testing.assert_array_equal(
            metric.dataset_meta['sigmas'], all_sigmas[metric.keypoint_ids]
        )
        assert metric.dataset_meta['num_keypoints'] == 114
