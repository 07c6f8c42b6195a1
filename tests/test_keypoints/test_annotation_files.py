import json
import warnings
from pathlib import Path

import numpy as np
import odd_annotations as odd
import pytest

from mmsapiens.detection import PeopleFile
from mmsapiens.keypoints.annotation_files import AnnotationFile, name_key
from mmsapiens.structures import Image

EXPORTS = Path(__file__).parents[1] / 'annotation_exports'


def write(folder, edit=None, encoding='utf-8'):
    document = odd.document()
    if edit is not None:
        edit(document)
    path = folder / 'people.json'
    path.write_bytes(json.dumps(document).encode(encoding))
    return path


def read(path):
    return AnnotationFile(path, fields=dict(keypoints=17), names=odd.NAMES)


def boxes(path, names=('1.png', '2.png', '3.png')):
    """Boxes of the images of 100 x 140 pixels."""
    blank = np.zeros((*odd.SIZE_WH[::-1], 3), np.uint8)
    file = PeopleFile(path)
    return [file.people(Image(blank, Path(n).stem, f'a/{n}')).boxes.tolist() for n in names]


@pytest.mark.filterwarnings('ignore:.*annotations are left out')
@pytest.mark.filterwarnings('ignore:.*people.json')
@pytest.mark.parametrize('name', odd.READ)
def test_what_is_plainly_meant_is_read(tmp_path, name):
    good, path = read(write(tmp_path)), write(tmp_path, odd.READ[name])
    file = read(path)
    assert [p['keypoints'] for p in file.people] == [p['keypoints'] for p in good.people]
    assert [p['bbox'] for p in file.people] == [[15, 10, 70, 122]] * 3
    assert [p['num_keypoints'] for p in file.people] == [17] * 3
    assert len({p['id'] for p in file.people}) == 3 and min(p['id'] for p in file.people) > 0
    assert {p['category_id'] for p in file.people} == {c['id'] for c in file.categories}
    assert all(p['area'] in (8540, odd_area()) and p['iscrowd'] == 0 for p in file.people)
    assert len({p['image_id'] for p in file.people}) == 3 and not file.left_out
    assert all(type(p['image_id']) is int for p in file.people)
    assert boxes(path) == [[[15, 10, 85, 132]]] * 3


def odd_area():
    return pytest.approx(0.53 * 70 * 122)


def test_a_good_file_comes_out_as_it_went_in(tmp_path):
    file = read(write(tmp_path))
    assert file.document() == odd.document() and not file.messages()


@pytest.mark.parametrize('name', odd.UNLABELLED)
def test_points_that_are_not_there_are_not_labelled(tmp_path, name):
    file = read(write(tmp_path, odd.UNLABELLED[name]))
    for person in file.people:
        assert person['keypoints'] == [0, 0, 0, *odd.POINTS[3:]]
    (text,) = file.messages()
    assert text.endswith('are not labelled in 3 entries: 1, 2, 3')


@pytest.mark.parametrize('name', odd.LEFT_OUT)
def test_what_is_left_out_is_counted_and_named(tmp_path, name):
    path = write(tmp_path, odd.LEFT_OUT[name])
    file = read(path)
    assert [p['image_id'] for p in file.people if p['num_keypoints']] == [2, 3]
    (text,) = file.messages()
    assert '1 of 3 annotations are left out' in text
    assert text.endswith((': 1', ': entry 0'))


@pytest.mark.parametrize('name', odd.REFUSED)
def test_contradictions_name_file_entry_key_and_value(tmp_path, name):
    edit, words = odd.REFUSED[name]
    with pytest.raises(ValueError, match=words) as caught:
        read(write(tmp_path, edit))
    assert 'people.json' in str(caught.value)


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16', 'utf-32'])
def test_marks_of_encodings(tmp_path, encoding):
    path = write(tmp_path, encoding=encoding)
    assert len(read(path).people) == 3
    assert boxes(path) == [[[15, 10, 85, 132]]] * 3


@pytest.mark.parametrize('name', ['left_eye', 'Left Eye', 'L_Eye', 'leftEye', 'eye.L', 'LEFT-EYE'])
def test_names_of_keypoints_in_other_spellings(name):
    assert name_key(name) == ('eye', 'left')


@pytest.mark.parametrize(
    ('edit', 'words'),
    [
        (lambda doc: doc['categories'].append(dict(id=2, name='Personen')), ''),
        (odd.people_are(0, 1), ''),
        (
            lambda doc: doc.update(categories=[dict(id=0, name='a'), dict(id=1, name='b')]),
            'Name it',
        ),
    ],
)
def test_the_category_of_boxes_is_told_or_asked_for(tmp_path, edit, words):
    path = write(tmp_path, edit)
    if words:
        with pytest.raises(ValueError, match=words):
            PeopleFile(path)
        assert PeopleFile(path, category='b').category_id == 1
        with pytest.raises(ValueError, match="but got 'c'"):
            PeopleFile(path, category='c')
    else:
        assert boxes(path) == [[[15, 10, 85, 132]]] * 3


@pytest.mark.parametrize(
    ('ids', 'found'), [((0, 1, 0), [1, 0, 1]), ((1, 3, 1), [1, 0, 1]), ((7, 7, 7), [1, 1, 1])]
)
def test_detections_count_categories_from_0_or_1(tmp_path, ids, found):
    path = tmp_path / 'boxes.json'
    rows = [
        dict(image_id=i, category_id=c, bbox=[15, 10, 70, 122], score='0.9')
        for i, c in zip(odd.IMAGES, ids)
    ]
    path.write_text(json.dumps(rows))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        assert list(map(len, boxes(path))) == found
    assert ['left out' in str(each.message) for each in caught] == [True] * (0 in found)


# What was labeled: two images, one person each; see `make_files.py` there.
WITH_POINTS = {
    'datumaro': [15, 10, 70, 122],
    'label_studio': [30, 20, 32, 96],
    'sleap_io': [30, 20, 32, 96],
    'x_anylabeling': [15, 10, 70, 122],
    'x_anylabeling_pairs': [15, 10, 70, 122],
    'roboflow': [15, 10, 70, 122],
    'fiftyone': [15, 10, 70, 122],
    'supervisely': [30, 20, 32, 96],
}


@pytest.mark.parametrize('tool', WITH_POINTS)
def test_keypoints_of_annotation_tools(tool):
    file = read(EXPORTS / f'{tool}.json')
    people = [person for person in file.people if person['num_keypoints']]
    assert [person['num_keypoints'] for person in people] == [17, 16]
    assert people[0]['keypoints'] == odd.POINTS
    assert people[1]['keypoints'] == [*odd.POINTS[:48], 0, 0, 0]
    assert people[0]['bbox'] == WITH_POINTS[tool]
    assert all(person['area'] > 0 for person in people)
    assert len({person['id'] for person in file.people}) == len(file.people)


@pytest.mark.filterwarnings('ignore:.*left out')
@pytest.mark.parametrize('tool', [*WITH_POINTS, 'labelme2coco', 'supervision'])
def test_boxes_of_annotation_tools(tool):
    x, y, width, height = WITH_POINTS.get(tool, [15, 10, 70, 122])
    file = PeopleFile(EXPORTS / f'{tool}.json')
    names = [Path(image['file_name']).name for image in file._file.images.values()]
    found, other = boxes(EXPORTS / f'{tool}.json', names)
    assert found == [[x, y, x + width, y + height]] and len(other) == 1
