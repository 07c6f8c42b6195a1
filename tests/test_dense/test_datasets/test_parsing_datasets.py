import cv2
import numpy as np
import pytest
from mmseg.datasets.transforms import LoadAnnotations
from planted_maps import write_good

from mmsapiens.classes.class_sets import get_class_set
from mmsapiens.dense.datasets import (
    BodyParts28Dataset,
    BodyParts29Dataset,
    CIHPDataset,
    LIPPartsDataset,
)
from mmsapiens.registry import DATASETS

LAYOUTS = {
    LIPPartsDataset: {
        'train': ('images/train_images', 'segmentations/train_segmentations'),
        'val': ('images/val_images', 'segmentations/val_segmentations'),
    },
    CIHPDataset: {
        'train': ('Training/Images', 'Training/Category_ids'),
        'val': ('Validation/Images', 'Validation/Category_ids'),
    },
}


def write_parts(folder, layout, labels=None):
    """One sample in a layout of images and labels."""
    if labels is None:
        labels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    for name, array in zip(layout, (np.zeros((4, 5, 3), np.uint8), labels)):
        (folder / name).mkdir(parents=True)
        suffix = 'jpg' if array.ndim == 3 else 'png'
        cv2.imwrite(str(folder / name / f'1.{suffix}'), array)
    return str(folder)


@pytest.mark.parametrize('split', ['train', 'val'])
@pytest.mark.parametrize('kind', list(LAYOUTS))
def test_layouts_of_releases(kind, split, tmp_path):
    layout = LAYOUTS[kind][split]
    root = write_parts(tmp_path, layout)
    info = kind(data_root=root, split=split).get_data_info(0)
    assert info['img_path'] == f'{root}/{layout[0]}/1.jpg'
    assert info['seg_map_path'] == f'{root}/{layout[1]}/1.png'
    assert info['num_classes'] == 20
    assert info['flip_label_pairs'] == [(14, 15), (16, 17), (18, 19)]
    assert info['label_map'] is None and 'label_table' not in info
    assert info['reduce_zero_label'] is False and info['seg_fields'] == []


@pytest.mark.parametrize('kind', list(LAYOUTS))
def test_conversion_to_28_classes(kind, tmp_path):
    root = write_parts(tmp_path, LAYOUTS[kind]['train'])
    dataset = kind(data_root=root, vocabulary='goliath28')
    expected = get_class_set('goliath28')
    assert dataset.metainfo['classes'] == expected.classes
    assert dataset.metainfo['palette'] == list(map(list, expected.palette))
    info = dataset.get_data_info(0)
    assert info['num_classes'] == 28 and len(info['flip_label_pairs']) == 8
    table = info['label_table']
    assert table[[0, 2, 12, 13, 18, 19]].tolist() == [0, 3, 12, 2, 8, 17]
    stock = LoadAnnotations().transform(info)['gt_seg_map']
    labels = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(stock, table[labels])


def test_body_parts_in_two_folders(tmp_path):
    write_good(tmp_path / 'train', 'parsing')
    dataset = BodyParts28Dataset(data_root=str(tmp_path), split='train')
    assert len(dataset) == 3
    info = dataset.get_data_info(-1)
    assert info['seg_map_path'] == f'{tmp_path}/train/labels/0002.png'
    assert info['num_classes'] == 28 and info['sample_idx'] == 2
    assert dataset.metainfo['classes'][23] == 'Lower_Lip'
    assert BodyParts28Dataset.METAINFO['palette'][23] == [235, 205, 119]
    whole = BodyParts28Dataset(data_root=str(tmp_path / 'train'))
    assert whole.get_data_info(0)['img_path'] == info['img_path'].replace('0002', '0000')


def test_raw_34_labels_become_28(tmp_path):
    labels = np.array([[0, 2, 5, 8, 18, 33, 34, 255]], np.uint8)
    root = write_parts(tmp_path, ('images', 'labels'), labels)
    dataset = BodyParts28Dataset(data_root=root, raw_34=True)
    info = dataset.get_data_info(0)
    expected = [[0, 255, 2, 4, 13, 27, 255, 255]]
    assert info['label_table'][labels].tolist() == expected
    stock = LoadAnnotations().transform(info)['gt_seg_map']
    assert [stock.tolist()] == expected  # stock squeezes


