"""Keypoints of a whole run as results of COCO."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from ...core.atomic_files import atomic_open

ImageIds = Callable[[str, str], int | None]
"""Name and source of an image -> its id in a dataset, None for none."""
UNKNOWN = 1 << 31
"""Images without an id of their own are counted from here."""
PERSON = 1
"""Id of the category in COCO."""


def write_coco_results(
    folder: Path, task: str, names: Iterable[str], image_ids: ImageIds | None = None
) -> tuple[Path, Path]:
    """Join the files of a task; one at a time is in memory.

    ``coco/<task>_images.json`` is a COCO file with the images and without annotations,
    ``coco/<task>_results.json`` what ``loadRes`` of the COCO tools takes. Keypoints are (x, y,
    score); the score of a person is that of its box times the mean of its keypoints' scores.

    Args:
        folder (Path): Of the results.
        task (str): A pose task.
        names (Iterable[str]): Of the images, in their order.
        image_ids (Callable, optional): Name and source of an image -> its id in a dataset.
            Defaults to None, they are counted from 1.

    Returns:
        tuple[Path, Path]: The files of the images and of the results.
    """
    images_path = folder / 'coco' / f'{task}_images.json'
    results_path = folder / 'coco' / f'{task}_results.json'
    category: dict[str, Any] = dict(id=PERSON, name='person')
    with (
        atomic_open(images_path) as images_part,
        atomic_open(results_path) as results_part,
        open(images_part, 'w', encoding='utf-8') as images,
        open(results_part, 'w', encoding='utf-8') as results,
    ):
        image_list, result_list = _List(images), _List(results)
        images.write('{"images": ')
        for count, name in enumerate(names, start=1):
            path = folder / task / f'{name}.json'
            document = json.loads(path.read_text(encoding='utf-8'))
            meta = document['meta_info']
            number = count
            if image_ids is not None:
                known = image_ids(name, meta['image'])
                number = UNKNOWN + count if known is None else known
            image_list.add(
                dict(
                    id=number,
                    file_name=meta['image'],
                    name=name,
                    width=meta['width'],
                    height=meta['height'],
                )
            )
            category.update(
                keypoints=meta['keypoint_names'],
                skeleton=[[a + 1, b + 1] for a, b in meta['skeleton_links']],
            )
            for person in document['instance_info']:
                result_list.add(_result(person, number))
        image_list.close()
        result_list.close()
        images.write(f', "annotations": [], "categories": {json.dumps([category])}}}')
    return images_path, results_path


def _result(person: Mapping[str, Any], image_id: int) -> dict[str, Any]:
    """A person as COCO has it: box [x, y, width, height], flat keypoints."""
    x1, y1, x2, y2 = person['bbox']
    scores = person['keypoint_scores']
    keypoints = [
        value for (x, y), score in zip(person['keypoints'], scores) for value in (x, y, score)
    ]
    mean = sum(scores) / max(1, len(scores))
    result = dict(
        image_id=image_id,
        category_id=PERSON,
        keypoints=keypoints,
        score=round(person['bbox_score'] * mean, 6),
        bbox=[x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)],
    )
    if 'track_id' in person:
        result['track_id'] = person['track_id']
    return result


class _List:
    """A JSON list that is written item by item."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.is_empty = file, True

    def add(self, item: Mapping[str, Any]) -> None:
        self.file.write('[\n' if self.is_empty else ',\n')
        self.file.write(json.dumps(item, allow_nan=False))
        self.is_empty = False

    def close(self) -> None:
        self.file.write('[]' if self.is_empty else '\n]')
