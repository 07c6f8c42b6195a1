"""The page: self-contained, escaped, with the right words."""

import base64
import re

import cv2
import numpy as np
import pytest
from four_tasks.report import (
    Figure,
    Result,
    embed,
    figure,
    grid,
    page,
    paragraph,
    results_table,
    table,
)
from four_tasks.stages import Record
from four_tasks.story import results, write_page
from four_tasks.variants import TASKS, get_variant


@pytest.fixture
def image(tmp_path):
    path = tmp_path / 'image.png'
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3))
    cv2.imwrite(str(path), noise.astype(np.uint8))
    return path


def test_images_are_embedded(image):
    uri = embed(image)
    kind, data = re.fullmatch(r'data:image/(png|jpeg);base64,(.*)', uri).groups()
    decoded = np.frombuffer(base64.b64decode(data), np.uint8)
    assert cv2.imdecode(decoded, cv2.IMREAD_COLOR).shape == (40, 30, 3)


def test_flat_images_stay_png(tmp_path):
    path = tmp_path / 'flat.png'
    cv2.imwrite(str(path), np.zeros((64, 64, 3), dtype=np.uint8))
    assert embed(path).startswith('data:image/png')


def test_missing_image_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='no image'):
        embed(tmp_path / 'none.png')


def test_text_is_escaped(image):
    assert '<b>' not in figure(Figure(image, '<b>', '"<b>'))
    assert '&lt;b&gt;' in paragraph('<b>')
    assert '<b>' not in table(['<b>'], [['<b>', 'code:<b>']])
    assert '<b>' not in page('<b>', ['<b>'], [])


def test_grid_has_a_column_for_each_head(image):
    text = grid([[Figure(image)] * 3] * 2, ['a', 'b', 'c'])
    assert 'repeat(3,' in text and text.count('<img') == 6


def make_result(ours, baseline=40.0, **kwargs):
    kwargs = dict(smaller_is_better=True, target=0.85) | kwargs
    return Result('T', 'angle', baseline, 'mean', ours, **kwargs)


@pytest.mark.parametrize(
    ('result', 'change', 'goal', 'is_met'),
    [
        (make_result(34.0), '15 % lower', '≥ 15 % lower', True),
        (make_result(36.0), '10 % lower', '≥ 15 % lower', False),
        (make_result(44.0), '10 % higher', '≥ 15 % lower', False),
        (make_result(0.75, 0.25, smaller_is_better=False, target=3), '3.0 x', '≥ 3 x', True),
        (
            make_result(0.5, 0.0, smaller_is_better=False, target=0.6, absolute=True),
            '–',
            '≥ 0.6',
            False,
        ),
        (make_result(20.0, target=None), '50 % lower', '', None),
    ],
)
def test_results_in_words(result, change, goal, is_met):
    assert result.change() == change
    assert result.goal() == goal
    assert result.is_met is is_met


def test_missed_targets_are_shown():
    text = results_table([make_result(30.0), make_result(39.0)])
    assert text.count('✓') == 1 and text.count('✗') == 1


def make_heldout(image):
    figures = {
        'pose': {'coco/AP': 0.3, 'PCK': 0.9, 'pck_shorter_0.1': 0.8},
        'parsing': {'foreground_iou': 0.7, 'mIoU': 9.0},
        'depth': {'depth/abs_rel': 0.02},
        'normal': {'normal/pixel/mean': 25.0},
    }
    ways = ('network', 'guess', 'other guess')
    cells = [dict(file=image.name, way=way, caption='1.0') for way in ('truth', *ways)]
    return dict(
        count=3,
        train_count=9,
        names=['a'],
        inputs=[dict(name='a', file=image.name)],
        legend=[['Hair', '#102030']],
        tasks={
            task: dict(
                figures=dict.fromkeys(('network', 'guess', 'other guess'), figures[task]),
                rows=[cells],
            )
            for task in TASKS
        },
    )


def test_a_figure_is_named_once_for_all_its_guesses(image):
    rows = results(make_heldout(image)['tasks'], 'fast')
    assert [r.guess for r in rows[:2]] == ['guess', 'other guess']
    assert rows[0].metric and not rows[1].metric and not rows[1].task
    assert rows[0].target == 3 and rows[1].target is None


def test_the_page_needs_no_network(image):
    record = Record('s', 'A step', 'run --this', 61.4, 90.0, 'k', True)
    files = dict.fromkeys(('input', *TASKS), image.name)
    text = write_page(
        name='fast',
        variant=get_variant('fast'),
        heldout=make_heldout(image),
        photos=dict(rows=[dict(name='p', files=files)]),
        folders=(image.parent, image.parent),
        records=[record],
    )
    assert '<script' not in text and 'url(' not in text
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert sources
    assert all(source.startswith('data:image/') for source in sources)
    assert 'run --this' in text and '>61<' in text
    for word in ('PCK', 'IoU', 'AbsRel', 'angle', 'Versions', 'torch'):
        assert word in text
