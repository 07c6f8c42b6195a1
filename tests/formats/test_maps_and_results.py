"""Maps that other programs wrote, and maps, videos and results of ours in other programs.

The files in `maps` are of the tools in their names: depth is 1 + x / 4 + y / 2 meters (or
millimeters, as the name says), labels are (x + y) % 4, normals are (0.6, 0, 0.8).
"""

import json
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pandas as pd
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmsapiens.inference.writers.coco_results import write_coco_results
from mmsapiens.io import read_map, write_map

MAPS = Path(__file__).parent / 'maps'
TOOLS = 'imageio2', 'numpy2', 'opencv4', 'openexr3', 'pillow13', 'tifffile2026'
FILES = sorted(path.name for tool in TOOLS for path in MAPS.glob(f'{tool}_*'))
ROWS, COLUMNS = np.mgrid[:6, :8]
DEPTH = 1 + COLUMNS / 4 + ROWS / 2
LABELS = (COLUMNS + ROWS) % 4
NORMALS = np.zeros((6, 8, 3)) + (0.6, 0, 0.8)


@pytest.mark.parametrize('name', FILES)
def test_maps_of_other_programs_are_read(name):
    field = 'normal_map' if 'normal' in name else 'seg_map' if 'label' in name else 'depth_map'
    options = dict(scale=0.001) if '_mm' in name else {}
    expected = dict(depth_map=DEPTH, seg_map=LABELS, normal_map=NORMALS)[field]
    found = read_map(MAPS / name, field, **options)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_mask_beside_a_depth_is_read():
    mask = read_map(MAPS / 'numpy2_depth_and_mask.npz', 'human_mask')
    np.testing.assert_array_equal(mask, LABELS > 0)


def test_gray_labels_that_oxipng_gave_a_palette():
    """It sorts the palette as it likes: its indices are not the labels."""
    labels = np.array([0, 2, 5])[np.random.default_rng(0).integers(0, 3, (40, 64))]
    path = MAPS / 'oxipng9_ids.png'
    assert Image.open(path).mode == 'P'
    np.testing.assert_array_equal(read_map(path, 'seg_map'), labels)


@pytest.mark.parametrize('kind', ['Pf', 'PF'])
@pytest.mark.parametrize('scale', [-1.0, 1.0, -2.0])
def test_scale_of_a_pfm_is_only_its_byte_order(tmp_path, kind, scale):
    maps = DEPTH if kind == 'Pf' else NORMALS
    numbers = maps[::-1].astype('<f4' if scale < 0 else '>f4').tobytes()
    path = tmp_path / 'a.pfm'
    path.write_bytes(f'{kind}\n8 6\n{scale}\n'.encode() + numbers)
    found = read_map(path, 'depth_map' if kind == 'Pf' else 'normal_map')
    np.testing.assert_allclose(found, maps, atol=1e-6)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match='was cut short'):
        read_map(path, 'depth_map')


def test_our_png_of_depth_in_other_programs(tmp_path):
    write_map(tmp_path / 'a.png', DEPTH.astype(np.float32), 'depth_map', scale=0.001)
    with Image.open(tmp_path / 'a.png') as image:
        note, stored = json.loads(image.text['mmsapiens']), np.array(image)
    assert (note['scale'], note['offset']) == (0.001, 0)
    np.testing.assert_array_equal(stored, DEPTH * 1000)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'a.png'), -1), DEPTH * 1000)


def test_our_png_of_normals_and_labels_in_other_programs(tmp_path):
    write_map(tmp_path / 'n.png', NORMALS.astype(np.float32), 'normal_map')
    stored = cv2.imread(str(tmp_path / 'n.png'), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_allclose(stored / 65535 * 2 - 1, NORMALS, atol=1.6e-5)
    with Image.open(tmp_path / 'n.png') as image:  # 8 of the 16 bits
        np.testing.assert_allclose(np.array(image) / 255 * 2 - 1, NORMALS, atol=0.008)
    write_map(tmp_path / 'l.png', LABELS.astype(np.uint8), 'seg_map')
    for stored in (Image.open(tmp_path / 'l.png'), cv2.imread(str(tmp_path / 'l.png'), -1)):
        np.testing.assert_array_equal(stored, LABELS)


def test_our_exr_in_openexr(tmp_path):
    write_map(tmp_path / 'd.exr', DEPTH.astype(np.float32), 'depth_map')
    with OpenEXR.File(str(tmp_path / 'd.exr')) as file:
        np.testing.assert_array_equal(file.channels()['Z'].pixels, DEPTH)
    write_map(tmp_path / 'n.exr', NORMALS.astype(np.float32), 'normal_map')
    with OpenEXR.File(str(tmp_path / 'n.exr')) as file:
        np.testing.assert_allclose(file.channels()['RGB'].pixels, NORMALS, atol=1e-7)


NAMES = ['nose', 'left_eye', 'right_eye']


def write_people(folder, images):
    """Files of keypoints as a run writes them: a list of people (keypoints, scores) an image."""
    for name, people in images.items():
        meta = dict(image=f'{name}.jpg', name=name, width=64, height=48)
        meta.update(keypoint_names=NAMES, skeleton_links=[[0, 1]])
        found = [
            dict(keypoints=points, keypoint_scores=scores, bbox=[4, 4, 40, 40], bbox_score=1.0)
            for points, scores in people
        ]
        path = folder / 'pose-17' / f'{name}.json'
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(dict(meta_info=meta, instance_info=found)))
    return write_coco_results(folder, 'pose-17', list(images))


def test_our_coco_files_in_pycocotools(tmp_path):
    points = [[10.0, 10.0], [20.0, 12.0], [30.0, 14.0]]
    images = {'0001': [(points, [0.9, 0.8, 0.7])], '0002': [], 'été 3': [(points, [0.5] * 3)] * 2}
    images_file, results_file = write_people(tmp_path, images)
    truth = json.loads(images_file.read_text())
    results = json.loads(results_file.read_text())
    truth['annotations'] = [
        dict(
            id=number,
            image_id=person['image_id'],
            category_id=1,
            bbox=person['bbox'],
            area=1000.0,
            iscrowd=0,
            num_keypoints=3,
            keypoints=[v for x, y in points for v in (x, y, 2)],
        )
        for number, person in enumerate(results, start=1)
    ]
    images_file.write_text(json.dumps(truth))
    coco = COCO(str(images_file))
    evaluation = COCOeval(coco, coco.loadRes(str(results_file)), 'keypoints')
    evaluation.params.kpt_oks_sigmas = np.full(3, 0.05)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_our_coco_files_in_pandas(tmp_path):
    points = [[10.0, 10.0], [20.0, 12.0], [30.0, 14.0]]
    images = {'0001': [(points, [0.9, 0.8, 0.7])], '0002': [(points, [0.4, 0.3, 0.2])]}
    images_file, results_file = write_people(tmp_path, images)
    table = pd.read_json(results_file)
    assert (len(table), table.score.dtype, table.image_id.tolist()) == (2, float, [1, 2])
    people = np.array(table.keypoints.tolist()).reshape(2, 3, 3)
    np.testing.assert_array_equal(people[..., :2], [points] * 2)
    listed = pd.DataFrame(json.loads(images_file.read_text())['images'])
    # pandas.read_json makes numbers of names such as 0001, which loses zeros; json does not.
    assert listed['name'].tolist() == ['0001', '0002']
