"""Validation of annotation files of keypoints."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from ...core.fault_report import Track, no_progress
from ...keypoints.keypoint_sets import GROUPS, KeypointSet, field_indices, get_keypoint_set
from .annotation_faults import Context, Person, check_annotation, read_person
from .checks import check_file
from .faults import EntryId, Fault, entry_id, place, show
from .image_faults import ImageFolder, check_image, image_size_wh

SECTIONS = ('images', 'annotations', 'categories')


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
        with open(path, encoding='utf-8') as file:
            document = json.load(file)
    except (ValueError, RecursionError) as error:
        return [Fault('not_json', path, f'it is not JSON: {error}')]
    return validate_document(document, vocabulary, folder=folder, track=track)


def validate_document(
    document: object,
    vocabulary: str,
    *,
    folder: ImageFolder | None = None,
    track: Track = no_progress,
) -> list[Fault]:
    """Find the faults of the content of an annotation file.

    Args:
        document (object): What the file holds.
        vocabulary (str): As in :func:`validate_file`, and so are the others.
        folder (ImageFolder, optional): Where the images are. If None, they are not looked at.
        track (Track): Shows progress. Defaults to none.

    Returns:
        list[Fault]: Empty if there are none.
    """
    field_indices(vocabulary)  # refuses unknown names
    points = get_keypoint_set(vocabulary)
    if not isinstance(document, dict):
        text = f'it must be an object with the lists {list(SECTIONS)}'
        return [Fault('not_json', 'file', f'{text}, but got {show(document)}')]
    faults = [
        Fault('missing_list', key, f'`{key}` must be a list with entries')
        for key in SECTIONS
        if not isinstance(document.get(key), list) or not document[key]
    ]
    missing = {fault.where for fault in faults}
    lists = {key: [] if key in missing else document[key] for key in SECTIONS}
    faults += _check_groups(document, points)
    faults += _check_categories(lists['categories'], points)
    faults += _check_images(lists['images'], folder, track)
    context = Context(
        vocabulary=points,
        sizes_wh=None if 'images' in missing else _sizes(lists['images']),
        categories=None if 'categories' in missing else frozenset(_ids(lists['categories'])),
    )
    faults += _check_annotations(lists['annotations'], context, track)
    return faults


def _ids(entries: list) -> Iterator[EntryId]:
    for entry in entries:
        value = entry_id(entry)
        if value is not None:
            yield value


def _sizes(images: list) -> dict[EntryId, tuple[float, float] | None]:
    """Size of each image; the first one of an id counts."""
    return {
        key: image_size_wh(image)
        for image in reversed(images)
        if (key := entry_id(image)) is not None
    }


def _check_entry(section: str, index: int, entry: object) -> Iterator[Fault]:
    if entry_id(entry) is None:
        yield Fault(
            'malformed_entry',
            place(section, index, entry),
            f'it must be an object with an `id`, an integer or text, but got {show(entry)}',
        )


def _check_duplicate(kind: str, where: str, value: EntryId | None, first: dict) -> Iterator[Fault]:
    """Complain about an id that ``first`` has, or add it there."""
    if value is None:
        return
    if value in first:
        yield Fault(kind, where, f'{first[value]} has the same `id`')
    else:
        first[value] = where


def _check_groups(document: dict, vocabulary: KeypointSet) -> Iterator[Fault]:
    """Compare the indices of groups that a file with 308 keypoints gives."""
    info = document.get('info')
    found = info.get('goliath_info') if isinstance(info, dict) else None
    if vocabulary.name != 'goliath308' or not isinstance(found, dict):
        return
    for group in GROUPS:
        key = f'{group}_keypoint_ids'
        ids = list(vocabulary.groups[group])
        if key in found and found[key] != ids:
            yield Fault(
                'wrong_groups',
                f'info.goliath_info.{key}',
                f'it must be {show(ids)}, but got {show(found[key])}',
            )


def _check_categories(categories: list, vocabulary: KeypointSet) -> Iterator[Fault]:
    names = list(vocabulary.keypoint_names)
    body = [names[index] for index in vocabulary.groups['body']]
    for index, category in enumerate(categories):
        yield from _check_entry('categories', index, category)
        found = category.get('keypoints') if isinstance(category, dict) else []
        if found and found not in (names, body):
            yield Fault(
                'wrong_names',
                place('categories', index, category),
                f'`keypoints` must be those of {vocabulary.name}, '
                f'{show(names)}, or of its body, but got {show(found)}',
            )


def _check_images(images: list, folder: ImageFolder | None, track: Track) -> Iterator[Fault]:
    first: dict[EntryId, str] = {}
    for index, image in enumerate(track(images, 'images')):
        where = place('images', index, image)
        yield from _check_entry('images', index, image)
        yield from _check_duplicate('duplicate_image_id', where, entry_id(image), first)
        if isinstance(image, dict):
            for kind, message in check_image(image, folder):
                yield Fault(kind, where, message)


def _check_annotations(annotations: list, context: Context, track: Track) -> Iterator[Fault]:
    first: dict[EntryId, str] = {}
    people: dict[tuple, str] = {}
    for index, annotation in enumerate(track(annotations, 'annotations')):
        where = place('annotations', index, annotation)
        yield from _check_entry('annotations', index, annotation)
        yield from _check_duplicate('duplicate_annotation_id', where, entry_id(annotation), first)
        if not isinstance(annotation, dict):
            continue
        person = read_person(annotation, context.vocabulary)
        # Numbers near the end of the range overflow.
        with np.errstate(over='ignore', invalid='ignore'):
            findings = list(check_annotation(annotation, person, context))
        yield from (Fault(kind, where, text) for kind, text in findings)
        key = _identity(annotation, person)
        if key in people:
            yield Fault('duplicate_person', where, f'{people[key]} has the same box and keypoints')
        elif key:
            people[key] = where


def _identity(annotation: dict, person: Person) -> tuple:
    """What makes a person the same as another, empty if that is unknown."""
    image_id = entry_id(annotation, 'image_id')
    if image_id is None or person.box is None or not person.given.all():
        return ()
    return image_id, person.box.tobytes(), person.points.tobytes()
