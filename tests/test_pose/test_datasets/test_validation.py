import json
import random

import cv2
import numpy as np
import pytest
from annotated_people import SIZE_WH, make_document, write_document
from parity import ROOT, data_folder
from PIL import Image
from planted_faults import damage_file, write_broken

from mmsapiens.core.fault_report import format_faults
from mmsapiens.keypoints.keypoint_sets import ANNOTATED_SETS, get_keypoint_set
from mmsapiens.pose.datasets.faults import FAULT_KINDS, Fault
from mmsapiens.pose.datasets.validation import ImageFolder, validate_document, validate_file
from mmsapiens.transforms import LoadCheckedImage

NAN, INF = float('nan'), float('inf')
REAL = {'coco': 'test_coco.json', 'coco_wholebody': 'test_coco_wholebody.json'}


@pytest.mark.parametrize('vocabulary', ANNOTATED_SETS)
def test_every_planted_fault_is_found_where_it_is(tmp_path, vocabulary):
    path, places = write_broken(tmp_path, vocabulary)
    faults = validate_file(path, vocabulary, folder=ImageFolder(str(tmp_path)))
    found = [(fault.kind, fault.where) for fault in faults]
    assert sorted(found) == sorted(places)
    kinds = {kind for kind, _ in found} | {'not_json', 'missing_list'}
    if vocabulary == 'goliath308':
        assert kinds == set(FAULT_KINDS)


@pytest.mark.parametrize('vocabulary', ANNOTATED_SETS)
def test_a_good_file_has_no_faults(tmp_path, vocabulary):
    path = write_document(tmp_path, make_document(vocabulary, 2))
    folder = ImageFolder(str(tmp_path))
    assert validate_file(path, vocabulary, folder=folder) == []


@pytest.mark.parametrize('vocabulary', REAL)
def test_real_files_have_no_faults(vocabulary):
    folder = data_folder() / 'coco_sample'
    faults = validate_file(
        str(folder / REAL[vocabulary]), vocabulary, folder=ImageFolder(str(folder))
    )
    assert faults == []


def test_scores_of_hands_are_allowed_but_not_of_bodies():
    doc = make_document('coco_wholebody', 1)
    doc['annotations'][0]['lefthand_kpts'][2] = 0.04
    assert validate_document(doc, 'coco_wholebody') == []
    doc['annotations'][0]['keypoints'][2] = 0.5
    (fault,) = validate_document(doc, 'coco_wholebody')
    assert fault.kind == 'wrong_visibility'
    assert '1 of 133' in fault.message and 'nose' in fault.message


def test_crowds_need_no_keypoints_and_308_no_groups():
    doc = make_document('goliath308', 2)
    for field in get_keypoint_set('coco_wholebody').annotation_fields:
        del doc['annotations'][0][field]
    for field in get_keypoint_set('goliath308').annotation_fields:
        del doc['annotations'][1][field]
    doc['annotations'][1]['iscrowd'] = 1
    assert validate_document(doc, 'goliath308') == []


@pytest.mark.parametrize('count', [17, 308])
def test_num_keypoints_counts_the_body_or_all(count):
    doc = make_document('goliath308', 1)
    doc['annotations'][0]['num_keypoints'] = count
    assert validate_document(doc, 'goliath308') == []


def test_size_follows_exif_orientation_like_opencv(tmp_path):
    doc = make_document('coco', 1)
    doc['images'][0]['file_name'] = 'turned.jpg'
    path = write_document(tmp_path, doc)
    width, height = SIZE_WH
    _, data = cv2.imencode('.jpg', np.zeros((width, height, 3), np.uint8))
    # An EXIF block with one entry: orientation 6, turn by 90 degrees.
    tiff = b'MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
    block = b'Exif\0\0' + tiff
    marker = b'\xff\xe1' + (len(block) + 2).to_bytes(2, 'big') + block
    content = data.tobytes()
    turned = tmp_path / 'turned.jpg'
    turned.write_bytes(content[:2] + marker + content[2:])
    assert cv2.imread(str(turned)).shape[:2] == (height, width)
    folder = ImageFolder(str(tmp_path))
    assert validate_file(path, 'coco', folder=folder) == []


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'tif', 'avif'])
def test_size_is_that_of_the_image_that_training_reads(tmp_path, suffix):
    doc = make_document('coco', 1)
    doc['images'][0]['file_name'] = f'turned.{suffix}'
    path = write_document(tmp_path, doc)
    width, height = SIZE_WH
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (height, width)).save(tmp_path / f'turned.{suffix}', exif=exif)
    image = LoadCheckedImage()(dict(img_path=str(tmp_path / f'turned.{suffix}')))
    assert image['img_shape'] == (height, width)
    assert validate_file(path, 'coco', folder=ImageFolder(str(tmp_path))) == []


