"""Keypoints of a whole run as results of COCO."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import Any, TextIO

from ...core.atomic_files import atomic_open

FindEntry = Callable[[str, str], Mapping[str, Any] | None]
"""Name and source of an image -> what a dataset calls it: ``id``, ``category_id``, perhaps
``file_name``; None for none."""
UNKNOWN = 1 << 31
"""Images without an id of their own are counted from here."""
PERSON = 1
"""Id of the category in COCO."""
MIN_SCORE = 0.3
"""From this score on a keypoint is marked as visible (2), below as labelled (1)."""


def write_coco_results(
    folder: Path, task: str, names: Iterable[str], find_entry: FindEntry | None = None
) -> tuple[Path, Path]:
    """Join the files of a task, one at a time in memory: the files of images and of results.

    ``coco/<task>_images.json`` is a COCO file as annotation tools import it,
    ``coco/<task>_results.json`` what ``loadRes`` of the COCO tools takes, with keypoints (x, y,
    score); the score of a person is that of its box times the mean of its keypoints'.
    ``find_entry`` gives the entry of an image in a dataset; without, they are counted from 1.
    """
    images_path = folder / 'coco' / f'{task}_images.json'
    results_path = folder / 'coco' / f'{task}_results.json'
    category: dict[str, Any] = dict(id=PERSON, name='person')
    with (
        atomic_open(images_path) as images_part,
        atomic_open(results_path) as results_part,
        open(images_part, 'w', encoding='utf-8') as images,
        open(results_part, 'w', encoding='utf-8') as results,
        TemporaryFile('w+', encoding='utf-8') as people,
    ):
        image_list, people_list, result_list = _List(images), _List(people), _List(results)
        images.write('{"images": ')
        for count, name in enumerate(names, start=1):
            path = folder / task / f'{name}.json'
            document = json.loads(path.read_text(encoding='utf-8'))
            meta = document['meta_info']
            entry = dict(id=count, file_name=_file_name(name, meta))
            if find_entry is not None:
                entry.update(find_entry(name, meta['image']) or dict(id=UNKNOWN + count))
            category['id'] = entry.pop('category_id', category['id'])
            frame = {key: meta[key] for key in ('frame_index', 'time_s') if key in meta}
            size = dict(width=meta['width'], height=meta['height'])
            image_list.add(dict(entry, name=name, **size, **frame))
            category.update(
                keypoints=meta['keypoint_names'],
                skeleton=[[a + 1, b + 1] for a, b in meta['skeleton_links']],
            )
            ids = dict(image_id=entry['id'], category_id=category['id'])
            for person in document['instance_info']:
                result = dict(ids, **_result(person))
                result_list.add(result)
                people_list.add(dict(id=people_list.count + 1, **_annotation(result)))
        for each in (image_list, people_list, result_list):
            each.close()
        people.seek(0)
        images.write(', "annotations": ')
        shutil.copyfileobj(people, images)
        images.write(f', "categories": {json.dumps([category])}}}')
    return images_path, results_path


def _file_name(name: str, meta: Mapping[str, Any]) -> str:
    """Name of an image below the folder of the source; of a frame that of its results."""
    if 'frame_index' in meta:
        return f'{name}.jpg'
    file = PurePosixPath(str(meta['image']).replace('\\', '/').partition('?')[0]).name
    return str(PurePosixPath(name).parent / file) if PurePosixPath(file).suffix else name


def _result(person: Mapping[str, Any]) -> dict[str, Any]:
    """A person as COCO has it: box [x, y, width, height], flat keypoints."""
    x1, y1, x2, y2 = person['bbox']
    scores = person['keypoint_scores']
    points = zip(person['keypoints'], scores)
    mean = sum(scores) / max(1, len(scores))
    return dict(
        keypoints=[value for (x, y), score in points for value in (x, y, score)],
        score=round(person['bbox_score'] * mean, 6),
        bbox=[x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)],
        **{key: person[key] for key in ('track_id',) if key in person},
    )


def _annotation(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as an annotation to be corrected."""
    points = list(result['keypoints'])
    points[2::3] = [2 if score >= MIN_SCORE else 1 for score in points[2::3]]
    width, height = result['bbox'][2:]
    annotation = dict(result, keypoints=points, num_keypoints=len(points) // 3)
    annotation.update(area=round(width * height, 3), iscrowd=0, segmentation=[])
    if 'track_id' in result:
        annotation['attributes'] = dict(track_id=result['track_id'])
    return annotation


class _List:
    """A JSON list that is written item by item."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.count = file, 0

    def add(self, item: Mapping[str, Any]) -> None:
        self.file.write(',\n' if self.count else '[\n')
        self.file.write(json.dumps(item, allow_nan=False))
        self.count += 1

    def close(self) -> None:
        self.file.write('\n]' if self.count else '[]')
