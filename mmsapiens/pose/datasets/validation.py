"""Validation of annotation files of keypoints."""

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np

from ...core.fault_report import Track, no_progress
from ...io.images import upright_size
from ...keypoints.annotation_files import AnnotationFile, read_json
from ...keypoints.keypoint_sets import (
    GROUPS,
    KeypointSet,
    field_indices,
    get_keypoint_set,
    keypoint_fields,
)
from .coco_style_datasets import check_file
from .faults import Context, EntryId, Fault, Person, entry_id, place, show, to_float
from .side_faults import Finding

SECTIONS = ('images', 'annotations', 'categories')


@dataclass(frozen=True)
class ImageFolder:
    """The folder that ``file_name`` starts from; ``with_size`` reads and compares image sizes."""

    path: str
    with_size: bool = True


def validate_file(
    path: str, vocabulary: str, *, folder: ImageFolder | None = None, track: Track = no_progress
) -> list[Fault]:
    """Find the faults of an annotation file.

    Args:
        path (str): The file.
        vocabulary (str): 'coco', 'coco_wholebody' or 'goliath308', whose layout the file should
            have.
        folder (ImageFolder, optional): Where the images are. If None, they are not looked at.
        track (Track): Shows progress. Defaults to none.

    Returns:
        list[Fault]: Empty if there are none.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError: If the vocabulary is unknown.
    """
    field_indices(vocabulary)  # refuses unknown names
    check_file('annotations', path, 'Check the path.')
    try:
        document = read_json(path, 'the file')
    except ValueError as error:
        return [Fault('not_json', path, str(error))]
    ids, names = field_indices(vocabulary), get_keypoint_set(vocabulary).keypoint_names
    fields = {field: len(ids[field]) for field in keypoint_fields(vocabulary)}
    others: frozenset[EntryId] = frozenset()
    refused = []
    if isinstance(document, dict):
        try:
            others = AnnotationFile(path, fields=fields, names=names).other_categories
        except ValueError as error:
            refused = [Fault('refused', 'file', str(error))]
    found = validate_document(document, vocabulary, folder=folder, track=track, others=others)
    return found + refused


def validate_document(
    document: object,
    vocabulary: str,
    *,
    folder: ImageFolder | None = None,
    track: Track = no_progress,
    others: Container[EntryId | None] = (),
) -> list[Fault]:
    """Find the faults of a document but for categories ``others``; see :func:`validate_file`."""
    field_indices(vocabulary)  # refuses unknown names
    keypoint_set = get_keypoint_set(vocabulary)
    if not isinstance(document, dict):
        text = f'it must be an object with the lists {list(SECTIONS)}'
        return [Fault('not_json', 'file', f'{text}, but got {show(document)}')]
    lists = [document[k] if isinstance(document.get(k), list) else [] for k in SECTIONS]
    images, people, categories = lists
    faults = [
        Fault('missing_list', key, f'`{key}` must be a list with entries')
        for key, entries in zip(SECTIONS, lists)
        if not entries
    ]
    # The first image of an id counts.
    sizes = {entry_id(image): _size_wh(image) for image in reversed(images)}
    known = frozenset(map(entry_id, categories))
    context = Context(keypoint_set, sizes or None, known or None)
    faults += _check_groups(document, keypoint_set)
    for index, category in enumerate(categories):
        where = place('categories', index, category)
        faults += _check_entry(where, category)
        faults += _check_names(where, category, keypoint_set)
    first: dict[EntryId, str] = {}
    for index, image in enumerate(track(images, 'images')):
        where = place('images', index, image)
        faults += _check_entry(where, image, 'duplicate_image_id', first)
        if isinstance(image, dict):
            faults += (Fault(kind, where, text) for kind, text in _check_image(image, folder))
    first = {}
    seen: dict[tuple, str] = {}
    for index, annotation in enumerate(track(people, 'annotations')):
        where = place('annotations', index, annotation)
        faults += _check_entry(where, annotation, 'duplicate_annotation_id', first)
        if not isinstance(annotation, dict) or entry_id(annotation, 'category_id') in others:
            continue
        # Numbers near the end of the range overflow.
        with np.errstate(over='ignore', invalid='ignore'):
            person = Person(annotation, context)
            faults += [Fault(kind, where, text) for kind, text in person.faults()]
        key = person.identity
        if key in seen:
            text = f'{seen[key]} has the same box and keypoints'
            faults.append(Fault('duplicate_person', where, text))
        elif key:
            seen[key] = where
    return faults


