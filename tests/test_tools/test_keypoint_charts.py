"""The template person, the charts and the page of the vocabularies."""

import importlib.util
import io

import numpy as np
import pytest
from charts import vocabulary_charts
from charts.chart_parts import CHARTS, PARTS, frame, links_to_draw, select
from charts.label_placement import place_labels
from charts.template_layout import head, layout, sketch
from charts.template_sketch import smooth
from charts.vocabulary_charts import chart_file, draw_chart
from charts.vocabulary_page import index_ranges, page_text, partner_count
from matplotlib.path import Path as Polygon
from parity import ROOT
from PIL import Image

from mmsapiens.keypoints.keypoint_sets import (
    KEYPOINT_SETS,
    NO_MATCH,
    correspondences,
    get_keypoint_set,
)

# A thousandth of the height; the centers of eye, iris and pupil are closest.
SMALLEST_DISTANCE = 1.0
EAR_WORDS = ('helix', 'crus', 'tragus', 'concha', 'lobe', '22_15')
DOCS = ROOT / 'docs'
ALL_CHARTS = [(name, part) for name in CHARTS for part in CHARTS[name]]


def place(name, vocabulary='goliath308'):
    index = get_keypoint_set(vocabulary).keypoint_names.index(name)
    return layout(vocabulary)[index]


@pytest.mark.parametrize('name', KEYPOINT_SETS)
def test_every_keypoint_has_a_place_of_its_own(name):
    points = layout(name)
    assert points.shape == (len(get_keypoint_set(name)), 2)
    assert np.isfinite(points).all()
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > SMALLEST_DISTANCE


@pytest.mark.parametrize('name', KEYPOINT_SETS)
def test_counterparts_mirror_each_other(name):
    points = layout(name)
    flipped = points[list(get_keypoint_set(name).flip_indices)]
    np.testing.assert_allclose(flipped * (-1, 1), points, atol=1e-6)


@pytest.mark.parametrize('source', KEYPOINT_SETS)
@pytest.mark.parametrize('target', KEYPOINT_SETS)
def test_partners_have_one_place(source, target):
    index = np.array(correspondences(source, target))
    found = index != NO_MATCH
    np.testing.assert_array_equal(layout(source)[index[found]], layout(target)[found])


@pytest.mark.parametrize('name', ['coco_wholebody', 'goliath308', 'openpose_wholebody'])
def test_face_is_inside_the_head(name):
    vocabulary = get_keypoint_set(name)
    face = [
        index
        for index in vocabulary.groups['face']
        if not any(word in vocabulary.keypoint_names[index] for word in EAR_WORDS)
    ]
    assert Polygon(head()).contains_points(layout(name)[face]).all()


def test_unknown_vocabulary():
    with pytest.raises(KeyError, match='must be one of'):
        layout('mpii')


def test_right_is_left_in_the_image():
    for part in ('shoulder', 'hip', 'ankle', 'eye', 'thumb4'):
        assert place(f'right_{part}')[0] < 0 < place(f'left_{part}')[0]


def test_thumbs_point_to_the_body():
    assert place('left_thumb4')[0] < place('left_pinky_finger4')[0]
    assert place('left_big_toe')[0] < place('left_small_toe')[0]


@pytest.mark.parametrize('side', 'lr')
@pytest.mark.parametrize('line', ['upper_lash', 'lower_eyelid'])
def test_midpoints_of_lids_run_from_left_to_right(side, line):
    order = ['midpoint_3', 'midpoint_1', 'midpoint_4', 'centerpoint']
    order += ['midpoint_5', 'midpoint_2', 'midpoint_6']
    x = [place(f'{side}_{mark}_of_{line}_line')[0] for mark in order]
    assert x == sorted(x)


def test_lines_of_an_eye_are_nested():
    names = [f'r_centerpoint_of_upper_{n}_line' for n in ('crease', 'lash')]
    names += ['r_centerpoint_of_upper_eyelid_line', 'r_border_of_iris_12']
    names += ['r_border_of_pupil_12', 'r_border_of_pupil_6']
    names += ['r_border_of_iris_6', 'r_centerpoint_of_lower_eyelid_line']
    names += ['r_centerpoint_of_lower_lash_line']
    y = [place(name)[1] for name in names]
    assert y == sorted(y)


def test_hours_of_the_iris_are_those_of_the_image():
    for side in 'lr':
        three = place(f'{side}_border_of_iris_3')
        nine = place(f'{side}_border_of_iris_9')
        assert nine[0] < place(f'{side}_center_of_iris')[0] < three[0]


def test_jaw_runs_from_left_to_right():
    x = [place(f'face-{i}', 'coco_wholebody')[0] for i in range(17)]
    assert x == sorted(x)


def test_sketch_is_symmetric():
    lines = np.concatenate(sketch())
    mirrored = lines * (-1, 1)
    away = np.linalg.norm(lines[:, None] - mirrored[None], axis=-1)
    assert away.min(axis=1).max() < 1


