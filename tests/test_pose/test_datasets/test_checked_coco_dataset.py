import json

import numpy as np
import pytest
from mmengine.registry import DATASETS

PEOPLE = [
    dict(
        id=index,
        image_id=1,
        category_id=1,
        bbox=[4 * index, 4, 20, 30],
        area=600,
        iscrowd=int(index == 3),
        num_keypoints=17,
        keypoints=[20, 20, 2] * 17,
    )
    for index in range(1, 5)
]


@pytest.fixture
def folder(tmp_path):
    """A COCO file of four people, one of them a crowd."""
    images = [dict(id=1, file_name='1.jpg', width=48, height=64)]
    doc = dict(images=images, annotations=PEOPLE, categories=[dict(id=1, name='person')])
    (tmp_path / 'people.json').write_text(json.dumps(doc))
    boxes = [dict(image_id=1, category_id=1, bbox=[1, 1, 9, 9], score=s / 4) for s in range(4)]
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    return tmp_path


def build(folder, kind, **changes):
    cfg = dict(type=kind, ann_file='people.json', data_root=str(folder))
    return DATASETS.build({**cfg, **changes})


@pytest.mark.filterwarnings('ignore:The metainfo config')
@pytest.mark.parametrize(
    'data_mode, with_boxes', [('topdown', False), ('topdown', True), ('bottomup', False)]
)
def test_samples_are_those_of_stock(folder, mmpose_scope, data_mode, with_boxes):
    changes = dict(data_mode=data_mode, test_mode=True)
    if with_boxes:
        changes['bbox_file'] = str(folder / 'boxes.json')
    stock = build(folder, 'CocoDataset', **changes)
    ours = build(folder, 'mmsapiens.CheckedCocoDataset', **changes)
    assert len(ours) == len(stock) > 0
    for index in range(len(stock)):
        expected, sample = stock[index], ours[index]
        assert tuple(sample.pop('img_shape')[:2]) == (64, 48)
        expected.pop('img_shape', None)
        for data in (expected, sample):
            assert data.pop('dataset') is not None
        np.testing.assert_equal(sample, expected)


@pytest.mark.filterwarnings('ignore:The metainfo config')
def test_filter_that_leaves_somebody_is_fine(folder, mmpose_scope):
    dataset = build(
        folder,
        'mmsapiens.CheckedCocoDataset',
        bbox_file=str(folder / 'boxes.json'),
        filter_cfg=dict(bbox_score_thr=0.5),
        test_mode=True,
    )
    assert len(dataset) == 2
