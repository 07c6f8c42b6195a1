"""Small whole-body annotation files, and predictions with a known OKS.

Shapes: K keypoints of a vocabulary.
"""

import json

import numpy as np

from mmsapiens.evaluation.oks import write_keypoints
from mmsapiens.keypoints.keypoint_sets import get_keypoint_set

AREA = 100.0 * 100
KEYPOINT_SETS = ('coco_wholebody', 'goliath308')
GROUPS = {'body', 'foot', 'face', 'left_hand', 'right_hand', 'hand', 'wholebody'}


def person(vocabulary, number, image_id=None, unlabelled=()):
    """An annotation whose keypoints are all labelled, but for groups.

    The person is a square of 100 pixels, `number` squares to the right.
    """
    described = get_keypoint_set(vocabulary)
    points = np.full((len(described), 3), 2.0)
    rng = np.random.default_rng(number)
    points[:, :2] = rng.uniform(0, 100, (len(described), 2)).round(2)
    points[:, 0] += 100 * number
    # Corners of the square, so that its area is that of the body.
    points[:2, :2] = (100 * number, 0), (100 * number + 100, 100)
    for group in unlabelled:
        points[list(described.groups[group])] = 0
    return dict(
        id=number,
        image_id=number if image_id is None else image_id,
        category_id=1,
        iscrowd=0,
        bbox=[100.0 * number, 0.0, 100.0, 100.0],
        area=AREA,
        segmentation=[],
        num_keypoints=len(described),
        **write_keypoints(points, vocabulary),
        points=points.tolist(),
    )


def write_annotations(path, annotations):
    """Write a COCO style file and return its path as text."""
    images = sorted({entry['image_id'] for entry in annotations})
    doc = dict(
        images=[dict(id=i, file_name=f'{i}.jpg', width=1000, height=200) for i in images],
        categories=[dict(id=1, name='person')],
        annotations=annotations,
    )
    path.write_text(json.dumps(doc))
    return str(path)


def shift_for(oks, vocabulary):
    """Distances, px (K,), at which each point of a person has this OKS."""
    sigmas = np.array(get_keypoint_set(vocabulary).sigmas)
    return 2 * sigmas * np.sqrt(-2 * AREA * np.log(oks))


def sample(annotation, points, score=1.0, **meta):
    """A data sample whose only prediction is `points` (K, 2)."""
    points = np.asarray(points, dtype=float)[None, :, :2]
    return dict(
        id=annotation['id'],
        img_id=annotation['image_id'],
        gt_instances=dict(
            bbox_scores=np.array([score]), bbox_scales=np.array([annotation['bbox'][2:]])
        ),
        pred_instances=dict(keypoints=points, keypoint_scores=np.ones(points.shape[:2])),
        **meta,
    )


def shifted(annotation, vocabulary, oks, groups=None, **kwargs):
    """A data sample shifted so that points of `groups` have this OKS."""
    points = np.array(annotation['points'])[:, :2]
    described = get_keypoint_set(vocabulary)
    ids = list(range(len(described)))
    if groups is not None:
        ids = [i for group in groups for i in described.groups[group]]
    points[ids, 0] += shift_for(oks, vocabulary)[ids]
    return sample(annotation, points, **kwargs)


def evaluate(metric, data_samples, size=None):
    """Figures of a metric for samples given one by one."""
    for data_sample in data_samples:
        metric.process({}, [data_sample])
    return metric.evaluate(len(data_samples) if size is None else size)


def people(vocabulary, tmp_path, count=3, **kwargs):
    """`count` people in images of their own, and their file."""
    annotations = [person(vocabulary, i, **kwargs) for i in range(count)]
    name = f'{vocabulary}.json'
    return annotations, write_annotations(tmp_path / name, annotations)
