"""The page: self-contained, escaped, with the right words."""

import base64
import re

import cv2
import numpy as np
import pytest
from four_tasks.report import Result, embed, results, section, table, write_page
from four_tasks.stages import Record
from four_tasks.variants import TASKS, get_variant


@pytest.fixture
def image(tmp_path):
    path = tmp_path / 'image.png'
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3))
    cv2.imwrite(str(path), noise.astype(np.uint8))
    return path


def test_images_are_embedded(image):
    data = re.fullmatch(r'data:image/png;base64,(.*)', embed(image)).group(1)
    decoded = np.frombuffer(base64.b64decode(data), np.uint8)
    assert cv2.imdecode(decoded, cv2.IMREAD_COLOR).shape == (40, 30, 3)


def test_text_is_escaped():
    assert '<b>' not in section('<b>', '<b>') + table(['<b>'], [['<b>']])


@pytest.mark.parametrize(
    'baseline, ours, smaller, change',
    [
        (40.0, 34.0, True, '15 % lower'),
        (40.0, 44.0, True, '10 % higher'),
        (0.25, 0.75, False, '3.0 x'),
        (0.0, 0.5, False, '–'),
    ],
)
def test_results_in_words(baseline, ours, smaller, change):
    assert Result('T', 'angle', baseline, 'mean', ours, smaller).change() == change


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
            task: dict(figures=dict.fromkeys(ways, figures[task]), rows=[cells]) for task in TASKS
        },
    )


def test_every_figure_stands_beside_every_guess(image):
    rows = results(make_heldout(image)['tasks'])
    assert [row.guess for row in rows[:2]] == ['guess', 'other guess']
    assert len(rows) == 14 and rows[0].ours == 80


def test_the_page_needs_no_network(image):
    record = Record('s', 'A step', 'run --this', 61.4, 'k', True)
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
    for word in ('PCK', 'IoU', 'AbsRel', 'angle', 'torch', 'run --this', '>61<'):
        assert word in text
