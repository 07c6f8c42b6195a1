"""The limit of a detector with the precision of another one."""

import json

import cv2
import numpy as np
import pytest
from tiny_models import LARGE_PERSON, draw

PERSON = np.float32([[0, 0, 100, 100]])
NOBODY = np.zeros((0, 4), np.float32)


def counted(boxes, scores, people=PERSON, crowd=NOBODY, least=0):
    """Boxes that count: (score, whether right)."""
    from human_curation.calibration import Found, Truth, count

    found = Found()
    count(found, np.float32(boxes), np.float32(scores), Truth(None, people, crowd), least)
    pairs = [(round(score, 3), right) for score, right in zip(found.scores, found.is_right)]
    return pairs, found.people


def test_a_person_is_found_once_by_the_best_box():
    pairs, people = counted([[0, 0, 90, 100], [0, 0, 100, 100]], [0.5, 0.4])
    assert pairs == [(0.5, True), (0.4, False)] and people == 1
    assert counted([[0, 0, 49, 100]], [0.5])[0] == [(0.5, False)]  # IoU 0.49


def test_boxes_in_crowds_count_neither_way():
    crowd = np.float32([[200, 200, 600, 600]])
    pairs, _ = counted([[210, 210, 260, 300], [0, 300, 90, 400]], [0.9, 0.8], crowd=crowd)
    assert pairs == [(0.8, False)]


def test_small_people_and_boxes_count_neither_way():
    people = np.float32([[0, 0, 100, 100], [200, 0, 500, 400]])
    boxes = [[0, 0, 105, 105], [200, 0, 500, 400], [600, 0, 700, 400]]
    pairs, count = counted(boxes, [0.9, 0.8, 0.7], people, least=103)
    assert pairs == [(0.8, True)] and count == 1


def test_limit_is_the_lowest_one_with_the_precision():
    from human_curation.calibration import Found

    found = Found([0.9, 0.8, 0.7, 0.6, 0.6], [True, False, True, True, False], 3)
    assert found.limit_for(1.0) == 0.9
    assert found.limit_for(2 / 3) == 0.7
    assert found.limit_for(0.6) == 0.6  # both of equal scores, or none
    assert found.limit_for(0.7) == 0.9
    assert Found([0.9], [False]).limit_for(0.5) is None
    assert Found().limit_for(0.5) is None


def test_bounds_are_those_of_wilson():
    from human_curation.calibration import wilson

    low, high = wilson(9, 10)
    assert low == pytest.approx(0.5958, abs=1e-3) and high == pytest.approx(0.9821, abs=1e-3)
    assert wilson(0, 0) == (0, 1)


@pytest.fixture
def coco(tmp_path):
    """Four images; people in three, of whom one is not annotated where the network sees one."""
    images, annotations = [], []
    for number in range(4):
        name = f'{number}.jpg'
        person = {} if number == 3 else dict(person=LARGE_PERSON)
        cv2.imwrite(str(tmp_path / name), draw(seed=number, **person))
        images.append(dict(id=number, file_name=name))
        if number < 2:
            box = [20, 20, 360, 360]
            annotations.append(dict(image_id=number, category_id=1, bbox=box, iscrowd=0))
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(dict(images=images, annotations=annotations)))
    return path


def words(coco, models_file, *more):
    """The command line."""
    return ['calibrate', '--models', str(models_file), '--coco', str(coco),
            '--images', str(coco.parent), *more]  # fmt: skip


def test_command_tells_limit_precision_and_uncertainty(coco, models_file, capsys, tmp_path):
    from human_curation.cli import main

    out = tmp_path / 'figures.json'
    assert main(words(coco, models_file, '--precision', '0.6', '--out', str(out))) == 0
    text = capsys.readouterr().out
    assert '2 of 3 boxes' in text and '4 images are few' in text and '"limit": 0.' in text
    assert json.loads(out.read_text())['detector']['precision'] == pytest.approx(2 / 3)


def test_reference_gives_the_precision(coco, models_file, capsys, tmp_path):
    from human_curation.cli import main

    boxes = [
        dict(image_id=0, category_id=1, bbox=[20, 20, 360, 360], score=0.95),
        dict(image_id=1, category_id=1, bbox=[0, 0, 30, 30], score=0.92),
        dict(image_id=1, category_id=1, bbox=[0, 0, 30, 30], score=0.5),
        dict(image_id=1, category_id=3, bbox=[0, 0, 30, 30], score=0.99),
    ]
    path = tmp_path / 'reference.json'
    path.write_text(json.dumps(boxes))
    assert main(words(coco, models_file, '--reference', str(path))) == 0
    assert 'reference: 1 of 2 boxes' in capsys.readouterr().out


@pytest.mark.parametrize(
    'more, message',
    [
        ((), 'one of `--precision` and `--reference`'),
        (('--precision', '0.99'), 'at no limit a precision of 0.990'),
        (('--reference', 'missing.json'), 'missing.json does not exist'),
    ],
)
def test_what_cannot_be_calibrated_is_an_error(more, message, coco, models_file, capsys):
    from human_curation.cli import main

    content = json.loads(coco.read_text())
    content['annotations'] = content['annotations'][:1]
    content['annotations'][0]['bbox'] = [0, 0, 20, 20]
    coco.write_text(json.dumps(content))
    assert main(words(coco, models_file, *more)) == 2
    assert message in capsys.readouterr().err