@pytest.mark.parametrize('stored', ['goliath28', 'goliath29'])
def test_body_parts_of_the_second_generation(stored, tmp_path):
    root = write_parts(tmp_path, ('train/images', 'train/labels'))
    dataset = BodyParts29Dataset(data_root=root, split='train', stored=stored)
    assert dataset.metainfo['classes'] == get_class_set('goliath29').classes
    info = dataset.get_data_info(0)
    assert info['num_classes'] == 29
    assert info['flip_label_pairs'] == [(left, left + 9) for left in range(5, 13)]
    labels = np.arange(20).reshape(4, 5)
    found = LoadAnnotations().transform(info)['gt_seg_map']
    # Glasses are in between.
    expected = labels + (labels >= 2) if stored == 'goliath28' else labels
    assert (found == expected).all()


def test_fewer_classes_make_the_others_ignored(tmp_path):
    labels = np.array([[0, 2, 13, 14, 15, 255, 77]], np.uint8)
    layout = LAYOUTS[LIPPartsDataset]['train']
    root = write_parts(tmp_path, layout, labels)
    classes = ('Background', 'Face', 'Right-arm', 'Left-arm')
    dataset = LIPPartsDataset(data_root=root, metainfo=dict(classes=classes))
    info = dataset.get_data_info(0)
    assert info['label_table'][labels].tolist() == [[0, 255, 1, 3, 2, 255, 77]]
    assert info['flip_label_pairs'] == [(3, 2)] and info['num_classes'] == 4
    assert len(dataset.metainfo['palette']) == 4


def test_one_side_alone_is_refused(tmp_path):
    root = write_parts(tmp_path, LAYOUTS[LIPPartsDataset]['train'])
    classes = ('Background', 'Left-arm')
    with pytest.raises(ValueError, match='`flip_pairs` of LIPPartsDataset'):
        LIPPartsDataset(data_root=root, metainfo=dict(classes=classes))


def test_wrong_pairs_in_metainfo_are_refused(tmp_path):
    root = write_parts(tmp_path, LAYOUTS[LIPPartsDataset]['train'])
    pairs = dict(flip_pairs=[(14, 15), (16, 18), (17, 19)])
    with pytest.raises(ValueError, match='Left-leg must be .* not Left-shoe'):
        LIPPartsDataset(data_root=root, metainfo=pairs)


def test_names_are_registered():
    for name in ('BodyParts28Dataset', 'LIPPartsDataset', 'CIHPDataset'):
        assert name in DATASETS.module_dict


def test_suffixes_are_those_of_stock_arguments(tmp_path):
    write_good(tmp_path, 'parsing')
    (tmp_path / 'images/0000.jpg').write_bytes(b'preview')
    dataset = BodyParts28Dataset(data_root=str(tmp_path), img_suffix='.png')
    assert len(dataset) == 3


@pytest.mark.parametrize(
    ('kind', 'settings', 'error', 'message'),
    [
        (LIPPartsDataset, dict(split='test'), ValueError, r"one of \['train', 'val'\]"),
        (CIHPDataset, dict(split='test'), ValueError, "'train', 'val'"),
        (LIPPartsDataset, dict(vocabulary='mhp'), KeyError, 'goliath28'),
        (LIPPartsDataset, dict(vocabulary='cihp'), ValueError, 'can stay'),
        (
            LIPPartsDataset,
            dict(vocabulary='goliath28', metainfo=dict(classes=('Hair',))),
            ValueError,
            'not both',
        ),
        (BodyParts28Dataset, dict(reduce_zero_label=True), ValueError, 'label 0 is the background'),
        (BodyParts28Dataset, dict(raw34=True), TypeError, 'raw34'),
        (
            BodyParts28Dataset,
            dict(data_root='nowhere'),
            FileNotFoundError,
            'BodyParts28Dataset: there is no folder nowhere/images. Expected:',
        ),
    ],
)
def test_wrong_settings_are_refused(kind, settings, error, message):
    lazy = 'data_root' not in settings
    with pytest.raises(error, match=message):
        kind(lazy_init=lazy, **settings)
