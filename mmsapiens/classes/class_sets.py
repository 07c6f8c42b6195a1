"""Classes of body parts, and how their ids relate.

==============  ===  =====================================================
name            C    what it is
==============  ===  =====================================================
``goliath28``   28   the classes of Sapiens, background included
``goliath29``   29   those of Sapiens2: eyeglasses are a class of their own, id 2
``goliath34``   34   what its label files hold before six are dropped
``lip``         20   Look into Person
``atr``         18   Active Template Regression, fashion photographs
``cihp``        20   Crowd Instance-level Human Parsing; 10 is torso skin
==============  ===  =====================================================

The tables are the JSON files beside this one. ``to_goliath28`` names the class that each class
becomes, or null for pixels to be ignored. Those for LIP, ATR and CIHP are our own: those of the
reference turn skirts into upper clothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
IGNORED = 255
TARGET = 'goliath28'
_SIDES = {'left': 'right', 'right': 'left'}


@dataclass(frozen=True)
class ClassSet:
    """Names of classes by id, their RGB colors, ids that a flip exchanges, and class -> class of
    the 28, None for ignored."""

    name: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, ...], ...]
    flip_pairs: tuple[tuple[int, int], ...]
    to_goliath28: Mapping[str, str | None] = field(default_factory=dict)

    def metainfo(self) -> dict[str, Any]:
        """As the ``METAINFO`` of a dataset, (a, b) in ``flip_pairs``."""
        return dict(
            classes=self.classes,
            palette=[list(color) for color in self.palette],
            flip_pairs=list(self.flip_pairs),
        )


def read_class_set(path: str | Path) -> ClassSet:
    """Read a file such as the JSON files beside this one, or raise a ValueError."""
    try:
        with open(path, encoding='utf-8') as file:
            doc = json.load(file)
        return ClassSet(
            name=str(doc.get('name', Path(path).stem)),
            classes=tuple(map(str, doc['classes'])),
            palette=tuple(tuple(map(int, c)) for c in doc.get('palette', ())),
            flip_pairs=tuple((int(a), int(b)) for a, b in doc['flip_pairs']),
            to_goliath28=doc.get('to_goliath28', {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path} must be JSON with the lists `classes` (names) and `flip_pairs` (pairs of '
            f'ids), but reading it failed: {error!r}'
        ) from error


def set_of_classes(metainfo: Mapping[str, Any], count: int) -> ClassSet:
    """The classes of a dataset by its metainfo; numbered if that has another number of them."""
    classes, palette, pairs = (
        () if (found := metainfo.get(key)) is None else found
        for key in ('classes', 'palette', 'flip_pairs')
    )
    if len(classes) != count:
        return ClassSet('classes', tuple(map(str, range(count))), (), ())
    colors = tuple(tuple(map(int, color)) for color in palette)
    names, flips = tuple(map(str, classes)), tuple((int(a), int(b)) for a, b in pairs)
    return ClassSet('classes', names, colors if len(colors) == count else (), flips)


def class_set_names() -> list[str]:
    """Names that :func:`get_class_set` knows, sorted."""
    return sorted(path.stem for path in FOLDER.glob('*.json'))


@cache
def get_class_set(name: str) -> ClassSet:
    """A class set of the package, one of :func:`class_set_names`; KeyError for others."""
    if name not in class_set_names():
        raise KeyError(
            f'a class set (`vocabulary`) must be one of {class_set_names()}, but got {name!r}'
        )
    return read_class_set(FOLDER / f'{name}.json')


def conversion_table(
    source: str, target: str, instead: Mapping[str, str | None] | None = None
) -> np.ndarray | None:
    """Stored id of ``source`` -> id of ``target``, 255 without a match, uint8 (256,); None if there
    is nothing to convert, a ValueError if the one cannot become the other.

    ``instead`` changes the matches of some classes: ``{'Eyeglass': 'Face_Neck'}`` counts glasses,
    which the 28 classes ignore, as face.
    """
    stored, wanted = get_class_set(source), get_class_set(target)
    if source == target:
        return None
    matches: dict[str, str | None] = dict(stored.to_goliath28 if target == TARGET else {})
    if not matches and set(stored.classes) <= set(wanted.classes):
        matches = {name: name for name in stored.classes}
    if not matches:
        raise ValueError(
            f'labels of {source!r} can stay as they are or become {TARGET!r}, or those of a set '
            f'with all of their classes, but got {target!r}'
        )
    for name, match in (instead or {}).items():
        if name not in stored.classes or match not in (*wanted.classes, None):
            raise ValueError(
                f'`instead` must name a class of {source!r}, {list(stored.classes)}, and one of '
                f'{target!r}, {list(wanted.classes)}, but got {name!r}: {match!r}'
            )
    matches.update(instead or {})
    table: np.ndarray = np.full(256, IGNORED, dtype=np.uint8)
    for index, name in enumerate(stored.classes):
        match = matches[name]
        if match is not None:
            table[index] = wanted.classes.index(match)
    return table


def convert_labels(
    labels: np.ndarray,
    source: str,
    target: str,
    instead: Mapping[str, str | None] | None = None,
    has_ignored: bool = True,
) -> np.ndarray:
    """Class ids of ``source``, any shape, as ids of ``target``, uint8.

    Args:
        labels (np.ndarray): Integers; 255 stays 255.
        source (str): A class set; ``target`` likewise.
        instead (Mapping, optional): As for :func:`conversion_table`.
        has_ignored (bool): Whether pixels may be ignored, 255, as those of ground truth but not of
            predictions. Defaults to True.

    Returns:
        np.ndarray: In the shape of ``labels``.

    Raises:
        ValueError: If an id is none of ``source``, the one set cannot become the other, or, without
            ``has_ignored``, a class of ``source`` has no match.
    """
    count, found = len(get_class_set(source).classes), np.unique(labels)
    wrong = [int(i) for i in found if not 0 <= i < count and (i != IGNORED or not has_ignored)]
    if wrong or labels.dtype.kind not in 'iu':
        raise ValueError(
            f'`labels` must be ids of {source!r}, from 0 to {count - 1}'
            f'{" and 255" if has_ignored else ""}, but got {wrong[:5] or labels.dtype}'
        )
    table = conversion_table(source, target, instead)
    if table is None:
        return labels.astype(np.uint8)
    names = get_class_set(source).classes
    lost = [name for name, match in zip(names, table) if match == IGNORED]
    if lost and not has_ignored:
        raise ValueError(
            f'{lost} of {source!r} have no match in {target!r}: say what they count as (`instead`, '
            f"such as {{{lost[0]!r}: 'Face_Neck'}})"
        )
    converted: np.ndarray = table[labels]
    return converted


def plain_name(name: str) -> str:
    """A name without capitals, and with _ for blanks and -."""
    return name.strip().lower().replace('-', '_').replace(' ', '_')


def _other_side(name: str) -> str | None:
    """Name of the match, lower case; None for a class without a side."""
    side, _, rest = plain_name(name).partition('_')
    return f'{_SIDES[side]}_{rest}' if side in _SIDES and rest else None


def find_wrong_pairs(classes: Sequence[str], flip_pairs: Sequence[Sequence[int]]) -> list[str]:
    """What is wrong with pairs of ids that a flip exchanges, by 'left' and 'right' in the names."""
    found: list[str] = []
    matches: dict[int, int] = {}
    for pair in flip_pairs:
        ids = [int(index) for index in pair]
        if len(ids) != 2 or ids[0] == ids[1]:
            found.append(f'{list(pair)} is no pair of two ids')
        elif not all(0 <= index < len(classes) for index in ids):
            found.append(f'{ids} is no pair of ids below {len(classes)}')
        elif matches.keys() & set(ids):
            found.append(f'{ids} repeats an id of another pair')
        else:
            matches.update({ids[0]: ids[1], ids[1]: ids[0]})
    for index, name in enumerate(classes):
        wanted, match = _other_side(name), matches.get(index)
        got = 'none' if match is None else classes[match]
        if wanted is None:
            if match is not None and index < match and _other_side(got) is None:
                found.append(f'{name} and {got} have no side, but are a pair')
        elif plain_name(got) != wanted and (match is None or plain_name(name).startswith('left_')):
            found.append(f'{name} must be exchanged with {wanted}, not {got}')
    return found


def check_flip_pairs(where: str, metainfo: Mapping[str, Any]) -> None:
    """Refuse ``flip_pairs`` that contradict ``classes``; ``where`` names the dataset."""
    wrong = find_wrong_pairs(metainfo.get('classes', ()), metainfo.get('flip_pairs', ()))
    if wrong:
        raise ValueError(
            f'`flip_pairs` of {where} contradict its classes: '
            f'{"; ".join(wrong[:3])}. Correct them in its `metainfo`.'
        )
