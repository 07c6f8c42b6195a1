import json

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpose.registry import DATASETS
from parity import ROOT, data_folder

from mmsapiens.keypoints.keypoint_sets import correspondences, get_keypoint_set

VOCABULARIES = ('coco', 'coco_wholebody')


@pytest.fixture
def dataset(mmpose_scope):
    """People of two vocabularies in that of 308 keypoints."""
    folder = data_folder() / 'coco_sample'
    parts = [
        dict(
            type=f'mmsapiens.{kind}',
            data_root=str(folder),
            ann_file=name,
            data_prefix=dict(img=''),
            pipeline=[dict(type='mmsapiens.ConvertVocabulary', source=source, target='goliath308')],
        )
        for kind, name, source in (
            ('CheckedCocoDataset', 'test_coco.json', 'coco'),
            ('CheckedCocoWholeBodyDataset', 'test_coco_wholebody.json', 'coco_wholebody'),
        )
    ]
    return DATASETS.build(
        dict(
            type='mmsapiens.CombinedVocabularyDataset',
            vocabulary='goliath308',
            datasets=parts,
            pipeline=[dict(type='LoadImage'), dict(type='RandomFlip', prob=1.0)],
        )
    )


def test_every_sample_has_308_keypoints(dataset):
    folder = data_folder() / 'coco_sample'
    doc = json.loads((folder / 'test_coco.json').read_text())
    people = sum(bool(a['num_keypoints']) for a in doc['annotations'])
    assert len(dataset) == 2 * people
    for index in range(len(dataset)):
        assert dataset.get_data_info(index)['keypoints'].shape == (1, 308, 2)


def test_left_and_right_are_swapped_in_the_target_vocabulary(dataset):
    info = dataset.get_data_info(0)
    flip = get_keypoint_set('goliath308').flip_indices
    assert tuple(info['flip_indices']) == flip
    before = info['keypoints'][0].copy()
    # The stock converter appends a weight to the visibility.
    visible = info['keypoints_visible'][0, :, 0].copy()
    after = dataset.prepare_data(0)
    width = after['img'].shape[1]
    expected = before[list(flip)]
    expected[:, 0] = width - 1 - expected[:, 0]
    seen = visible[list(flip)] > 0
    assert 5 < seen.sum() <= 17
    np.testing.assert_allclose(after['keypoints'][0, seen], expected[seen])


def test_points_without_a_partner_do_not_count(dataset):
    last = dataset.get_data_info(len(dataset) - 1)
    index = np.array(correspondences('coco_wholebody', 'goliath308'))
    assert (last['keypoints_visible'][0][index < 0] == 0).all()


def test_unknown_vocabulary_is_refused():
    with pytest.raises(KeyError, match="but got 'coco133'"):
        DATASETS.build(
            dict(type='mmsapiens.CombinedVocabularyDataset', vocabulary='coco133', datasets=[])
        )


def test_pipeline_of_the_recipe_takes_the_samples(dataset):
    name = 'configs/pose/goliath308/sapiens-0.3b_8xb64-210e_goliath308-'
    cfg = Config.fromfile(ROOT / f'{name}wholebody-coco-1024x768.py')
    dataset.pipeline = Compose(cfg.train_dataloader.dataset.pipeline)
    sample = dataset[0]['data_samples']
    labels = sample.gt_instance_labels
    assert labels.heatmap_keypoints.shape == (1, 308, 2)
    # If the crop loses too many points, a sample of the other vocabulary takes its place.
    weights = labels.keypoint_weights
    partners = np.array([correspondences(name, 'goliath308') for name in VOCABULARIES])
    assert 8 <= weights.sum() <= 133
    assert (weights[0, (partners < 0).all(axis=0)] == 0).all()
