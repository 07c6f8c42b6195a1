"""Keypoints as JSON, in the layout of the stock inferencers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...core.atomic_files import atomic_write
from ...structures.results import ImageResult, PoseResult
from .base import Writer


class KeypointWriter(Writer):
    """One file with all people of an image.

    ``meta_info`` says what the image and the keypoints are; ``instance_info`` has for each person
    ``keypoints`` [[x, y], ...] in pixels, ``keypoint_scores``, ``bbox`` [x1, y1, x2, y2] in pixels,
    ``bbox_score``, and ``track_id`` in videos.

    Args:
        task (str): Such as 'pose-308'.
    """

    def __init__(self, task: str) -> None:
        super().__init__(task, '.json')
        self.task = task

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the keypoints of a result."""
        document = keypoint_document(result, self.task)
        text = json.dumps(document, ensure_ascii=True, allow_nan=False)
        atomic_write(text.encode(), path, is_durable=False)


def keypoint_document(result: ImageResult, task: str) -> dict[str, Any]:
    """What a file of keypoints holds.

    Args:
        result (ImageResult): With that task.
        task (str): A pose task.

    Returns:
        dict[str, Any]: Of JSON types.

    Raises:
        TypeError: If the task has no keypoints.
    """
    from ...keypoints.keypoint_sets import get_keypoint_set

    pose, frame, people = result.tasks[task], result.frame, result.people
    if not isinstance(pose, PoseResult):
        raise TypeError(f'{task!r} must have keypoints, but got {type(pose)}')
    vocabulary = get_keypoint_set(pose.vocabulary)
    height, width = frame.size_hw
    meta: dict[str, Any] = dict(
        image=frame.source,
        name=frame.name,
        width=width,
        height=height,
        dataset_name=vocabulary.name,
        num_keypoints=len(vocabulary),
        keypoint_names=list(vocabulary.keypoint_names),
        skeleton_links=[list(link) for link in vocabulary.links],
        bbox_origin=people.origin,
    )
    if frame.video is not None:
        meta.update(frame_index=frame.index, time_s=frame.time_s)
    instances = []
    for index, box in enumerate(people.boxes):
        person: dict[str, Any] = dict(
            keypoints=_rounded(pose.keypoints[index], 3),
            keypoint_scores=_rounded(pose.scores[index], 5),
            bbox=_rounded(box, 3),
            bbox_score=round(float(people.scores[index]), 5),
        )
        if people.track_ids is not None:
            person['track_id'] = int(people.track_ids[index])
        instances.append(person)
    return dict(meta_info=meta, instance_info=instances)


def _rounded(values: Any, digits: int) -> list:
    """Numbers as a list, to a thousandth of a pixel or finer."""
    return values.astype('float64').round(digits).tolist()
