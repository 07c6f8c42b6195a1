import contextlib
import io
import json

import cv2
import numpy as np
import pytest
from inference_results import annotated_result, made_frame, made_result
from xtcocotools.coco import COCO

from mmsapiens.detection import PeopleFile
from mmsapiens.inference.writers import (
    AnnotatedVideo,
    DrawingWriter,
    KeypointWriter,
    MapWriter,
    MaskWriter,
    build_writers,
)
from mmsapiens.inference.writers.coco_results import UNKNOWN, write_coco_results
from mmsapiens.io.map_io import read_map
from mmsapiens.keypoints.annotation_files import AnnotationFile
from mmsapiens.visualization.results import columns_for, draw_overlay, draw_panel

FIELDS = {'seg-28': 'seg_map', 'depth': 'depth_map', 'normal': 'normal_map'}
TASKS = ['pose-17', *FIELDS]


def write(writer, result, folder):
    path = folder / writer.path(result.frame.name)
    writer.write(result, path)
    return path


def test_keypoint_file_has_people_in_the_layout_of_stock(tmp_path):
    result = made_result(boxes=[(10, 5, 40, 45), (30, 5, 60, 45)])
    result.people.track_ids = np.array([7, 3])
    path = write(KeypointWriter('pose-17'), result, tmp_path)
    document = json.loads(path.read_text())
    meta, people = document['meta_info'], document['instance_info']
    assert meta['image'] == 'a.png'
    assert (meta['width'], meta['height']) == (64, 48)
    assert meta['dataset_name'] == 'coco'
    assert meta['keypoint_names'][0] == 'nose'
    assert [person['track_id'] for person in people] == [7, 3]
    assert people[1]['bbox'] == [30, 5, 60, 45]
    pose = result.tasks['pose-17']
    points = np.array([person['keypoints'] for person in people])
    np.testing.assert_allclose(points, pose.keypoints, atol=5.1e-4)
    scores = np.array([person['keypoint_scores'] for person in people])
    np.testing.assert_allclose(scores, pose.scores, atol=5.1e-6)


def test_nobody_is_a_file_with_nobody(tmp_path):
    path = write(KeypointWriter('pose-17'), made_result(boxes=[]), tmp_path)
    document = json.loads(path.read_text())
    assert document['instance_info'] == []
    assert document['meta_info']['num_keypoints'] == 17


def test_keypoints_of_a_map_are_refused(tmp_path):
    with pytest.raises(TypeError, match='must have keypoints'):
        write(KeypointWriter('depth'), made_result(), tmp_path)


@pytest.mark.parametrize('map_format', ['npy', 'png', 'exr'])
@pytest.mark.parametrize('task', FIELDS)
def test_maps_are_read_back(task, map_format, tmp_path):
    result = made_result()
    path = write(MapWriter(task, map_format), result, tmp_path)
    values = result.tasks[task].values
    atol = 0 if path.suffix != '.png' or task == 'seg-28' else 2e-5
    found = read_map(path, FIELDS[task])
    np.testing.assert_allclose(found, values, atol=atol)
    assert found.dtype == values.dtype


def test_mask_is_where_people_are(tmp_path):
    result = made_result()
    path = write(MaskWriter(), result, tmp_path)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored > 0, result.human_mask)
    assert set(np.unique(stored)) == {0, 255}


def test_unknown_map_format_is_refused():
    with pytest.raises(ValueError, match="must be one of .* but got 'jpg'"):
        MapWriter('depth', 'jpg')


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('boxes', [[], [(10, 5, 40, 45)]])
def test_overlays_have_the_size_of_the_image(task, boxes):
    result = made_result(boxes=boxes)
    before = result.frame.image.copy()
    drawn = draw_overlay(result, task)
    assert drawn.shape == (48, 64, 3)
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(result.frame.image, before)


def test_overlay_leaves_the_image_outside_of_people():
    result = made_result()
    outside = ~result.human_mask
    image = result.frame.image[..., ::-1]
    for task in FIELDS:
        drawn = draw_overlay(result, task)
        np.testing.assert_array_equal(drawn[outside], image[outside])
        assert (drawn != image).any()


def test_files_of_images_have_the_colors_of_the_image(tmp_path):
    result = made_result(boxes=[])
    path = write(DrawingWriter('pose-17'), result, tmp_path)
    stored = cv2.imread(str(path)).astype(int)
    assert np.abs(stored - result.frame.image).mean() < 6


@pytest.mark.parametrize('size_hw', [(1, 1), (2, 3000), (480, 640)])
def test_panels_of_any_size(size_hw, tmp_path):
    height, width = size_hw
    result = made_result(made_frame(size_hw=size_hw), [(0, 0, width, height)])
    path = write(DrawingWriter(TASKS), result, tmp_path)
    stored = cv2.imread(str(path))
    assert min(stored.shape[:2]) > 100
    assert max(stored.shape[:2]) < 3000


def test_panels_without_legend_have_one_size():
    sizes = {
        draw_panel(made_result(boxes=boxes), with_legend=False).shape
        for boxes in ([], [(10, 5, 40, 45)], [(0, 0, 9, 9), (9, 9, 60, 40)])
    }
    assert len(sizes) == 1


def test_rows_follow_the_shape_of_images():
    assert columns_for(5, 900, 300) == 5
    assert columns_for(5, 480, 640) == 3
    assert columns_for(5, 100, 1000) == 1
    assert columns_for(1, 480, 640) == 1


def test_photograph_with_133_keypoints():
    panel = draw_panel(annotated_result(785))
    assert panel.shape[1] > panel.shape[0] > 500


