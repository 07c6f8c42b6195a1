"""Results as plain dictionaries, lists and arrays."""

from __future__ import annotations

from typing import Any

from .results import ImageResult, People, PoseResult, ReadFailure


def prediction(item: ImageResult | ReadFailure) -> dict[str, Any]:
    """A result without classes of this package.

    Args:
        item (ImageResult | ReadFailure): Of an image.

    Returns:
        dict[str, Any]: ``name`` and ``source``; ``error``, if it could not be read; else for each
        pose task a list of :func:`instances`, and for each other task its map.
    """
    if isinstance(item, ReadFailure):
        return dict(name=item.name, source=item.source, error=item.reason)
    answer: dict[str, Any] = dict(name=item.frame.name, source=item.frame.source)
    for task, found in item.tasks.items():
        if isinstance(found, PoseResult):
            answer[task] = instances(found, item.people)
        else:
            answer[task] = found.values
    return answer


def instances(pose: PoseResult, people: People) -> list[dict[str, Any]]:
    """The people of an image as MMPose's inferencers give them.

    Args:
        pose (PoseResult): Their keypoints.
        people (People): Their boxes.

    Returns:
        list[dict[str, Any]]: For each ``keypoints`` [[x, y], ...], ``keypoint_scores``, ``bbox``
        [x1, y1, x2, y2], ``bbox_score``, and ``track_id`` where people are tracked.
    """
    found = []
    for index in range(len(people)):
        person = dict(
            keypoints=pose.keypoints[index].tolist(),
            keypoint_scores=pose.scores[index].tolist(),
            bbox=people.boxes[index].tolist(),
            bbox_score=float(people.scores[index]),
        )
        if people.track_ids is not None:
            person['track_id'] = int(people.track_ids[index])
        found.append(person)
    return found
