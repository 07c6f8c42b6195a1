import json
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from inference_results import made_frame
from parity import data_folder

from mmsapiens.detection.box_source import BoxSource
from mmsapiens.detection.people_files import PeopleFile, people_of_boxes
from mmsapiens.structures.results import Image

DETECTIONS = 'test_coco_det_AP_H_56.json'


def photograph(number):
    path = data_folder() / 'coco_sample' / f'{number:012d}.jpg'
    return Image(cv2.imread(str(path)), path.stem, str(path))


def coco(folder, boxes, **image):
    """A COCO file with one image and boxes x, y, width, height."""
    path = folder / 'people.json'
    image = dict(dict(id=5, file_name='a.png', width=64, height=48), **image)
    notes = [dict(image_id=5, bbox=box, category_id=1) for box in boxes]
    path.write_text(json.dumps(dict(images=[image], annotations=notes)))
    return path


@pytest.mark.parametrize('number', [785, 40083, 196141, 197388])
def test_annotated_people_of_photographs(number):
    path = data_folder() / 'coco_sample/test_coco.json'
    document = json.loads(path.read_text())
    boxes = [
        one['bbox']
        for one in document['annotations']
        if one['image_id'] == number and not one['iscrowd']
    ]
    people = PeopleFile(path).people(photograph(number))
    assert people.origin == 'file'
    found = people.boxes.copy()
    found[:, 2:] -= found[:, :2]
    np.testing.assert_allclose(found, boxes, atol=1e-3)


def test_detections_by_the_number_in_the_name_or_a_list_of_images():
    folder = data_folder() / 'coco_sample'
    frame = photograph(785)
    by_number = PeopleFile(folder / DETECTIONS).people(frame)
    by_list = PeopleFile(folder / DETECTIONS, images=folder / 'test_coco.json').people(frame)
    assert len(by_number) == len(by_list) > 0
    np.testing.assert_array_equal(by_number.boxes, by_list.boxes)
    assert (by_number.scores >= 0.3).all()
    fewer = PeopleFile(folder / DETECTIONS, min_score=0.99).people(frame)
    assert len(fewer) < len(by_number)


def test_nobody_is_annotated(tmp_path):
    people = PeopleFile(coco(tmp_path, [])).people(made_frame('a'))
    assert len(people) == 0
    assert people.boxes.shape == (0, 4)


def test_boxes_are_cut_off_at_the_borders(tmp_path):
    people = PeopleFile(coco(tmp_path, [[-5, 10, 100, 20]]))
    found = people.people(made_frame('a')).boxes
    np.testing.assert_array_equal(found, [[0, 10, 64, 30]])


def test_names_with_folders_are_told_apart(tmp_path):
    images = [
        dict(id=1, file_name='x/a.png', width=64, height=48),
        dict(id=2, file_name='y/a.png', width=64, height=48),
    ]
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(dict(images=images, annotations=[])))
    file = PeopleFile(path)
    assert file.find_entry('a', '/data/y/a.png')['id'] == 2
    assert file.find_entry('a', '/data/x/a.png')['id'] == 1


