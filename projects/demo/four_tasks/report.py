"""The page that the demo leaves: one file, images inside."""

from __future__ import annotations

import base64
import html
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .stages import Record
from .variants import TASKS, TITLES, Variant

STYLE = """
:root{--ink:#1c2330;--soft:#5d6778;--line:#dfe3ea;--paper:#fff;--wash:#f4f6f9;--ours:#e9f0ff}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa5b5;--line:#323a47;
--paper:#161a21;--wash:#1e242d;--ours:#1f2b44}}
body{margin:0 auto;max-width:1180px;padding:1rem;background:var(--wash);color:var(--ink);
font:16px/1.55 system-ui,sans-serif}
section{background:var(--paper);border:1px solid var(--line);border-radius:12px;
padding:1rem 1.4rem;margin:1.2rem 0;overflow-x:auto}
p{max-width:56rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.4rem .7rem;border-bottom:1px solid var(--line);vertical-align:top}
th,figcaption{font-size:.8rem;color:var(--soft)}
td.ours{background:var(--ours);font-weight:650}
.grid{display:grid;gap:.55rem}
figure{margin:0;min-width:104px}
figure img{width:100%;border-radius:7px}
.legend span{white-space:nowrap;margin-right:.9rem;font-size:.82rem}
.legend i{display:inline-block;width:.85em;height:.85em;border-radius:3px;margin-right:.35em}
"""
PACKAGES = ('mmsapiens', 'torch', 'numpy', 'mmengine', 'mmpose', 'mmsegmentation', 'anny')
ABOUT = {
    'pose': 'Dots are the 17 COCO keypoints: green the left and orange the right side of the '
    'person, blue the middle. The network gets the box of the person; the baseline puts the mean '
    'pose into it.',
    'parsing': 'The baseline is the most frequent class at each place of the image.',
    'depth': 'Near is bright. The prediction is relative; scale and shift are fitted to the truth, '
    'as in the figures, and both have one color scale.',
    'normal': 'Red is x to the right, green y up, blue z towards the camera.',
}
FIGURES = (
    ('pose', 'pck_shorter_0.1', 'PCK, 0.1 of the shorter side, %', 100, False),
    ('pose', 'PCK', 'PCK, 0.1 of the longer side, %', 100, False),
    ('pose', 'coco/AP', 'AP of COCO, %', 100, False),
    ('parsing', 'foreground_iou', 'IoU of the person, %', 100, False),
    ('parsing', 'mIoU', 'mean IoU of 28 classes, %', 1, False),
    ('depth', 'depth/abs_rel', 'AbsRel, %', 100, True),
    ('normal', 'normal/pixel/mean', 'mean angle, degrees', 1, True),
)
"""Task, key of the figure, its name, its scale, and whether smaller is better."""


@dataclass(frozen=True)
class Result:
    """A line of the table of results.

    Args:
        task (str): What was learned.
        metric (str): Name of the figure, with the unit.
        baseline (float): Of the guess.
        guess (str): What the guess is.
        ours (float): Of the network.
        smaller_is_better (bool): Direction of the figure.
    """

    task: str
    metric: str
    baseline: float
    guess: str
    ours: float
    smaller_is_better: bool

    def change(self) -> str:
        """How ours compares, in words."""
        if not self.baseline:
            return '–'
        ratio = self.ours / self.baseline
        if not self.smaller_is_better:
            return f'{ratio:.1f} x'
        return f'{100 * abs(1 - ratio):.0f} % {"lower" if ratio <= 1 else "higher"}'


def results(tasks: dict[str, Any]) -> list[Result]:
    """Lines of the table.

    Args:
        tasks (dict): Task -> ``figures`` of each way of predicting.
    """
    return [
        Result(
            TITLES[task],
            name,
            scale * found[key],
            way,
            scale * tasks[task]['figures']['network'][key],
            smaller,
        )
        for task, key, name, scale, smaller in FIGURES
        for way, found in tasks[task]['figures'].items()
        if way != 'network'
    ]


def embed(path: Path) -> str:
    """An image file as a data URI."""
    kind = 'png' if path.suffix == '.png' else 'jpeg'
    return f'data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}'


def grid(columns: int, cells: Iterable[tuple[Path, str]]) -> str:
    """HTML of rows of images with lines below them."""
    figures = ''.join(
        f'<figure><img src="{embed(path)}" alt=""><figcaption>{html.escape(caption)}</figcaption>'
        '</figure>'
        for path, caption in cells
    )
    style = f'grid-template-columns:repeat({columns},minmax(104px,1fr))'
    return f'<div class="grid" style="{style}">{figures}</div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], ours: int = -1) -> str:
    """HTML of a table; ``ours`` is the column that stands out."""
    head = ''.join(f'<th>{html.escape(text)}</th>' for text in heads)
    kinds = [' class="ours"' if number == ours else '' for number in range(len(heads))]
    body = ''.join(
        '<tr>'
        + ''.join(f'<td{k}>{html.escape(text)}</td>' for k, text in zip(kinds, row))
        + '</tr>'
        for row in rows
    )
    return f'<table><tr>{head}</tr>{body}</table>'