def test_images_are_not_opened_unless_wanted(tmp_path):
    path = write_document(tmp_path, make_document('coco', 2))
    damage_file({'file_name': '0.png'}, {}, {}, tmp_path)
    (tmp_path / '1.png').unlink()
    folder = ImageFolder(str(tmp_path), with_size=False)
    (fault,) = validate_file(path, 'coco', folder=folder)
    assert (fault.kind, fault.where) == ('missing_image', 'images[1] (id 101)')
    assert validate_file(path, 'coco') == []


@pytest.mark.parametrize(
    'content', [b'', b'{"images": [', b'[1, 2]', b'7', b'\xff\xfe', b'[' * 9999]
)
def test_what_is_no_json_object_is_one_fault(tmp_path, content):
    path = tmp_path / 'file.json'
    path.write_bytes(content)
    faults = validate_file(str(path), 'coco')
    assert [fault.kind for fault in faults] == ['not_json']


def test_missing_lists_are_named_and_the_rest_is_checked():
    doc = make_document('coco', 1)
    del doc['images']
    doc['categories'] = {}
    doc['annotations'][0]['area'] = -1
    faults = validate_document(doc, 'coco')
    assert [(fault.kind, fault.where) for fault in faults] == [
        ('missing_list', 'images'),
        ('missing_list', 'categories'),
        ('wrong_area', 'annotations[0] (id 1000)'),
    ]


JUNK = [
    *(None, True, -1, 0, 10**400, 1e308, NAN, INF, '', 'x\ud800\0', []),
    *([[]], [None], {}, {'id': []}, [1e308] * 4, [10**400] * 4, ['1'] * 51),
]


def mutate(node, rng):
    """Replace a random place of a tree by junk."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    key = rng.choice(keys)
    if isinstance(node[key], (dict, list)) and node[key] and rng.random() < 0.8:
        mutate(node[key], rng)
    else:
        node[key] = rng.choice(JUNK)


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('value', [1e308, -1e200, NAN, INF, 10**400])
def test_numbers_that_overflow_are_faults(value):
    doc = make_document('coco', 1)
    for index in (0, 3, 4, 6):
        doc['annotations'][0]['keypoints'][index] = value
    doc['annotations'][0]['bbox'][2] = value
    kinds = {fault.kind for fault in validate_document(doc, 'coco')}
    assert kinds & {'keypoint_outside', 'non_finite_keypoint'}
    assert kinds & {'box_outside', 'non_finite_box', 'empty_box'}


@pytest.mark.filterwarnings('error::RuntimeWarning')
@pytest.mark.parametrize('vocabulary', ANNOTATED_SETS)
def test_no_malformed_input_crashes(tmp_path, vocabulary):
    rng = random.Random(0)
    source = json.dumps(make_document(vocabulary, 2))
    for _ in range(150):
        doc = json.loads(source)
        for _ in range(rng.randint(1, 6)):
            mutate(doc, rng)
        faults = validate_document(doc, vocabulary, folder=ImageFolder(str(tmp_path)))
        json.dumps([fault.message for fault in faults]).encode()
        format_faults(faults).encode()


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(KeyError, match='must be one of'):
        validate_document({}, 'openpose25')
    with pytest.raises(KeyError, match='must be one of'):
        Fault('ugly', 'here', '')
    with pytest.raises(FileNotFoundError, match='nothing.json'):
        validate_file(str(tmp_path / 'nothing.json'), 'coco')


def test_documentation_explains_every_kind():
    text = (ROOT / 'docs' / 'datasets.md').read_text(encoding='utf-8')
    for kind, meaning in FAULT_KINDS.items():
        assert f'| `{kind}` | {meaning} |' in text, kind
