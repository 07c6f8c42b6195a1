"""Annotation files of the COCO family as tools write them: the one reader for all who need people.

What is plainly meant is read, what is left out is counted and named, and what contradicts itself is
an error with file, entry, key and value. A file as COCO's own comes out as it went in.
"""

import json
import math
import os
import re
import reprlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.formatting import shorten

PERSON = 1
AREA_OF_BOX = 0.53
"""Area of a person that has none, as a share of its box; that of stock readers."""
UNKNOWN_IMAGE = 'their `image_id` is that of no image'
_PEOPLE = re.compile(r'(person|people|human|pedestrian)s?', re.IGNORECASE)
_PLAIN = ({int}, {float}, {int, float})
Entry = dict[str, Any]


def read_json(path: str | os.PathLike[str], what: str) -> Any:
    """The content of a JSON file, with or without a byte order mark; ``what`` names the file."""
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except FileNotFoundError:
        raise FileNotFoundError(f'{what} does not exist: {path}. Check the path.') from None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        start = f'{path} starts with {content[:40]!r}'
        raise ValueError(f'{what} is not JSON: {start} ({error})') from None


def plain_id(value: Any) -> int | str | None:
    """An id as it is meant: 7 for 7, 7.0 and '7', other text as it is; None for what is no id."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if re.fullmatch(r'-?[0-9]{1,18}', text) else text or None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def plain_number(value: Any) -> float:
    """A number, also of text; NaN for null, a ValueError for what is no number."""
    if isinstance(value, (int, float)):
        return math.inf if abs(value) > 1e300 else value  # an integer may have 400 digits
    if isinstance(value, str):
        number = float(value)
        return int(number) if number.is_integer() else number
    if value is None:
        return math.nan
    raise ValueError(f'not a number: {value!r}')


def plain_numbers(value: Any) -> list[float] | None:
    """Numbers as a flat list, also of text and of nested lists; None for what is none."""
    if not isinstance(value, (list, tuple)):
        return None
    found: list[float] = []
    try:
        is_plain = isinstance(value, list) and set(map(type, value)) in _PLAIN
        if is_plain and min(value) > -1e300 and max(value) < 1e300:  # neither is NaN
            return value  # type: ignore[return-value]
        for each in value:
            found += map(plain_number, each if isinstance(each, (list, tuple)) else [each])
    except ValueError:
        return None
    return found


def name_key(name: Any) -> tuple[str, ...]:
    """What 'left_eye', 'Left Eye', 'L-eye', 'eye.L' and 'leftEye' have in common."""
    words = re.findall(r'[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+', str(name))
    text = ' '.join(words).lower()
    text = re.sub(r'\b(left|right)(?=[a-z])', r'\1 ', text)
    return tuple(sorted(dict(l='left', r='right').get(word, word) for word in text.split()))


def _points(category: Mapping[str, Any]) -> list[Any]:
    """Names of the keypoints of a category, if it has them."""
    found = category.get('keypoints')
    return found if isinstance(found, list) else []


def _numbered(ids: Iterable[Hashable]) -> dict[Any, int]:
    """Ids -> integers; text is counted on from the highest of the others."""
    known = list(dict.fromkeys(each for each in ids if each is not None))
    start = 1 + max((each for each in known if isinstance(each, int)), default=0)
    texts = [each for each in known if isinstance(each, str)]
    numbers: dict[Any, int] = {each: each for each in known if isinstance(each, int)}
    return numbers | {text: number for number, text in enumerate(texts, start)}


class AnnotationFile:
    """The people of a COCO file with ``images`` and ``annotations``, or of its content
    ``document``.

    ``fields`` are the lists of an annotation that hold its keypoints, and how many; None does not
    look at them. ``names`` are those of the keypoints in their order, if known. ``category`` is the
    id or name of that of people: by default the one that is called 'person', has such keypoints, or
    is the only one. Without ``with_people`` the rest is read. ``what`` is the file in messages.

    Attributes:
        images (dict[int, dict]): Images by id; ids that are text are numbered.
        file_ids (dict[int, int | str]): Id of an image -> what the file calls it.
        people (list[dict]): Entries as COCO has them, with ``bbox`` [x, y, width, height].
        categories (list[dict]): Those of the people; ``category_id`` is the file's for the first.
        other_categories (frozenset): Ids of those that take no part.
        left_out, notes (dict[str, list]): Reason -> entries not used, or read otherwise.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        document: Any = None,
        *,
        fields: Mapping[str, int] | None = None,
        names: Sequence[str] = (),
        category: int | str | None = None,
        with_people: bool = True,
        what: str = 'the annotation file',
    ) -> None:
        self.path, self.fields, self.names = path, fields, names
        self.left_out: dict[str, list[Any]] = defaultdict(list)
        self.notes: dict[str, list[Any]] = defaultdict(list)
        document = read_json(path, what) if document is None else document
        if isinstance(document, dict) and not with_people:
            document['annotations'] = []
        keys = ['images', 'annotations']
        lists: Any = [document.get(k) if isinstance(document, dict) else None for k in keys]
        if not all(isinstance(each, list) for each in lists):
            got: Any = type(document).__name__
            if isinstance(document, dict):
                got = [f'{key}: {type(value).__name__}' for key, value in document.items()]
            text = f'{what} must be a COCO file with the keys {keys}'
            raise ValueError(f'{text}, but {path} has {got}')
        images, entries = lists
        self.total = len(entries)
        self.images = self._read_images(images)
        info = document.get('info')
        self._contributor = info.get('contributor') if isinstance(info, dict) else None
        self.listed = document.get('categories') or []
        self._read_categories(self.listed, [e for e in entries if isinstance(e, dict)], category)
        self._largest = 0.0  # coordinate of a keypoint
        read = (self._read_person(index, entry) for index, entry in enumerate(entries))
        self.people = self._with_ids([person for person in read if person is not None])
        self._check_pixels()

    def refuse(self, where: str, text: str) -> NoReturn:
        """Raise the error of an entry."""
        raise ValueError(f'{self.path}: {where} {text}')

    def messages(self) -> list[str]:
        """A line for each reason for which entries are left out or read otherwise."""
        start = f'of {self.total} annotations are left out'
        lines = [f'{len(ids)} {start}, {why}: {shorten(ids)}' for why, ids in self.left_out.items()]
        notes = self.notes.items()
        lines += [f'{text} in {len(ids)} entries: {shorten(ids)}' for text, ids in notes]
        return [f'{self.path}: {line}' for line in lines]

    def document(self) -> dict[str, Any]:
        """The content for the tools of COCO."""
        images = list(self.images.values())
        return dict(images=images, annotations=self.people, categories=self.categories)

    def image_number(self, value: Any) -> int | None:
        """The id of an image in ``images`` for what an entry calls it, None for no image."""
        known = value if isinstance(value, str) and value in self._numbers else plain_id(value)
        return self._numbers.get(known, self._names.get(known))

    def _read_images(self, entries: list[Any]) -> dict[int, Entry]:
        for index, image in enumerate(entries):
            entry = image if isinstance(image, dict) else {}
            name = entry.get('file_name')
            if plain_id(entry.get('id')) is None or not isinstance(name, str) or not name:
                got = reprlib.repr(image)
                self.refuse(f'image {index}', f'must have `id` and `file_name`, but got {got}')
        ids = [image['id'] for image in entries]
        texts = {each for each in ids if isinstance(each, str)}
        is_plain = len({plain_id(each) for each in texts}) == len(texts)  # not '1' beside '01'
        keys = [plain_id(each) if is_plain else each for each in ids]
        self._numbers = _numbered(keys)
        self.file_ids: dict[int, int | str] = {}
        self._names = {image['file_name']: self._numbers[k] for image, k in zip(entries, keys)}
        found: dict[int, Entry] = {}
        for image, key in zip(entries, keys):
            number = self._numbers[key]
            self.file_ids.setdefault(number, image['id'])
            where = f'image {image["id"]}'
            image.update(id=number, file_name=image['file_name'].replace('\\', '/'))
            other = found.setdefault(number, image)['file_name']
            if other != image['file_name']:
                text = f'must be one image, but this `id` is that of {other} and'
                self.refuse(where, f'{text} {image["file_name"]}')
            for side in ('width', 'height'):
                value = image.pop(side, None)
                if value is None:
                    continue
                size = plain_numbers([value])
                if size is None or not 0 < size[0] < math.inf:
                    self.refuse(where, f'must give `{side}` in pixels, but got {value!r}')
                image[side] = int(size[0])
        return found

    def _read_categories(
        self, listed: Any, entries: list[Entry], category: int | str | None
    ) -> None:
        """Find the categories of people, and how their keypoints are ordered."""
        if not isinstance(listed, list):
            self.refuse('`categories`', f'must be a list, but got {reprlib.repr(listed)}')
        known: dict[int | str, Entry] = {}
        for index, each in enumerate(listed):
            key = plain_id(each.get('id')) if isinstance(each, dict) else None
            if key is None:
                self.refuse(f'category {index}', f'must have an `id`, but got {reprlib.repr(each)}')
            other = known.setdefault(key, each)
            if other.get('name') != each.get('name'):
                names = f'{other.get("name")!r} and {each.get("name")!r}'
                self.refuse(f'category {key}', f'must be one, but this `id` is that of {names}')
        ids = (plain_id(each.get('category_id')) for each in entries)
        used = dict.fromkeys(each for each in ids if each is not None)
        own = self._choose_categories(known, entries, list(used), category)
        numbers = _numbered([*known, *used, *own])
        self.category_id = own[0] if own else PERSON
        self._own = {key: (numbers[key], self._order(known.get(key, {}))) for key in own}
        listed = {key: each.get('name', key) for key, each in known.items()} or dict.fromkeys(used)
        self._others = {key: name for key, name in listed.items() if key not in own}
        self.other_categories = frozenset(self._others)
        self._strays = own[0] if len(own) == 1 else None
        default = dict(name='person')
        self.categories = [dict(known.get(key, default), id=numbers[key]) for key in own]

    def _choose_categories(
        self,
        known: Mapping[int | str, Entry],
        entries: list[Entry],
        used: list[int | str],
        category: int | str | None,
    ) -> list[int | str]:
        """The ids of the categories of people, as in the file."""
        titles = {key: str(each.get('name', '')) for key, each in known.items()}
        if category is not None:
            chosen = [k for k in dict.fromkeys([*known, *used]) if category in (k, titles.get(k))]
            if not chosen:
                self.refuse('`category`', f'must be one of {titles or used}, but got {category!r}')
            return chosen
        above = {key: str(each.get('supercategory', '')) for key, each in known.items()}
        names = [[k for k, t in x.items() if _PEOPLE.fullmatch(t.strip())] for x in (titles, above)]
        named = names[0] or names[1]
        if self.fields is not None:
            whole = sum(self.fields.values())
            lengths = {key: len(_points(each)) for key, each in known.items()}
            counts = {whole, self.fields.get('keypoints', whole)}
            fitting = [key for key, count in lengths.items() if count in counts]
            own = dict.fromkeys([*(k for k in named if not lengths[k]), *fitting])
            labelled: dict[Any, None] = {}
            if not (own or named):
                for each in entries:
                    lists = (plain_numbers(each.get(field)) or () for field in self.fields)
                    if sum(map(len, lists)) == 3 * whole:
                        labelled[plain_id(each.get('category_id'))] = None
                labelled.pop(None, None)
            return list(own or named or labelled or known or used or [PERSON])
        if known and set(used) <= set(known):
            fitting = [key for key, each in known.items() if _points(each)]
            chosen = named or fitting or list(known)
            if named or len(chosen) == 1:
                return chosen
            titles_text = {key: titles[key] for key in chosen}
        else:
            # Detectors count from 0, or as COCO does from 1.
            for first in (0, PERSON):
                if first in used:
                    return [first]
            if len(used) < 2:
                return used or [PERSON]
            titles_text = dict.fromkeys(used, '')
        text = f'must be called person, or be the only one, but there are {titles_text}'
        remedy = 'Name it: `--category` of `mmsapiens infer`, or PeopleFile(..., category=...)'
        self.refuse('the category of people', f'{text}. {remedy}')

    def _order(self, category: Entry) -> dict[str, list[int]]:
        """Field -> for each keypoint where its category has it; empty if all are in order."""
        found = _points(category)
        if not self.names or not found or not self.fields:
            return {}
        whole = sum(self.fields.values())
        field = 'keypoints' if self.fields.get('keypoints') == len(found) else ''
        if len(found) == whole and len(self.fields) == 1:
            (field,) = self.fields
        if not field and len(found) != whole:
            return {}
        wanted, keys = ([name_key(x) for x in names] for names in (self.names[: len(found)], found))
        title = category.get('name')
        if keys == wanted:
            return {}
        is_same = sorted(keys) == sorted(wanted) and len(set(keys)) == len(keys)
        where = f'category {title!r}'
        if is_same and self._contributor == 'Label Studio':
            text = 'has names in the order of the labeling config, but Label Studio writes points'
            remedy = 'Sort the labels of the config by it, and export again'
            self.refuse(where, f'{text} in the order of `model_index`. {remedy}')
        if field and is_same:
            self.notes['`keypoints` are put in order by the names of the category'].append(title)
            return {field: [keys.index(key) for key in wanted]}
        if any(key in wanted and wanted.index(key) != i for i, key in enumerate(keys)):
            text = f'must have the `keypoints` {shorten(self.names)}, but has {shorten(found)}'
            self.refuse(where, f'{text}. Use the dataset or `metainfo` of this file')
        self.notes['names of `keypoints` are unknown and their order is trusted'].append(title)
        return {}

    def _read_person(self, index: int, entry: Any) -> Entry | None:
        """An entry as COCO has it, None if it is left out."""
        if not isinstance(entry, dict):
            self.left_out['they are no objects'].append(f'entry {index}')
            return None
        label = entry.get('id', f'entry {index}')
        where = f'annotation {label}' if 'id' in entry else label
        category = plain_id(entry.get('category_id'))
        if category not in self._own:
            if category in self._others or self._strays is None:
                names = shorten(sorted(map(str, self._others.values()))) or 'unknown'
                self.left_out[f'they are of other categories ({names})'].append(label)
                return None
            if entry.get('category_id') is not None:
                note = f'`category_id` is read as {self._strays!r}, the only one,'
                self.notes[note].append(label)
            category = self._strays
        number = self.image_number(entry.get('image_id'))
        if number is None:
            self.left_out[UNKNOWN_IMAGE].append(label)
            return None
        box = self._read_box(where, entry)
        if box is None:
            self.left_out['they have no `bbox`'].append(label)
            return None
        if not all(map(math.isfinite, box)) or (not self.fields and min(box[2:]) <= 0):
            self.left_out['their `bbox` has no area'].append(label)
            return None
        entry['category_id'], order = self._own[category]
        entry.update(image_id=number, bbox=box)
        crowd = entry.setdefault('iscrowd', 0)
        is_crowd = plain_numbers([crowd])
        if is_crowd is None:
            self.refuse(where, f'must have `iscrowd` 0 or 1, but got {crowd!r}')
        if type(crowd) is not int:
            entry['iscrowd'] = int(is_crowd[0] > 0)
        if self.fields is not None:
            self._read_keypoints(where, label, entry, order)
            self._read_area(label, entry)
        return entry

    def _read_box(self, where: str, entry: Entry) -> list[float] | None:
        given = entry.get('bbox')
        if given is None or given == []:
            return None
        box = plain_numbers(given)
        if box is not None and self.fields is None and len(box) == 5:
            box = box[:4]  # a score follows
        if box is None or len(box) != 4:
            text = f'must have a `bbox` [x, y, width, height], but got {reprlib.repr(given)}'
            self.refuse(where, text)
        return None if all(map(math.isnan, box)) else box

    def _read_keypoints(
        self, where: str, label: Any, entry: Entry, order: Mapping[str, list[int]]
    ) -> None:
        """Keypoints of all fields, and ``num_keypoints``."""
        fields: Mapping[str, int] = self.fields or {}
        whole = sum(fields.values())
        given = {field: entry.get(field) for field in fields}
        if not any(given.values()) and not entry.get('keypoints'):
            if not entry.get('iscrowd'):
                self.left_out['they have no keypoints'].append(label)
            entry.update({field: [0] * 3 * count for field, count in fields.items()})
            entry['num_keypoints'] = 0
            return
        if missing := [f'`{field}`' for field in fields if field not in entry]:
            remedy = 'Use an annotation file of this vocabulary, or the dataset of this file.'
            self.refuse(where, f'must have {shorten(missing)}. {remedy}')
        found = {}
        for field, value in given.items():
            numbers = [0] * 3 * fields[field] if value is None else plain_numbers(value)
            if numbers is None:
                got = reprlib.repr(value)
                self.refuse(where, f'must have numbers x, y, v in `{field}`, but got {got}')
            if len(numbers) == 2 * fields[field] and len(numbers) % 3:
                self.notes['`keypoints` are pairs x, y, not labelled at (0, 0),'].append(label)
                pairs = np.array(numbers, dtype=np.float64).reshape(-1, 2)
                seen = 2 * pairs.any(axis=1, keepdims=True)
                numbers = np.hstack([pairs, seen]).ravel().tolist()
            found[field] = numbers
        count = sum(map(len, found.values()))
        if any(len(numbers) != 3 * fields[field] for field, numbers in found.items()):
            text = f'must have {whole} keypoints (x, y, v), {3 * whole} numbers, but got {count} '
            text += f'numbers, {count / 3:g} keypoints. Give the dataset the `metainfo` of these '
            self.refuse(where, f'{text}annotations, and `out_channels` of the head their number.')
        labelled = 0
        for field, numbers in found.items():
            points = np.array(numbers, dtype=np.float64).reshape(-1, 3)
            unknown = ~np.isfinite(points).all(axis=1) | (points[:, 2] < 0)
            if unknown.any():
                points[unknown] = 0
                text = 'keypoints of a visibility below 0 or without a number are not labelled'
                self.notes[text].append(label)
            if field in order:
                points = points[order[field]]
            if unknown.any() or field in order:
                numbers = points.ravel().tolist()
            entry[field] = numbers
            seen = points[points[:, 2] > 0, :2]
            if self._contributor == 'Supervisely' and 0 < len(seen) < len(points):
                # Its box is also around points that are not labelled, which are at (0, 0).
                self.notes['`bbox` of Supervisely is put around the labelled points'].append(label)
                entry['bbox'] = [*seen.min(axis=0).tolist(), *np.ptp(seen, axis=0).tolist()]
            labelled += len(seen)
            self._largest = max(self._largest, float(points[:, :2].max()))
        self._read_count(where, label, entry, labelled)

    def _read_count(self, where: str, label: Any, entry: Entry, labelled: int) -> None:
        given = entry.get('num_keypoints')
        count = plain_numbers([given])
        if count is None or count[0] < 0:
            self.refuse(where, f'must have a number in `num_keypoints`, but got {given!r}')
        if given is None:
            entry['num_keypoints'] = labelled
        elif (count[0] > 0) != (labelled > 0):
            entry['num_keypoints'] = 0
            if not entry.get('iscrowd'):
                what = '0, but some are' if labelled else 'above 0, but none is'
                self.left_out[f'their `num_keypoints` is {what} labelled'].append(label)
        elif type(given) is not int or count[0] > labelled:
            entry['num_keypoints'] = min(int(count[0]), labelled)

    def _read_area(self, label: Any, entry: Entry) -> None:
        """Take a share of the box where the area is missing, as stock's reader does."""
        area = plain_numbers([entry.get('area')])
        if area is not None and 0 < area[0] < math.inf:
            entry['area'] = area[0]
            return
        x, y, width, height = entry['bbox']
        image = self.images[entry['image_id']]
        right, bottom = image.get('width', math.inf) - 1, image.get('height', math.inf) - 1
        width = min(max(x + width, 0), right) - min(max(x, 0), right)
        height = min(max(y + height, 0), bottom) - min(max(y, 0), bottom)
        entry['area'] = max(1.0, AREA_OF_BOX * width * height)
        if entry['num_keypoints'] and not entry.get('iscrowd'):
            text = f'`area` is missing or not above 0, and read as {AREA_OF_BOX} of the box'
            self.notes[text].append(label)

    def _with_ids(self, people: list[Entry]) -> list[Entry]:
        """The people with one id above 0 each, as the tools of COCO need it."""
        first: dict[int, Entry] = {}
        kept, others = [], []
        for person in people:
            number = plain_id(person.get('id'))
            if isinstance(number, int) and number > 0:
                person['id'] = number
                if first.setdefault(number, person) is not person:
                    if first[number] == person:
                        self.left_out['they repeat an entry'].append(number)
                        continue
                    self.notes['`id` is that of another entry, and replaced,'].append(number)
                    others.append(person)
            else:
                others.append(person)
            kept.append(person)
        for number, person in enumerate(others, start=1 + max(first, default=0)):
            person['id'] = number
        return kept

    def _check_pixels(self) -> None:
        """Refuse boxes and keypoints in shares of the image."""
        boxes = np.array([person['bbox'] for person in self.people], dtype=np.float64)
        boxes = boxes.reshape(-1, 4)
        with np.errstate(over='ignore'):
            ends = boxes[:, :2] + boxes[:, 2:]
        if len(boxes) and ends.max() <= 1 and (boxes >= 0).all() and boxes.any():
            text = f'must be in pixels, but is {boxes[0].tolist()}, and all are between 0 and 1'
            self.refuse(f'annotation {self.people[0]["id"]}', f'has a `bbox` that {text}')
        if 0 < self._largest <= 1 < ends.max():
            self.refuse('`keypoints`', 'must be in pixels, but all are between 0 and 1')
