"""The demo's modules, and a small set of renders made of noise."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parents[3] / 'projects/demo'
sys.path.insert(0, str(PROJECT))

SIZE_HW = (64, 48)


def write_sample(root, number, rng):
    """A person made of two boxes on noise; gives what lists need of it."""
    name = f'{number:04d}'
    height, width = SIZE_HW
    labels = np.zeros(SIZE_HW, dtype=np.uint8)
    top, left = rng.integers(4, 12), rng.integers(6, 14)
    labels[top : top + 24, left : left + 20] = 22
    labels[top + 24 : top + 44, left : left + 20] = 12
    mask = labels > 0
    depth = np.where(mask, 3 + rng.random(SIZE_HW), 0).astype(np.float32)
    normals = np.zeros((*SIZE_HW, 3), dtype=np.float32)
    normals[mask] = (0.6, 0, 0.8) if number % 2 else (0, 0, 1)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    for folder, content in dict(
        images=photo,
        labels=labels,
        masks=mask.astype(np.uint8) * 255,
        normals=((normals[..., ::-1] + 1) / 2 * 65535).astype(np.uint16),
    ).items():
        if folder == 'normals':
            content[~mask] = 0
        (root / folder).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / folder / f'{name}.png'), content)
    (root / 'depths').mkdir(exist_ok=True)
    np.save(root / 'depths' / f'{name}.npy', depth)
    box = [int(left), int(top), 20, 44]
    points = rng.uniform(0, 1, (17, 2)) * box[2:] + box[:2]
    keypoints = [[*map(float, point), 2] for point in points]
    person = dict(subject=f's{number}', bbox=box, keypoints_17=keypoints)
    (root / 'samples').mkdir(exist_ok=True)
    (root / 'samples' / f'{name}.json').write_text(json.dumps(dict(people=[person])))
    image = dict(id=number, file_name=f'{name}.png', width=48, height=64)
    annotation = dict(
        id=number,
        image_id=number,
        category_id=1,
        iscrowd=0,
        area=880,
        bbox=box,
        num_keypoints=17,
        keypoints=sum(keypoints, []),
    )
    split = 'val' if number % 4 == 0 else 'train'
    view = ('face', 'full_body')[number // 2 % 2]
    listing = dict(name=name, split=split, subjects=[f's{number}'], view=view)
    return image, annotation, listing


@pytest.fixture(scope='session')
def renders(tmp_path_factory):
    """Twelve images in the layout of `projects/synthetic_humans`."""
    root = tmp_path_factory.mktemp('renders')
    rng = np.random.default_rng(0)
    rows = [write_sample(root, number, rng) for number in range(1, 13)]
    (root / 'annotations').mkdir()
    document = dict(
        images=[row[0] for row in rows],
        annotations=[row[1] for row in rows],
        categories=[dict(id=1, name='person')],
    )
    (root / 'annotations/person_keypoints.json').write_text(json.dumps(document))
    (root / 'index.jsonl').write_text(''.join(f'{json.dumps(row[2])}\n' for row in rows))
    return root


@pytest.fixture(scope='session')
def lists(renders, tmp_path_factory):
    """Lists of these images."""
    from four_tasks.data import write_lists

    out = tmp_path_factory.mktemp('lists')
    write_lists(renders, 12, out)
    return out
