"""Maps that other tools wrote: Mitsuba 3.9.1, OpenImageIO 3.2.2, datumaro 1.13.12, LabelMe 6.3.1.

`tests/formats/maps` has what they wrote of a sphere (Mitsuba, `dd:depth` and `nn:sh_normal`),
of constant planes (OpenImageIO, three parts, and a crop at (3, 4) of 20 x 24 pixels) and of one
image with the classes `Hair` and `left hand` (datumaro, formats `voc_segmentation`, `camvid`,
`coco_instances` and `label_me`), without the images; `labelme.json` has one shape of each kind.
"""

import importlib.util
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from parity import ROOT
from PIL import Image

from mmsapiens.dense.datasets import DenseFolderDataset
from mmsapiens.io.map_io import read_map, write_map

FILES = ROOT / 'tests' / 'formats' / 'maps'
CLASSES = ['Background', 'Left_Hand', 'Hair', 'Right_Hand']


def expected_labels():
    labels = np.zeros((12, 10), np.uint8)
    labels[2:6, 1:5] = labels[1:5, 6:9] = 2
    labels[8:11, 4:9] = 1
    return labels


def test_mitsuba():
    depth = read_map(FILES / 'mitsuba.exr', 'depth_map')
    normals = read_map(FILES / 'mitsuba.exr', 'normal_map')
    sphere = depth > 0
    assert depth.shape == (12, 16) and 20 < sphere.sum() < 120
    assert 2.9 < depth[sphere].min() < depth[sphere].max() < 4
    assert np.array_equal(np.linalg.norm(normals, axis=-1) > 0.99, sphere)
    # The camera stands on z and looks at the middle of the sphere.
    assert normals[5:7, 7:9].reshape(-1, 3).mean(axis=0)[2] > 0.9


def test_open_image_io():
    assert (read_map(FILES / 'oiio_parts.exr', 'depth_map') == 2.5).all()
    assert read_map(FILES / 'oiio_parts.exr', 'normal_map')[3, 4].tolist() == [0, 0, 1]
    depth = read_map(FILES / 'oiio_crop.exr', 'depth_map')
    assert depth.shape == (24, 20) and (depth[4:16, 3:13] == 2.5).all()
    assert np.isinf(depth).sum() == 24 * 20 - 120


@pytest.mark.parametrize('name', ['labelmap.txt', 'label_colors.txt'])
def test_datumaro_masks(name, tmp_path):
    for folder in ('JPEGImages', 'SegmentationClass'):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.zeros((12, 10, 3), np.uint8)).save(tmp_path / 'JPEGImages' / 'a.png')
    labels = tmp_path / 'SegmentationClass' / 'a.png'
    labels.write_bytes((FILES / 'datumaro/a.png').read_bytes())
    (tmp_path / name).write_bytes((FILES / 'datumaro' / name).read_bytes())
    dataset = DenseFolderDataset(
        data_root=str(tmp_path),
        fields=('seg_map',),
        metainfo=dict(classes=CLASSES, flip_pairs=[(1, 3)]),
    )
    info = dataset.get_data_info(0)
    labels = read_map(info['seg_map_path'], 'seg_map', colors=info['label_colors'])
    expected = expected_labels()
    expected[1:5, 6:9] = 0  # datumaro draws no polygons in these formats
    assert np.array_equal(labels, expected)


def test_datumaro_mask_of_label_me():
    mask = read_map(FILES / 'datumaro/mask.png', 'human_mask')
    assert np.array_equal(mask > 0, np.pad(np.ones((4, 4), bool), ((2, 6), (1, 5))))


def draw(*args):
    tool = ROOT / 'tools' / 'dataset' / 'polygons_to_labels.py'
    spec = importlib.util.spec_from_file_location('polygons_tool', tool)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main([str(arg) for arg in args]) == 0


def test_datumaro_polygons(tmp_path):
    (tmp_path / 'classes.json').write_text(json.dumps(dict(classes=CLASSES, flip_pairs=[[1, 3]])))
    source = FILES / 'datumaro/instances_default.json'
    draw(source, tmp_path / 'out', '--metainfo', tmp_path / 'classes.json')
    assert np.array_equal(read_map(tmp_path / 'out/a.png', 'seg_map'), expected_labels())


def test_labelme(tmp_path, capsys):
    draw(FILES / 'labelme.json', tmp_path)
    labels = read_map(tmp_path / 'x.png', 'seg_map')
    expected = np.zeros((20, 30), np.uint8)
    expected[2:12, 2:12] = expected[12:14, 20:24] = 2
    expected[5:9, 20:24] = expected[19:, 28:] = 1  # the mask leaves its last column out
    y, x = np.mgrid[:20, :30] + 0.5
    expected[(y - 6) ** 2 + (x - 6) ** 2 < 4] = 1
    assert np.array_equal(labels, expected)
    assert 'left out, 1: it has no area' in capsys.readouterr().out


WITH_OPENCV = """
import os, sys
os.environ['OPENCV_IO_ENABLE_OPENEXR'] = '1'
import cv2, numpy
if sys.argv[1] == 'write':
    cv2.imwrite(sys.argv[2], numpy.load(sys.argv[3]))
else:
    numpy.save(sys.argv[3], cv2.imread(sys.argv[2], cv2.IMREAD_UNCHANGED))
"""


@pytest.mark.parametrize('field', ['depth_map', 'normal_map'])
def test_opencv_and_we_read_each_other(tmp_path, field):
    rng = np.random.default_rng(0)
    array = rng.random((12, 10) if field == 'depth_map' else (12, 10, 3)).astype(np.float32)
    for suffix in ('.exr', '.png'):
        ours, theirs = tmp_path / f'ours{suffix}', tmp_path / 'theirs.npy'
        write_map(ours, array / 2, field, **(dict(scale=1e-5) if array.ndim == 2 else {}))
        command = [sys.executable, '-c', WITH_OPENCV, 'read', str(ours), str(theirs)]
        subprocess.run(command, check=True)
        seen = np.load(theirs)
        seen = seen[..., ::-1] if seen.ndim == 3 else seen
        if suffix == '.png':
            seen = seen * 1e-5 if seen.ndim == 2 else seen / 65535 * 2 - 1
        assert abs(seen - array / 2).max() <= (0 if suffix == '.exr' else 2e-5)
    np.save(tmp_path / 'a.npy', array[..., ::-1] if array.ndim == 3 else array)
    exr = tmp_path / 'theirs.exr'
    command = [sys.executable, '-c', WITH_OPENCV, 'write', str(exr), str(tmp_path / 'a.npy')]
    subprocess.run(command, check=True)
    assert np.array_equal(read_map(exr, field), array)


def test_our_labels_and_masks_in_opencv_and_pillow(tmp_path):
    labels = expected_labels()
    path = str(write_map(tmp_path / 'a.png', labels, 'seg_map'))
    assert np.array_equal(np.array(Image.open(path)), labels)
    assert np.array_equal(cv2.imread(path, cv2.IMREAD_UNCHANGED), labels)
    path = str(write_map(tmp_path / 'b.png', (labels > 0).astype(np.uint8), 'human_mask'))
    assert np.array_equal(cv2.imread(path, cv2.IMREAD_UNCHANGED), (labels > 0) * 255)
