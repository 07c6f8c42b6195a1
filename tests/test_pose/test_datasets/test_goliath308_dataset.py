import json

import numpy as np
import pytest
from mmpose.registry import DATASETS

from mmsapiens.keypoints.keypoint_sets import get_keypoint_set

SIZE = 308


def person(image_id, number, shift=0.0, visible=2):
    """An annotation with keypoints on a grid."""
    index = np.arange(SIZE)
    points = np.stack([20 + index % 20 + shift, 20 + index // 20, np.full(SIZE, visible)], 1)
    return dict(
        id=number,
        image_id=image_id,
        category_id=1,
        iscrowd=0,
        bbox=[10, 10, 60, 60],
        area=3600,
        num_keypoints=17,
        keypoints=[0] * 51,
        goliath_wholebody_kpts=points.flatten().tolist(),
    )


def write(folder, annotations):
    doc = dict(
        images=[
            dict(id=i, file_name=f'{i}.png', width=100, height=120)
            for i in sorted({a['image_id'] for a in annotations})
        ],
        annotations=annotations,
        categories=[dict(id=1, name='person')],
    )
    path = folder / 'goliath.json'
    path.write_text(json.dumps(doc))
    return path


def build(path, **kwargs):
    return DATASETS.build(
        dict(type='mmsapiens.Goliath308Dataset', ann_file=str(path), pipeline=[], **kwargs)
    )


def test_several_people_of_an_image_are_read(tmp_path):
    people = [person(1, 10), person(1, 11, shift=5), person(2, 12)]
    dataset = build(write(tmp_path, people))
    assert len(dataset) == 3
    data = dataset[1]
    assert data['keypoints'].shape == (1, SIZE, 2)
    np.testing.assert_allclose(data['keypoints'][0, 21], [26, 21])
    assert (data['keypoints_visible'] == 1).all()
    assert data['num_keypoints'] == SIZE
    assert data['img_id'] == 1 and data['id'] == 11


def test_metainfo_is_that_of_the_vocabulary(tmp_path):
    dataset = build(write(tmp_path, [person(1, 1)]))
    vocabulary = get_keypoint_set('goliath308')
    meta = dataset.metainfo
    assert meta['dataset_name'] == 'goliath308'
    assert meta['num_keypoints'] == SIZE
    assert tuple(meta['flip_indices']) == vocabulary.flip_indices
    assert len(meta['upper_body_ids']) == 51
    assert len(meta['lower_body_ids']) == 12


def test_people_without_visible_keypoints_are_left_out(tmp_path):
    people = [person(1, 1), person(1, 2, visible=0)]
    assert len(build(write(tmp_path, people))) == 1


def test_annotations_of_other_vocabularies_are_refused(tmp_path):
    annotation = person(1, 1)
    del annotation['goliath_wholebody_kpts']
    path = write(tmp_path, [annotation])
    with pytest.raises(ValueError, match='must have `goliath_wholebody_kpts`'):
        build(path)


def test_other_number_of_keypoints_is_refused(tmp_path):
    annotation = person(1, 1)
    annotation['goliath_wholebody_kpts'] *= 2
    path = write(tmp_path, [annotation])
    with pytest.raises(ValueError, match='must have 308 keypoints'):
        build(path)