def test_what_an_image_has_that_the_file_does_not_know(tmp_path):
    path, frame = coco(tmp_path, []), made_frame('b')
    with pytest.raises(ValueError, match='does not know the image b.png'):
        PeopleFile(path).people(frame)
    assert len(PeopleFile(path, missing='nobody').people(frame)) == 0
    whole = PeopleFile(path, missing='image').people(frame)
    assert whole.boxes.tolist() == [[0, 0, 64, 48]]


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ('{"images": []}', r"keys \['images', 'annotations'\], but .* has \['images: list'\]"),
        ('[{"image_id": 5}]', 'can be used.*they have no `bbox`: entry 0'),
        ('[{"image_id": 5, "bbox": [1, 2, 3]}]', 'entry 0 must have'),
        ('[{"image_id": 5, "bbox": [1, 2, 0, 4]}]', 'their `bbox` has no area: entry 0'),
        ('[7]', 'they are no objects: entry 0'),
        ('{"images": [{}], "annotations": []}', 'image 0 must have `id`'),
        ('no json', 'is not JSON'),
        (
            '{"images": [], "annotations": [{"image_id": 5, "bbox": [1, 2, 3, 4]}]}',
            'their `image_id` is that of no image: entry 0',
        ),
    ],
)
def test_files_that_are_none(content, words, tmp_path):
    path = tmp_path / 'people.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=words):
        PeopleFile(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        PeopleFile(tmp_path / 'people.json')


def test_an_image_of_another_size(tmp_path):
    path = coco(tmp_path, [], width=48, height=64)
    with pytest.raises(ValueError, match='48 wide and 64 high, but it is 64'):
        PeopleFile(path).people(made_frame('a'))


def test_a_box_outside(tmp_path):
    path = coco(tmp_path, [[70, 10, 10, 10]])
    with pytest.raises(ValueError, match='image 5: box 0 must have an area'):
        PeopleFile(path).people(made_frame('a'))


@pytest.mark.parametrize('key', ['in/a', '/data/in/a.png', 'a.png'])
def test_boxes_of_the_caller_by_name(key):
    frame = made_frame('in/a', source='/data/in/a.png')
    (people,) = BoxSource({key: [[1, 2, 30, 40]]})([frame])
    assert people.origin == 'caller'
    assert people.boxes.tolist() == [[1, 2, 30, 40]]
    assert people.scores.tolist() == [1]


def test_boxes_of_the_caller_with_scores_and_for_nobody():
    people = people_of_boxes([[1, 2, 30, 40, 0.5]], (48, 64))
    assert people.scores.tolist() == [0.5]
    assert len(people_of_boxes([], (48, 64))) == 0
    assert len(people_of_boxes(np.zeros((0, 5)), (48, 64))) == 0


@pytest.mark.parametrize(
    ('boxes', 'words'),
    [
        ([1, 2, 30, 40], r'must be x1, y1, x2, y2 .* got \(4,\)'),
        ([[1, 2, 3]], 'must be x1, y1, x2, y2'),
        ('abc', 'must be x1, y1, x2, y2'),
        ([[30, 2, 1, 40]], 'box 0 must have an area'),
        ([[1, 2, np.nan, 40]], 'box 0 must have an area'),
        ([[1, 2, 30, 40, 7]], r'scores in \[0, 1\]'),
    ],
)
def test_boxes_of_the_caller_that_are_none(boxes, words):
    with pytest.raises(ValueError, match=words):
        people_of_boxes(boxes, (48, 64))


def test_an_image_that_the_caller_left_out():
    with pytest.raises(KeyError, match='an empty list for no person'):
        BoxSource({})([made_frame('a')])


def test_ids_of_images_for_the_results(tmp_path):
    path = coco(tmp_path, [])
    find_entry = BoxSource(path, 'image').find_entry
    assert find_entry('x', 'in/a.png') == dict(id=5, file_name='a.png', category_id=1)
    assert find_entry('x', 'in/b.png') is None
    assert BoxSource({}).find_entry is None
    assert BoxSource('image').find_entry is None


@pytest.mark.parametrize(('listed', 'named'), [('NFC', 'NFD'), ('NFD', 'NFC')])
def test_names_of_a_mac(tmp_path, listed, named):
    path = coco(tmp_path, [[1, 2, 3, 4]], file_name=unicodedata.normalize(listed, 'café.png'))
    source = f'in/{unicodedata.normalize(named, "café.png")}'
    assert PeopleFile(path).find_entry('café', source)['id'] == 5
    assert PeopleFile(path).find_entry('café', 'in/cafe.png') is None


def _coco(path, box, number=1):
    path.parent.mkdir(exist_ok=True)
    images = [dict(id=number, file_name='a.jpg')]
    boxes = [dict(image_id=number, bbox=box)]
    path.write_text(json.dumps(dict(images=images, annotations=boxes)))
    return PeopleFile(path)


def test_manifests_tell_files_of_one_name_apart(tmp_path):
    one = _coco(tmp_path / 'a' / 'boxes.json', [0, 0, 5, 5])
    same = _coco(tmp_path / 'b' / 'boxes.json', [0, 0, 5, 5])
    other = _coco(tmp_path / 'c' / 'boxes.json', [0, 0, 5, 6])
    assert one.identity == same.identity != other.identity
    lenient = PeopleFile(tmp_path / 'a' / 'boxes.json', missing='nobody')
    assert lenient.identity != one.identity
    assert one.identity.startswith('file boxes.json ')


def test_manifests_tell_boxes_of_the_caller_apart():
    boxes = np.array([[0, 0, 5, 5]], np.float32)
    names = {
        BoxSource(each).identity
        for each in (boxes, boxes.tolist(), {'a': boxes}, {Path('a'): boxes})
    }
    assert len(names) == 2
    assert BoxSource(boxes + 1).identity not in names


def test_what_are_no_boxes_is_told_when_they_are_needed():
    boxes = BoxSource({'a': {1, 2}})
    assert boxes.identity.startswith('caller ')
    with pytest.raises(ValueError, match='the boxes of a must be x1'):
        boxes([made_frame(name='a')])
