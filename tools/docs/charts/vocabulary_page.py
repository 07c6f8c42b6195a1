"""The text of ``docs/vocabularies.md``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

from mmsapiens.keypoints.keypoint_sets import (
    NO_MATCH,
    KEYPOINT_SETS,
    KeypointSet,
    common_keypoints,
    get_keypoint_set,
    correspondences,
)
from .chart_parts import CHARTS, PARTS, select
from .vocabulary_charts import chart_file, write_charts

PAGE = 'vocabularies.md'
IMAGES = 'images'
COMMAND = 'python tools/docs/draw_vocabularies.py'

_ABOUT = {
    'coco': 'The body of COCO.',
    'coco_wholebody': 'COCO-WholeBody: body, feet, the 68 points of the face '
    'in the order of iBUG, hands.',
    'goliath308': 'The vocabulary of Sapiens: body, feet, hands, 238 points '
    'of the face, and seven more of the body.',
    'openpose25': "OpenPose's BODY_25.",
    'openpose_wholebody': 'OpenPose: BODY_25, the face of iBUG with the pupils, hands.',
}
_INTRO = """\
# Keypoint vocabularies

The vocabularies of `mmsapiens.keypoints.keypoint_sets`, and where each index is.
Written by `{command}`; edit that, not this page.

| Name | Keypoints | What it is |
|---|---|---|
{table}

## Relations

Two keypoints are matches if they have the same name or are listed in
`mmsapiens/keypoints/coco_wholebody_to_goliath308.json`. The number of
matches of each pair, and on the diagonal the number of keypoints:

{relations}

- A point without a match is never guessed, it is marked invisible; the neck
  and mid-hip of OpenPose are computed where they are missing, as the middle
  of the shoulders and of the hips.
- `coco_wholebody` and `goliath308` have {common} points in common:
  {groups}. Table 3 of the
  [paper](https://arxiv.org/abs/2408.12569) gives this number but not the
  list: which points these are is inferred, and the pairs in the file say how
  sure they are.

## How to read the images

- The person faces you: the person's right is on the left of the image.
- Partners have the same place in all images.
- The places are schematic. They follow the names and the table of left and
  right counterparts; they are not an average of annotations. Three of them
  are readings of names that say too little: the lash line is drawn as the
  outer edge of the lid and the eyelid line as the inner one; midpoint 1 of
  the bridge of the nose is in its middle, 2 above and 3 below; the antihelix
  of the ear starts at the crura and ends below.
- Points that are one place in a person, as the centers of eye, iris and
  pupil, or the wrist and the root of the hand, are drawn a little apart.
- In `goliath308`, midpoints are numbered from left to right in the *image*
  on both sides of the face. Of lids and lips, 1 and 2 halve the two sides of
  the curve and 3 to 6 are the quarters; of a brow, 1 is the middle and 2 and
  3 are the quarters. So the counterpart of `r_midpoint_1_of_upper_lash_line`
  is `l_midpoint_2_of_upper_lash_line`. The hours of iris and pupil are those
  of the image as well.
- Point 2 of the inner helix of one ear is the counterpart of point 8 of the
  other. The left ear is drawn in the order of its numbers.
- Colors tell the groups; gray lines are a sketch, colored ones the links of
  the vocabulary. Those of OpenPose are drawn in its manner.
"""
_OUTRO = """\
## Regenerate

```
{command}
```

The text is checked by a test; the images change with the release of
matplotlib.
"""


def index_ranges(indices: Iterable[int]) -> str:
    """Indices as text.

    Example:
        >>> index_ranges([4, 0, 1, 2])
        '0-2, 4'
    """
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ', '.join(f'{run[0]}-{run[-1]}' if len(run) > 1 else str(run[0]) for run in runs)


def _table(rows: Iterable[Iterable[object]]) -> str:
    return '\n'.join('| ' + ' | '.join(str(cell) for cell in row) + ' |' for row in rows)


def partner_count(source: str, target: str) -> int:
    """How many keypoints of a vocabulary have a match in another one."""
    return sum(index != NO_MATCH for index in correspondences(source, target))


def _relations() -> str:
    names = list(KEYPOINT_SETS)
    head = [['', *(f'`{name}`' for name in names)], ['---'] * (1 + len(names))]
    rows = [[f'`{name}`', *(partner_count(name, other) for other in names)] for name in names]
    return _table([*head, *rows]).replace('|  |', '| |')


def _intro() -> str:
    common = common_keypoints()
    counts = {group: len(pairs) for group, pairs in common.items()}
    return _INTRO.format(
        command=COMMAND,
        table=_table(
            [f'`{name}`', len(get_keypoint_set(name)), _ABOUT[name]] for name in KEYPOINT_SETS
        ),
        relations=_relations(),
        common=sum(counts.values()),
        groups=', '.join(f'{group.replace("_", " ")} {count}' for group, count in counts.items()),
    )


def _names(vocabulary: KeypointSet) -> str:
    """Index and name of all keypoints, folded away."""
    words = (
        f'{index} `{name}`'.replace(' ', '\0')
        for index, name in enumerate(vocabulary.keypoint_names)
    )
    text = fill(', '.join(words), width=79, break_on_hyphens=False)
    text = text.replace('\0', ' ')
    summary = '<details><summary>All names</summary>'
    return f'{summary}\n\n{text}\n\n</details>'


def _charts(name: str) -> str:
    vocabulary = get_keypoint_set(name)
    blocks = []
    for part in CHARTS[name]:
        spec = PARTS[part]
        image = f'{IMAGES}/{chart_file(name, part)}'
        block = f'![{name}, {spec.title}]({image})'
        if len(CHARTS[name]) > 1:
            text = f'Indices: {index_ranges(select(vocabulary, part))}.'
            if spec.zooms:
                text = 'The frames are the images that follow.'
            block = f'### `{name}`: {spec.title}\n\n{text}\n\n{block}'
        blocks.append(block)
    return '\n\n'.join(blocks)


def _section(name: str) -> str:
    vocabulary = get_keypoint_set(name)
    rows = [[f'`{group}`', len(ids), index_ranges(ids)] for group, ids in vocabulary.groups.items()]
    groups = _table([['Group', 'Keypoints', 'Indices'], ['---'] * 3, *rows])
    parts = [
        f'## `{name}`: {len(vocabulary)} keypoints',
        fill(_ABOUT[name], width=79),
        groups,
        _charts(name),
        _names(vocabulary),
    ]
    return '\n\n'.join(parts)


def page_text() -> str:
    """The page in Markdown."""
    sections = [_section(name) for name in KEYPOINT_SETS]
    outro = _OUTRO.format(command=COMMAND)
    return '\n\n'.join([_intro().rstrip(), *sections, outro])


def write_page(folder: str | Path) -> list[Path]:
    """Write the page and its images.

    Args:
        folder (str | Path): ``docs`` of the repository, or another folder.

    Returns:
        list[Path]: The files.
    """
    folder = Path(folder)
    images = write_charts(folder / IMAGES)
    page = folder / PAGE
    page.write_text(page_text(), encoding='utf-8')
    return [page, *images]
