"""Which charts a keypoint vocabulary has, and what each of them shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from mmsapiens.keypoints.keypoint_sets import KeypointSet, get_keypoint_set
from mmsapiens.visualization.keypoints import group_of_each
from .template_layout import head, layout


@dataclass(frozen=True)
class Part:
    """What a chart shows.

    Attributes:
        title (str): For the page.
        groups (tuple[str, ...]): Points of these groups have their index.
        pattern (str): Expression that their names match. Defaults to any.
        scale (float): Pixels for a unit of the layout. Defaults to 1.25.
        margin (float): Room around the points, in pixels. Defaults to 45.
        is_whole (bool): Whether the image shows the whole person instead of these points only.
            Defaults to False.
        zooms (tuple[str, ...]): Charts that have the indices of some of these points. Defaults to
            none.
    """

    title: str
    groups: tuple[str, ...]
    pattern: str = ''
    scale: float = 1.25
    margin: float = 45.0
    is_whole: bool = False
    zooms: tuple[str, ...] = ()


_FACE = ('face', 'body')
_ZOOMS = ('right_eye', 'left_eye', 'nose', 'mouth', 'right_ear', 'left_ear')
_HANDS = ('right_hand', 'left_hand')


def _hand(side: str) -> Part:
    names = 'hand|wrist|thumb|forefinger|middle|ring|pinky'
    return Part(f'{side} hand', (f'{side}_hand', 'body'), f'^{side}_({names})', scale=5)


def _eye(side: str) -> Part:
    own = f'(^{side[0]}_|_{side[0]}_).*'
    return Part(
        f'{side} eye and eyebrow',
        _FACE,
        f'^{side}_eye$|{own}(lash|eyelid|crease|iris|pupil|eyebrow)',
        scale=24,
    )


def _ear(side: str) -> Part:
    own = f'^{side[0]}_.*'
    return Part(
        f'{side} ear',
        _FACE,
        f'^{side}_ear$|{own}(helix|crus|tragus|concha|lobe|22_15)',
        scale=14,
        margin=75,
    )


PARTS = {
    'body': Part('body', ('body', 'foot', 'extra'), is_whole=True),
    'face': Part('face', _FACE, 'face-|nose|_eye$|_ear$|center_of_pupil', scale=8),
    'face_overview': Part('face', _FACE, '_of_|22_15|_ear$', scale=6, zooms=_ZOOMS),
    'right_hand': _hand('right'),
    'left_hand': _hand('left'),
    'right_eye': _eye('right'),
    'left_eye': _eye('left'),
    'nose': Part('nose', _FACE, 'nose|nostril|glabella', scale=14),
    'mouth': Part('mouth and chin', _FACE, 'lip|mouth|cupid|labiomental|chin', scale=17),
    'right_ear': _ear('right'),
    'left_ear': _ear('left'),
}
"""Name -> part of a person that has a chart."""

CHARTS = {
    'coco': ('body',),
    'coco_wholebody': ('body', 'face', *_HANDS),
    'goliath308': ('body', 'face_overview', *_ZOOMS, *_HANDS),
    'openpose25': ('body',),
    'openpose_wholebody': ('body', 'face', *_HANDS),
}
"""KeypointSet -> parts that have a chart, in the order of the page."""

# OpenPose hangs the body on neck and mid-hip instead of closing a box.
_NOT_OPENPOSE = ({'shoulder'}, {'hip'}, {'shoulder', 'hip'}, {'ear', 'shoulder'}, {'eye'})
_OPENPOSE_LINKS = (
    ('neck', 'nose'),
    ('neck', 'left_shoulder'),
    ('neck', 'right_shoulder'),
    ('neck', 'mid_hip'),
    ('mid_hip', 'left_hip'),
    ('mid_hip', 'right_hip'),
)


def links_to_draw(vocabulary: KeypointSet) -> list[tuple[int, int]]:
    """Pairs of indices: its links, or those of OpenPose if it has none."""
    if vocabulary.links:
        return list(vocabulary.links)
    model = get_keypoint_set('coco_wholebody')
    pairs = [(model.keypoint_names[start], model.keypoint_names[end]) for start, end in model.links]
    pairs = [pair for pair in pairs if {name.split('_')[-1] for name in pair} not in _NOT_OPENPOSE]
    index = {name: i for i, name in enumerate(vocabulary.keypoint_names)}
    return [
        (index[start], index[end])
        for start, end in (*pairs, *_OPENPOSE_LINKS)
        if start in index and end in index
    ]


def select(vocabulary: KeypointSet, part: str) -> list[int]:
    """Indices of the keypoints that a part consists of.

    Args:
        vocabulary (KeypointSet): Of the keypoints.
        part (str): A key of :data:`PARTS`.

    Returns:
        list[int]: In rising order.
    """
    spec = PARTS[part]
    return [
        index
        for index, group in enumerate(group_of_each(vocabulary))
        if group in spec.groups and re.search(spec.pattern, vocabulary.keypoint_names[index])
    ]


def frame(vocabulary: KeypointSet, part: str) -> np.ndarray:
    """Box of a chart (x1, y1, x2, y2) in units of the layout."""
    spec, points = PARTS[part], layout(vocabulary.name)
    points = np.concatenate([points, head()]) if spec.is_whole else points[select(vocabulary, part)]
    margin = spec.margin / spec.scale
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return np.concatenate([low, high])
