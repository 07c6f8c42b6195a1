"""What the page of a run says."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .report import Figure, Result, grid, legend, page, paragraph, results_table, section, table
from .stages import Record
from .variants import TASKS, TITLES, Variant

PACKAGES = (
    'mmsapiens', 'torch', 'numpy', 'mmengine', 'mmcv-lite', 'mmpose',
    'mmsegmentation', 'anny', 'warp-lang',
)  # fmt: skip
TARGETS = {
    'fast': dict(normal=0.85, parsing=0.6, pose=3.0, depth=0.9),
    'long': dict(normal=0.75, parsing=0.75, pose=5.0, depth=0.8),
}
"""Variant -> what is asked of it; other variants as the long one."""

ABOUT = {
    'pose': 'Dots are the 17 COCO keypoints: green the left and orange the '
    'right side of the person, blue the middle. The network gets the box of '
    'the person; the baseline puts the mean pose into it.',
    'parsing': 'The baseline is the most frequent class at each place of the image.',
    'depth': 'Near is bright. The prediction is relative; scale and shift '
    'are fitted to the truth, as in the figures, and both have one color '
    'scale. The mean depth is then the middle of the person.',
    'normal': 'Red is x to the right, green y up, blue z towards the camera.',
}


def results(tasks: dict[str, Any], variant: str) -> list[Result]:
    """Lines of the table.

    Args:
        tasks (dict): Task -> ``figures`` of each way of predicting.
        variant (str): Name of the variant.
    """
    target = TARGETS.get(variant, TARGETS['long'])
    out = []

    def add(task: str, key: str, metric: str, head: str, scale: float = 1, **more) -> None:
        figures = tasks[task]['figures']
        for number, (way, found) in enumerate(figures.items()):
            if way == 'network':
                continue
            is_first = number == 1
            out.append(
                Result(
                    head if is_first else '',
                    metric if is_first else '',
                    scale * found[key],
                    way,
                    scale * figures['network'][key],
                    **(more if is_first else {**more, 'target': None}),
                )
            )

    add('pose', 'pck_shorter_0.1',
        'PCK, 0.1 of the shorter side, %', TITLES['pose'], 100,
        smaller_is_better=False, target=target['pose'])  # fmt: skip
    add('pose', 'PCK', 'PCK, 0.1 of the longer side, %', '', 100,
        smaller_is_better=False)  # fmt: skip
    add('pose', 'coco/AP', 'AP of COCO, %', '', 100, smaller_is_better=False)
    add('parsing', 'foreground_iou', 'IoU of the person', TITLES['parsing'],
        smaller_is_better=False, target=target['parsing'], absolute=True,
        digits=2)  # fmt: skip
    add('parsing', 'mIoU', 'mean IoU of 28 classes, %', '',
        smaller_is_better=False)  # fmt: skip
    add('depth', 'depth/abs_rel', 'AbsRel, %', TITLES['depth'], 100,
        smaller_is_better=True, target=target['depth'], digits=2)  # fmt: skip
    add('normal', 'normal/pixel/mean', 'mean angle, degrees',
        TITLES['normal'], smaller_is_better=True,
        target=target['normal'])  # fmt: skip
    return out


def task_section(task: str, heldout: dict[str, Any], folder: Path) -> str:
    """Images of a task.

    Args:
        task (str): The task.
        heldout (dict): What ``predict.py`` wrote.
        folder (Path): Of its images.
    """
    names = [(e['name'], e['file']) for e in heldout['inputs']]
    rows = heldout['tasks'][task]['rows']
    ways = [cell['way'] for cell in rows[0]]
    parts = [paragraph(ABOUT[task])]
    lines = [[Figure(folder / file, alt='rendered person')
              for _, file in names]]  # fmt: skip
    heads = ['Image', *(_column(way) for way in ways)]
    for index in range(len(ways)):
        lines.append(
            [
                Figure(
                    folder / row[index]['file'],
                    row[index]['caption'],
                    f'{TITLES[task]}: {heads[index + 1]}',
                )
                for row in rows
            ]
        )
    for head, line in zip(heads, lines):
        parts.append(f'<h3>{head}</h3>')
        parts.append(grid([line], []))
    if task == 'parsing':
        parts.append(legend(heldout['legend']))
    return section(TITLES[task], *parts)


def _column(way: str) -> str:
    return {'truth': 'Truth', 'network': 'Network'}.get(way, f'Baseline: {way}')


def photograph_section(photos: dict[str, Any], folder: Path) -> str:
    """Images of the photographs."""
    keys = ('input', *TASKS)
    heads = ['Photograph', *(TITLES[task] for task in TASKS)]
    rows = [
        [
            Figure(folder / row['files'][key], '', f'{row["name"]}: {head}')
            for key, head in zip(keys, heads)
        ]
        for row in photos['rows']
    ]
    return section(
        'Real photographs',
        paragraph(
            'Shown as they are, good or not. The networks have seen nothing '
            'but renders before plain backgrounds. Depth and normals are '
            'drawn where the parts say person, keypoints where their score '
            'is above 0.1.'
        ),
        grid(rows, heads),
    )


def hardware() -> str:
    """The processor and the number of cores that may be used."""
    name = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text('utf-8', 'replace').splitlines():
            if line.startswith('model name'):
                name = line.split(':', 1)[1].strip()
                break
    return f'{name}, {len(os.sched_getaffinity(0))} cores'


def versions() -> list[tuple[str, str]]:
    """Packages and their versions."""
    found = [('Python', platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, 'not installed'))
    return found


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
    wall = sum(record.wall_s for record in records)
    cpu = sum(record.cpu_s for record in records)
    epochs = ', '.join(f'{t} {n}' for t, n in variant.epochs.items())
    lead = [
        f'Four tiny vision transformers (2.3 million parameters each), '
        'trained one after the other, the first from random weights, each '
        'of the others from the encoder before it, on '
        f'{heldout["train_count"]} rendered people and tested on '
        f'{heldout["count"]} others: '
        f'{wall / 60:.1f} minutes in all.',
        f'{hardware()}; variant “{name}”',
    ]
    rows = [
        (record.title, f'{record.wall_s:.0f}', f'{record.cpu_s:.0f}', f'code:{record.command}')
        for record in records
    ]
    rows.append(('in all', f'{wall:.0f}', f'{cpu:.0f}', ''))
    sections = [
        section(
            'Results on held-out people',
            paragraph(
                'No person of the test is in the training. A baseline is '
                'what one can say without looking at the image, learned '
                'from the same training images.'
            ),
            results_table(results(heldout['tasks'], name)),
            paragraph(
                'Keypoints: the images show faces, upper bodies and whole '
                'people from all sides, so the mean of all poses fits none '
                'of them well. The mean pose of the same view is told which '
                'of the three the image shows, which the network has to '
                'see for itself. A point counts when it is off by less than '
                'a tenth of the shorter side of the box, the stricter '
                'yardstick; by the longer side, as mmpose computes it, '
                'everything looks better, guesses most of all. Depth: mean '
                '|d - g| / g after a fit of scale and shift to each person.',
                'note',
            ),
        ),
        *(task_section(task, heldout, folders[0]) for task in TASKS),
        photograph_section(photos, folders[1]),
        section(
            'What this shows, and what not',
            paragraph(
                'It shows that rendering, datasets, training in several '
                'processes, metrics and drawing work together, and that the '
                'networks learn something that carries over to people they '
                'have not seen.'
            ),
            paragraph(
                'It does not show what Sapiens can do: the models of the '
                'paper are 130 to 1000 times larger, see 64 times the '
                'pixels, and start from weights that were pretrained on '
                'hundreds of millions of photographs. The renders look like '
                'a computer game; nothing here may be compared with a figure '
                'of the paper. One run with one seed; some hundred test '
                'images of one renderer.'
            ),
        ),
        section(
            'What was run',
            paragraph(
                f'Images: {variant.images}; epochs: {epochs}; batches of '
                f'{variant.batch_size} in each process; AdamW, cosine from '
                f'{variant.lr:g}; bfloat16: {"yes" if variant.amp else "no"}. '
                'Steps that were there from an earlier run keep their times; '
                'interrupted attempts count.'
            ),
            table(('Step', 'Seconds', 'CPU seconds', 'Command'), rows),
        ),
        section('Versions', table(('Package', 'Version'), versions())),
    ]
    return page('mmsapiens: four tasks from nothing', lead, sections)