def section(title: str, text: str, *parts: str) -> str:
    """HTML of a section."""
    lead = f'<p>{html.escape(text)}</p>' if text else ''
    return f'<section><h2>{html.escape(title)}</h2>{lead}{"".join(parts)}</section>'


def task_section(task: str, heldout: dict[str, Any], folder: Path) -> str:
    """Images of a task: the renders, the truth, and every way of predicting."""
    rows = heldout['tasks'][task]['rows']
    parts = [grid(len(rows), [(folder / each['file'], '') for each in heldout['inputs']])]
    for index, cell in enumerate(rows[0]):
        way = {'truth': 'Truth', 'network': 'Network'}.get(cell['way'], f'Baseline: {cell["way"]}')
        cells = [(folder / row[index]['file'], row[index]['caption']) for row in rows]
        parts.append(f'<h3>{html.escape(way)}</h3>{grid(len(rows), cells)}')
    if task == 'parsing':
        names = ''.join(
            f'<span><i style="background:{color}"></i>{html.escape(name)}</span>'
            for name, color in heldout['legend']
        )
        parts.append(f'<p class="legend">{names}</p>')
    return section(TITLES[task], ABOUT[task], *parts)


def write_page(
    *,
    name: str,
    variant: Variant,
    heldout: dict[str, Any],
    photos: dict[str, Any],
    folders: tuple[Path, Path],
    records: Sequence[Record],
) -> str:
    """The page of a run.

    Args:
        name (str): Name of the variant.
        variant (Variant): Its sizes.
        heldout (dict): What ``predict.py`` wrote on held-out people.
        photos (dict): Likewise on photographs.
        folders (tuple[Path, Path]): Folders of their images.
        records (Sequence[Record]): The steps.

    Returns:
        str: HTML.
    """
    minutes = sum(record.seconds for record in records) / 60
    lines = [
        (row.task, row.metric, f'{row.baseline:.2f}', row.guess, f'{row.ours:.2f}', row.change())
        for row in results(heldout['tasks'])
    ]
    heads = ('Task', 'Figure', 'Baseline', 'which is', 'Network', 'to baseline')
    keys = ('input', *TASKS)
    shown = [(folders[1] / row['files'][key], '') for row in photos['rows'] for key in keys]
    epochs = ', '.join(f'{task} {count}' for task, count in variant.epochs.items())
    setting = (
        f'{platform.machine()}, {len(os.sched_getaffinity(0))} cores; variant “{name}”: '
        f'{variant.images} images; epochs: {epochs}; batches of {variant.batch_size} in each '
        f'process; AdamW, cosine from {variant.lr:g}. '
        + ', '.join(f'{package} {version(package)}' for package in PACKAGES)
    )
    steps = [(record.title, f'{record.seconds:.0f}', record.command) for record in records]
    sections = [
        section(
            'mmsapiens: four tasks from nothing',
            'Four tiny vision transformers (2.3 million parameters each), trained one after the '
            'other, the first from random weights, each of the others from the encoder before it, '
            f'on {heldout["train_count"]} rendered people and tested on {heldout["count"]} others: '
            f'{minutes:.1f} minutes in all.',
        ),
        section(
            'Results on held-out people',
            'No person of the test is in the training. A baseline is what one can say without '
            'looking at the image, learned from the same training images. A keypoint counts when '
            'it is off by less than a tenth of a side of the box. Depth: mean |d - g| / g after a '
            'fit of scale and shift to each person.',
            table(heads, lines, ours=4),
        ),
        *(task_section(task, heldout, folders[0]) for task in TASKS),
        section(
            'Real photographs',
            'As they are, good or not: the networks have seen nothing but renders before plain '
            'backgrounds. Depth and normals are drawn where the parts say person, keypoints where '
            'their score is above 0.1.',
            grid(len(keys), shown),
        ),
        section(
            'What this shows, and what not',
            'Rendering, datasets, training in several processes, metrics and drawing work '
            'together, and the networks learn something that carries over to people they have not '
            'seen. It does not show what Sapiens can do: the models of the paper are 130 to 1000 '
            'times larger, see 64 times the pixels, and start from pretrained weights. One run '
            'with one seed; some hundred test images of one renderer.',
        ),
        section('What was run', setting, table(('Step', 'Seconds', 'Command'), steps)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<title>mmsapiens: four tasks from nothing</title>'
        f'<style>{STYLE}</style></head><body>{"".join(sections)}</body></html>\n'
    )
