"""Label maps in color: the list of CVAT, the palette of a data set; ATR."""

import numpy as np
import pytest
from PIL import Image

from mmsapiens.classes.class_sets import get_class_set
from mmsapiens.core.errors import BadSampleError
from mmsapiens.dense.datasets import ATRDataset, DenseFolderDataset, LIPPartsDataset
from mmsapiens.dense.datasets.validation import MapChecks, make_dataset, validate_dataset
from mmsapiens.registry import TRANSFORMS

IDS = np.zeros((6, 5), np.uint8)
IDS[2:4] = 3
IDS[4:] = 5
CVAT = """# label:color_rgb:parts:actions
background:0,0,0::
hair:50,183,250::
Upper-clothes:255,96,55::
"""


def write_sample(folder, images, labels, pixels):
    for name, array in ((images, np.zeros((6, 5, 3), np.uint8)), (labels, pixels)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(folder / name / '1.png')
    return str(folder)


def load(dataset):
    load_image = TRANSFORMS.build(dict(type='mmsapiens.LoadCheckedImage'))
    load_labels = TRANSFORMS.build(dict(type='mmsapiens.LoadDenseTarget', field='seg_map'))
    return load_labels(load_image(dataset.get_data_info(0)))['gt_seg_map']


def test_palette_of_the_stored_classes_is_used_before_conversion(tmp_path):
    palette = np.array(get_class_set('lip').palette, np.uint8)
    root = write_sample(
        tmp_path, 'images/train_images', 'segmentations/train_segmentations', palette[IDS]
    )
    assert np.array_equal(load(LIPPartsDataset(data_root=root)), IDS)
    converted = load(LIPPartsDataset(data_root=root, vocabulary='goliath28'))
    assert converted[[0, 2, 4], 0].tolist() == [0, 255, 22]


@pytest.mark.parametrize('split', ['', 'train'])
def test_list_of_cvat_is_found(tmp_path, split):
    colors = np.array([[0, 0, 0], [50, 183, 250], [255, 96, 55]], np.uint8)
    write_sample(tmp_path / split, 'images', 'labels', colors[np.minimum(IDS // 2, 2)])
    (tmp_path / split / 'labelmap.txt').write_text(CVAT)
    classes = ['Background', 'Upper_clothes', 'Hair']
    settings = dict(data_root=str(tmp_path), fields=('seg_map',), split=split)
    dataset = DenseFolderDataset(**settings, metainfo=dict(classes=classes))
    assert load(dataset)[[0, 2, 4], 0].tolist() == [0, 2, 1]
    assert load(DenseFolderDataset(**settings))[[0, 2, 4], 0].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="with a name of .* 'hair:50,183,250::'"):
        DenseFolderDataset(**settings, metainfo=dict(classes=['Background', 'Hat']))


def test_checker_and_training_agree_on_colors(tmp_path):
    palette = np.array(get_class_set('goliath28').palette, np.uint8)
    root = write_sample(tmp_path, 'images', 'labels', palette[IDS])
    checks = MapChecks(get_class_set('goliath28'))
    kinds = {f.kind for f in validate_dataset(make_dataset('parsing', root), checks)}
    assert kinds == {'absent_class'}
    wrong = palette[IDS]
    wrong[0, 0] = [1, 2, 3]
    write_sample(tmp_path, 'images', 'labels', wrong)
    kinds = {f.kind for f in validate_dataset(make_dataset('parsing', root), checks)}
    assert kinds - {'absent_class'} == {'color_labels'}
    dataset = make_dataset('parsing', root)
    dataset.full_init()
    with pytest.raises(BadSampleError, match=r'\(1, 2, 3\)'):
        load(dataset)


def test_atr(tmp_path):
    root = write_sample(tmp_path, 'JPEGImages', 'SegmentationClassAug', IDS)
    (tmp_path / 'ids.txt').write_text('1\n')
    dataset = ATRDataset(data_root=root, ann_file='ids.txt')
    info = dataset.get_data_info(0)
    assert info['num_classes'] == 18 and info['flip_label_pairs'] == [(9, 10), (12, 13), (14, 15)]
    assert np.array_equal(load(dataset), IDS)
    converted = load(ATRDataset(data_root=root, vocabulary='goliath28'))
    assert converted[[0, 2, 4], 0].tolist() == [0, 255, 12]
    checks = MapChecks(get_class_set('atr'))
    faults = validate_dataset(make_dataset('parsing', root, 'atr'), checks)
    assert {fault.kind for fault in faults} == {'absent_class'}