def _check_entry(
    where: str, entry: object, kind: str = '', first: dict[EntryId, str] | None = None
) -> Iterator[Fault]:
    """Complain about an id that is missing, or that ``first`` has; else add it there."""
    value = entry_id(entry)
    if value is None:
        text = f'it must be an object with an `id`, an integer or text, but got {show(entry)}'
        yield Fault('malformed_entry', where, text)
    elif first is not None and first.setdefault(value, where) != where:
        yield Fault(kind, where, f'{first[value]} has the same `id`')


def _check_groups(document: dict, keypoint_set: KeypointSet) -> Iterator[Fault]:
    """Compare the indices of groups that a file with 308 keypoints gives."""
    info = document.get('info')
    found = info.get('goliath_info') if isinstance(info, dict) else None
    if keypoint_set.name != 'goliath308' or not isinstance(found, dict):
        return
    for group in GROUPS:
        key = f'{group}_keypoint_ids'
        ids = list(keypoint_set.groups[group])
        if key in found and found[key] != ids:
            text = f'it must be {show(ids)}, but got {show(found[key])}'
            yield Fault('wrong_groups', f'info.goliath_info.{key}', text)


def _check_names(where: str, category: object, keypoint_set: KeypointSet) -> Iterator[Fault]:
    names = list(keypoint_set.keypoint_names)
    body = [names[index] for index in keypoint_set.groups['body']]
    found = category.get('keypoints') if isinstance(category, dict) else []
    if found and found not in (names, body):
        wanted = f'those of {keypoint_set.name}, {show(names)}, or of its body'
        text = f'`keypoints` must be {wanted}, but got {show(found)}'
        yield Fault('wrong_names', where, text)


def _size_wh(image: object) -> tuple[float, float] | None:
    """Annotated width and height, None if they cannot be used."""
    if not isinstance(image, dict):
        return None
    width, height = to_float(image.get('width')), to_float(image.get('height'))
    is_usable = 0 < width < float('inf') and 0 < height < float('inf')
    return (width, height) if is_usable else None


def _check_image(image: dict, folder: ImageFolder | None) -> Iterator[Finding]:
    size_wh = _size_wh(image)
    name = image.get('file_name')
    path = os.path.join(folder.path, name) if folder and isinstance(name, str) and name else ''
    is_asked = None in (image.get('width'), image.get('height')) and os.path.isfile(path)
    if size_wh is None and not is_asked:
        got = f'{show(image.get("width"))} and {show(image.get("height"))}'
        text = f'`width` and `height` must be positive numbers, but got {got}'
        yield 'image_without_size', text
    if not isinstance(name, str) or not name:
        yield 'image_without_name', f'`file_name` must be the name of a file, but got {show(name)}'
        return
    if folder is None:
        return
    if not os.path.isfile(path):
        yield 'missing_image', f'{path!r} does not exist'
    elif folder.with_size:
        try:
            found = upright_size(path)
        except Exception as error:
            yield 'unreadable_image', f'{path!r} cannot be read: {error}'
            return
        if size_wh is not None and found != size_wh:
            given = f'`width` and `height` are {size_wh[0]:g} and {size_wh[1]:g}'
            yield 'wrong_image_size', f'{path!r} has width and height {found}, but {given}'