def test_smooth_line_goes_through_its_points():
    line = np.array([(0.0, 0.0), (1.0, 2.0), (3.0, 1.0)])
    np.testing.assert_allclose(smooth(line, steps=4)[::4], line)


@pytest.mark.parametrize('name', KEYPOINT_SETS)
def test_every_index_is_in_an_image(name):
    vocabulary = get_keypoint_set(name)
    shown = set()
    for part in CHARTS[name]:
        if not PARTS[part].zooms:
            shown.update(select(vocabulary, part))
    assert shown == set(range(len(vocabulary)))


@pytest.mark.parametrize('name, part', ALL_CHARTS)
def test_frame_holds_the_points(name, part):
    vocabulary = get_keypoint_set(name)
    points = layout(name)[select(vocabulary, part)]
    box = frame(vocabulary, part)
    assert len(points)
    assert (points > box[:2]).all() and (points < box[2:]).all()


def test_links_of_openpose_hang_on_the_neck():
    vocabulary = get_keypoint_set('openpose25')
    names = vocabulary.keypoint_names
    links = {(names[a], names[b]) for a, b in links_to_draw(vocabulary)}
    assert ('neck', 'nose') in links
    assert ('left_shoulder', 'left_elbow') in links
    assert ('left_shoulder', 'right_shoulder') not in links
    assert {name for link in links for name in link} == set(names)


def test_labels_leave_points_and_each_other_free():
    grid = np.stack(np.meshgrid([50, 80, 110], [50, 75, 100]), -1)
    points = grid.reshape(-1, 2).astype(float)
    sizes = np.full((9, 2), (20.0, 10.0))
    nowhere = np.zeros((0, 2))
    centers = place_labels(points, sizes, points, nowhere, (160, 150))
    away = np.abs(centers[:, None] - points[None])
    assert not (away < sizes[0] / 2).all(axis=-1).any()
    between = np.abs(centers[:, None] - centers[None])
    between[np.arange(9), np.arange(9)] = np.inf
    assert not (between < sizes[0]).all(axis=-1).any()
    np.testing.assert_array_equal(
        np.linalg.norm(centers[:, None] - points[None], axis=-1).argmin(1), np.arange(9)
    )


def test_labels_avoid_lines():
    point, line = np.array([[50.0, 50.0]]), np.zeros((60, 2))
    line[:, 0], line[:, 1] = 50, np.arange(20, 80)
    size = np.array([[20.0, 10.0]])
    center = place_labels(point, size, point, line, (100, 100))[0]
    assert abs(center[0] - 50) > 10


def png_bytes(*chart):
    buffer = io.BytesIO()
    draw_chart(*chart).save(buffer, 'png', optimize=True)
    return buffer.getvalue()


@pytest.mark.parametrize('chart', [('openpose25', 'body'), ('goliath308', 'face_overview')])
def test_chart_is_the_same_twice(chart):
    assert png_bytes(*chart) == png_bytes(*chart)


def test_page_is_what_the_tool_writes():
    page = (DOCS / 'vocabularies.md').read_text(encoding='utf-8')
    assert page == page_text(), 'run tools/docs/draw_vocabularies.py'


def test_images_of_the_page_are_there_and_small():
    page, sizes = page_text(), []
    for chart in ALL_CHARTS:
        path = DOCS / 'images' / chart_file(*chart)
        assert f'](images/{path.name})' in page
        with Image.open(path) as image:
            assert image.mode == 'P'
        sizes.append(path.stat().st_size)
    assert max(sizes) < 300_000
    assert sum(sizes) < 1_500_000
    stored = {p.name for p in (DOCS / 'images').glob('vocabulary_*.png')}
    assert stored == {chart_file(*chart) for chart in ALL_CHARTS}


def test_relations_of_the_page():
    assert partner_count('coco_wholebody', 'goliath308') == 114
    assert partner_count('coco', 'coco') == 17
    assert '| `coco_wholebody` | 17 | 133 | 114 | 23 | 133 |' in page_text()


def test_index_ranges():
    assert index_ranges([4, 0, 1, 2]) == '0-2, 4'
    assert index_ranges([]) == ''


def test_tool_writes_page_and_images(tmp_path, monkeypatch, capsys):
    path = ROOT / 'tools' / 'docs' / 'draw_vocabularies.py'
    spec = importlib.util.spec_from_file_location('draw_tool', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(vocabulary_charts, 'KEYPOINT_SETS', ['coco'])
    tool.main(['--output-dir', str(tmp_path)])
    assert (tmp_path / 'vocabularies.md').read_text() == page_text()
    assert [p.name for p in (tmp_path / 'images').iterdir()] == ['vocabulary_coco.png']
    assert 'vocabulary_coco.png' in capsys.readouterr().out