def test_writers_of_a_run():
    writers = build_writers(TASKS, ['keypoints', 'maps', 'masks', 'panels'])
    paths = [path for one in writers for path in one.paths('b/x.y')]
    assert paths == [
        'pose-17/b/x.y.json',
        'seg-28/b/x.y.npy',
        'depth/b/x.y.npy',
        'normal/b/x.y.npy',
        'mask/b/x.y.png',
        'panel/b/x.y.jpg',
    ]
    assert writers[-1].paths('clip/000001', is_video=True) == []


@pytest.mark.parametrize(
    ('tasks', 'outputs', 'error', 'words'),
    [
        (TASKS, ['meshes'], KeyError, 'must be some of'),
        (['depth'], ['masks'], ValueError, 'masks need a parsing task'),
    ],
)
def test_outputs_that_cannot_be(tasks, outputs, error, words):
    with pytest.raises(error, match=words):
        build_writers(tasks, outputs)


def test_video_shows_a_panel_or_a_task():
    assert AnnotatedVideo(TASKS).draw(made_result()).shape[1] > 300
    drawn = AnnotatedVideo(TASKS, 'depth').draw(made_result())
    assert drawn.shape == (48, 64, 3)
    with pytest.raises(KeyError, match="but got 'dept'"):
        AnnotatedVideo(TASKS, 'dept')


def test_coco_tools_read_the_results(tmp_path):
    writer = KeypointWriter('pose-17')
    write(writer, made_result(made_frame('b')), tmp_path)
    two = made_result(made_frame('a'), [(10, 5, 40, 45), (30, 5, 60, 45)])
    write(writer, two, tmp_path)
    write(writer, made_result(made_frame('c'), []), tmp_path)
    images, results = write_coco_results(
        tmp_path,
        'pose-17',
        ['b', 'a', 'c'],
        lambda name, _: dict(a=dict(id=7, category_id=1), b=dict(id=5)).get(name),
    )
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(images))
        found = coco.loadRes(str(results))
    assert [image['id'] for image in coco.dataset['images']] == [5, 7, UNKNOWN + 3]
    assert coco.loadCats(1)[0]['keypoints'][0] == 'nose'
    people = found.loadAnns(found.getAnnIds(imgIds=[7]))
    assert len(people) == 2
    assert len(people[0]['keypoints']) == 51
    results = json.loads(results.read_text())
    assert results[0]['bbox'] == [10, 5, 30, 40]
    score = 0.9 * made_result().tasks['pose-17'].scores[0].mean()
    assert results[0]['score'] == pytest.approx(score, abs=1e-5)


def test_coco_results_of_nobody(tmp_path):
    images, results = write_coco_results(tmp_path, 'pose-17', [])
    assert json.loads(results.read_text()) == []
    assert json.loads(images.read_text())['images'] == []


def test_annotation_tools_and_our_readers_take_the_file_of_images(tmp_path):
    frame = dict(video='clip', index=12, time_s=0.5)
    cases = {
        'in/b': made_frame('in/b', source='/data/in/b.jpg'),
        'c': made_frame('c', source='https://host/c.png?size=3'),
        'array': made_frame('array', source='array 3'),
        'clip/000012': made_frame('clip/000012', source='/data/clip.mp4', **frame),
    }
    writer = KeypointWriter('pose-17')
    for each in cases.values():
        write(writer, made_result(each), tmp_path)
    path, results = write_coco_results(tmp_path, 'pose-17', cases)
    document = json.loads(path.read_text())
    names = [image['file_name'] for image in document['images']]
    assert names == ['in/b.jpg', 'c.png', 'array', 'clip/000012.jpg']
    assert document['images'][3]['frame_index'] == 12
    people, found = document['annotations'], json.loads(results.read_text())
    assert [person['id'] for person in people] == [1, 2, 3, 4]
    for person, result in zip(people, found):
        assert person['area'] == person['bbox'][2] * person['bbox'][3] > 0
        assert person['iscrowd'] == 0 and person['num_keypoints'] == 17
        seen = [1 + (score >= 0.3) for score in result['keypoints'][2::3]]
        assert person['keypoints'][2::3] == seen and {1, 2} == set(seen)
        assert person['keypoints'][::3] == result['keypoints'][::3]
    read = AnnotationFile(path, fields=dict(keypoints=17))
    assert len(read.people) == 4 and not read.messages()
    boxes = PeopleFile(path).people(cases['in/b']).boxes
    np.testing.assert_allclose(boxes, made_result().people.boxes, atol=1e-3)


def test_results_fit_the_file_of_the_boxes(tmp_path):
    people = tmp_path / 'people.json'
    image = dict(id='first', file_name='train/b.jpg', width=64, height=48)
    box = dict(image_id='first', category_id=0, bbox=[10, 5, 30, 40])
    categories = [dict(id=0, name='person'), dict(id=1, name='bag')]
    document = dict(images=[image], annotations=[box], categories=categories)
    people.write_text(json.dumps(document))
    write(KeypointWriter('pose-17'), made_result(made_frame('b', source='/x/b.jpg')), tmp_path)
    find_entry = PeopleFile(people).find_entry
    images, results = write_coco_results(tmp_path, 'pose-17', ['b'], find_entry)
    (found,) = json.loads(results.read_text())
    assert (found['image_id'], found['category_id']) == ('first', 0)
    written = json.loads(images.read_text())
    assert written['images'][0]['file_name'] == 'train/b.jpg'
    assert written['categories'][0]['id'] == 0
