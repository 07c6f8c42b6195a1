import json

import numpy as np
import pytest
from parity import data_folder

from mmsapiens.keypoints.keypoint_sets import convert_keypoints
from mmsapiens.pose import ConvertingCocoMetric


@pytest.fixture
def ann_file():
    return data_folder() / 'coco_sample/test_coco.json'


def samples_of(ann_file, vocabulary):
    """Predictions equal to the annotations, in another vocabulary."""
    samples = []
    for person in json.loads(ann_file.read_text())['annotations']:
        if not person['num_keypoints']:
            continue
        points = np.array(person['keypoints'], dtype=float).reshape(1, 17, 3)
        keypoints, scores = convert_keypoints(points[..., :2], np.ones((1, 17)), 'coco', vocabulary)
        x, y, width, height = person['bbox']
        samples.append(
            dict(
                id=person['id'],
                img_id=person['image_id'],
                category_id=1,
                gt_instances=dict(bbox_scores=np.ones(1)),
                pred_instances=dict(
                    keypoints=keypoints,
                    keypoint_scores=scores,
                    bbox_scores=np.ones(1),
                    bboxes=np.array([[x, y, x + width, y + height]]),
                ),
            )
        )
    return samples


@pytest.mark.parametrize('source', ['coco_wholebody', 'goliath308'])
def test_converted_annotations_are_found_again(source, ann_file):
    metric = ConvertingCocoMetric(source, ann_file=str(ann_file))
    metric.dataset_meta = dict(dataset_name='anything', num_keypoints=1)
    samples = samples_of(ann_file, source)
    before = samples[0]['pred_instances']['keypoints'].copy()
    metric.process([], samples)
    figures = metric.evaluate(len(samples))
    assert figures['coco/AP'] == pytest.approx(1, abs=1e-6)
    after = samples[0]['pred_instances']['keypoints']
    np.testing.assert_array_equal(after, before)


def test_unknown_vocabulary_is_refused(ann_file):
    with pytest.raises(KeyError, match="but got 'coco133'"):
        ConvertingCocoMetric('coco133', ann_file=str(ann_file))
