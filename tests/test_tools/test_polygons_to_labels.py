"""`tools/dataset/polygons_to_labels.py`."""

import base64
import importlib.util
import io
import json

import numpy as np
import pytest
from parity import ROOT
from PIL import Image
from pycocotools import mask as coco

from mmsapiens.io import read_map

SQUARE = [2, 2, 12, 2, 12, 12, 2, 12]
PART = np.zeros((20, 30), np.uint8)
PART[5:9, 20:25] = 1


def load_tool():
    path = ROOT / 'tools' / 'dataset' / 'polygons_to_labels.py'
    spec = importlib.util.spec_from_file_location('polygons_tool', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packed(mask):
    rle = coco.encode(np.asfortranarray(mask))
    return dict(size=rle['size'], counts=rle['counts'].decode())


def run_lengths(mask):
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *edges, flat.size]).tolist()
    return dict(size=list(mask.shape), counts=lengths if not flat[0] else [0, *lengths])


def write_coco(path, *segmentations, **changes):
    names = ['left hand', 'Right-Hand']
    doc = dict(
        images=[
            dict(id='a', file_name='s/a.jpg', height=20, width=30),
            dict(id=2, file_name='b.jpg', height=20, width=30),
        ],
        categories=[dict(id=7 + i, name=name) for i, name in enumerate(names)],
        annotations=[
            dict(id=i, image_id='a', category_id=category, segmentation=outline, iscrowd=crowd)
            for i, (category, outline, crowd) in enumerate(segmentations)
        ],
    )
    path.write_text(json.dumps({**doc, **changes}))
    return str(path)


def areas(path):
    labels = read_map(path, 'seg_map')
    return {int(label): int((labels == label).sum()) for label in np.unique(labels)}


@pytest.mark.parametrize('encode', [packed, run_lengths])
def test_coco_polygons_and_run_lengths(tmp_path, encode, capsys):
    source = write_coco(
        tmp_path / 'a.json',
        (7, [SQUARE], 0),
        (8, encode(PART), 0),
        (8, [[0, 18, 5, 18, 5, 20, 0, 20]], 1),
        (8, [[1, 1, 2, 2]], 0),
        (8, None, 0),
    )
    args = [source, str(tmp_path / 'out')]
    assert load_tool().main(args) == 0
    assert areas(tmp_path / 'out/s/a.png') == {0: 470, 1: 30, 2: 100}
    assert load_tool().main([*args, '--crowds', 'ignored']) == 0
    labels = read_map(tmp_path / 'out/s/a.png', 'seg_map')
    assert labels[2, 2] == labels[11, 11] == 2 and labels[12, 12] == labels[1, 2] == 0
    assert np.array_equal(labels == 1, PART > 0)
    assert areas(tmp_path / 'out/s/a.png') == {0: 470, 1: 20, 2: 100, 255: 10}
    told = capsys.readouterr().out
    for reason in ('three corners', 'annotation 3', 'no area', 'without a shape: b.jpg'):
        assert reason in told
    doc = json.loads((tmp_path / 'out/classes.json').read_text())
    assert doc == dict(classes=['Background', 'Right-Hand', 'left hand'], flip_pairs=[[2, 1]])


def test_classes_of_a_vocabulary(tmp_path, capsys):
    source = write_coco(tmp_path / 'a.json', (7, [SQUARE], 0))
    args = [source, str(tmp_path / 'out'), '--vocabulary', 'goliath28', '--with-empty']
    assert load_tool().main(args) == 0
    assert areas(tmp_path / 'out/s/a.png') == {0: 500, 5: 100}
    assert areas(tmp_path / 'out/b.png') == {0: 600}
    args[3] = 'lip'
    assert load_tool().main(args) == 2
    assert "['left hand'] are none of the classes" in capsys.readouterr().err
    for choice, expected in (('ignored', {0: 500, 255: 100}), ('background', {0: 600})):
        assert load_tool().main([*args, '--unknown', choice]) == 0
        assert areas(tmp_path / 'out/s/a.png') == expected


def test_labelme(tmp_path, capsys):
    buffer = io.BytesIO()
    Image.fromarray(PART[5:9, 20:25] * 255).save(buffer, 'PNG')
    mask = base64.b64encode(buffer.getvalue()).decode()
    shapes = [
        dict(label='Hair', shape_type='polygon', points=np.reshape(SQUARE, (4, 2)).tolist()),
        dict(label='Face', shape_type='mask', points=[[20, 5], [24, 8]], mask=mask),
        dict(label='Face', shape_type='circle', points=[[6, 6], [6, 8]]),
        dict(label='Face', shape_type='rectangle', points=[[30, 20], [28, 19]]),
        dict(label='Hair', shape_type='line', points=[[1, 1], [2, 2]]),
    ]
    doc = dict(imagePath='..\\photos\\x.jpg', imageHeight=20, imageWidth=30, shapes=shapes)
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / 'x.json').write_text(json.dumps(doc))
    assert load_tool().main([str(tmp_path / 'in'), str(tmp_path / 'out')]) == 0
    labels = read_map(tmp_path / 'out/x.png', 'seg_map')
    assert np.array_equal(labels[5:9, 20:25], np.ones((4, 5))) and labels[6, 6] == 1
    assert labels[19, 28:].tolist() == [1, 1] and labels[2, 2] == 2
    assert (labels == 1).sum() == 20 + 12 + 2
    assert 'no area: shape 4' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(annotations=[dict(id=3, image_id=9, category_id=7)]), 'annotation 3 .* does not'),
        (dict(images=[dict(id=1, file_name='a.jpg')], annotations=[]), 'has no `height`'),
        (
            dict(
                images=[dict(id=i, file_name='a.jpg', height=2, width=2) for i in (1, 2)],
                annotations=[],
            ),
            'must be different',
        ),
        (
            dict(images=[dict(id=1, file_name='../a.jpg', height=2, width=2)], annotations=[]),
            r'\.\./a\.png',
        ),
    ],
)
def test_bad_files_are_named(tmp_path, changes, message, capsys):
    source = write_coco(tmp_path / 'a.json', **changes)
    assert load_tool().main([source, str(tmp_path / 'out')]) == 2
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(capsys.readouterr().err)


def test_other_json_is_refused(tmp_path, capsys):
    (tmp_path / 'a.json').write_text('{"version": 1}')
    assert load_tool().main([str(tmp_path / 'a.json'), str(tmp_path / 'out')]) == 2
    assert 'must be a COCO or LabelMe file' in capsys.readouterr().err
