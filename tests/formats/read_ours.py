#!/usr/bin/env python
"""Our files in programs that are not installed for the tests.

    python read_ours.py write FOLDER   where mmsapiens is installed
    python read_ours.py read FOLDER    where faster-coco-eval, hotcoco, pycocotools, supervision,
                                       polars, pandas, imageio, open3d, opencv, Pillow and av are

Exits with 1 if one of them reads something else than what was written.
"""

import json
import sys
from pathlib import Path

import numpy as np

ROWS, COLUMNS = np.mgrid[:48, :64]
DEPTH = (1 + COLUMNS / 64 + ROWS / 96).astype(np.float32)
LABELS = ((COLUMNS + ROWS) % 28).astype(np.uint8)
NORMALS = (np.zeros((48, 64, 3)) + (0.6, 0, 0.8)).astype(np.float32)
POINTS = [[10.5 + index, 12.25] for index in range(17)]


def write(folder: Path) -> None:
    """Maps in every format, and the results of a run."""
    from mmsapiens.inference.writers.coco_results import write_coco_results
    from mmsapiens.io import write_map

    for suffix in ('npy', 'npz', 'png', 'exr'):
        write_map(folder / f'depth.{suffix}', DEPTH, 'depth_map')
        write_map(folder / f'normal.{suffix}', NORMALS, 'normal_map')
    write_map(folder / 'millimeters.png', DEPTH, 'depth_map', scale=0.001)
    write_map(folder / 'labels.png', LABELS, 'seg_map')
    (folder / 'pose-17').mkdir(exist_ok=True)
    meta = dict(image='0001.jpg', name='0001', width=64, height=48, skeleton_links=[[0, 1]])
    meta['keypoint_names'] = [f'point {index}' for index in range(17)]
    person = dict(keypoints=POINTS, keypoint_scores=[0.5] * 17, bbox=[4, 4, 40, 40], bbox_score=0.9)
    document = dict(meta_info=meta, instance_info=[person])
    (folder / 'pose-17/0001.json').write_text(json.dumps(document))
    write_coco_results(folder, 'pose-17', ['0001'], lambda name, source: dict(id=2**31 + 5))


def read_results(folder: Path) -> None:
    """AP 1 of the same people as truth."""
    import faster_coco_eval
    import hotcoco
    import pandas
    import polars
    import supervision
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    results = folder / 'coco/pose-17_results.json'
    truth = json.loads((folder / 'coco/pose-17_images.json').read_text())
    (person,) = json.loads(results.read_text())
    marked = [value for x, y in POINTS for value in (x, y, 2)]
    truth['annotations'] = [
        dict(person, id=1, area=900.0, iscrowd=0, num_keypoints=17, keypoints=marked)
    ]
    truth_file = folder / 'truth.json'
    truth_file.write_text(json.dumps(truth))
    readers = {
        'pycocotools': (COCO, COCOeval),
        'faster-coco-eval': (faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
        'hotcoco': (hotcoco.COCO, hotcoco.COCOeval),
    }
    for name, (coco, evaluator) in readers.items():
        file = coco(str(truth_file))
        evaluation = evaluator(file, file.loadRes(str(results)), 'keypoints')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        assert np.isclose(evaluation.stats[0], 1), name
    data = supervision.DetectionDataset.from_coco(str(folder), str(truth_file))
    assert len(data) == 1
    for table in (pandas.read_json(results), polars.read_json(results)):
        assert np.allclose(np.reshape(list(table['keypoints'])[0], (17, 3))[:, :2], POINTS)


def read_maps(folder: Path) -> None:
    """The numbers that were written, as far as the program has them."""
    import cv2
    import imageio.v3 as iio
    import open3d
    from PIL import Image

    note = json.loads(Image.open(folder / 'depth.png').text['mmsapiens'])
    for reader in (cv2_read, iio.imread, lambda path: np.array(Image.open(path))):
        stored = reader(folder / 'depth.png')
        assert np.abs(stored * note['scale'] + note['offset'] - DEPTH).max() <= note['scale']
        assert (reader(folder / 'labels.png') == LABELS).all()
    assert np.abs(cv2_read(folder / 'normal.png')[..., ::-1] / 65535 * 2 - 1 - NORMALS).max() < 2e-5
    assert np.array_equal(cv2_read(folder / 'normal.exr')[..., ::-1], NORMALS)
    assert np.array_equal(np.load(folder / 'depth.npz')['depth_map'], DEPTH)
    camera = open3d.camera.PinholeCameraIntrinsic(64, 48, 50, 50, 32, 24)
    for stored, scale in (
        (open3d.io.read_image(str(folder / 'millimeters.png')), 1000),
        (open3d.geometry.Image(np.load(folder / 'depth.npy')), 1),
    ):
        cloud = open3d.geometry.PointCloud.create_from_depth_image(
            stored, camera, depth_scale=scale, depth_trunc=1e6
        )
        assert np.abs(np.asarray(cloud.points)[:, 2] - DEPTH.ravel()).max() < 6e-4
    print('OpenCV', cv2.__version__, 'reads depth.exr as', cv2_read(folder / 'depth.exr').max())


def cv2_read(path: Path) -> np.ndarray:
    """All bits and channels, as stored."""
    import cv2

    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


if __name__ == '__main__':
    what, place = sys.argv[1], Path(sys.argv[2])
    if what == 'write':
        write(place)
    else:
        read_results(place)
        read_maps(place)
