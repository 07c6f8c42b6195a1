"""Evaluation on people that were not in training, beside the baselines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from numpy.typing import NDArray

from mmsapiens.dense.metrics import ExactIoUMetric
from mmsapiens.io.map_io import read_map

from .baselines import mean_map, mean_pose, most_frequent_class, place_pose, relative
from .data import read_views
from .networks import PREDICTIONS, Network, prediction

NUM_CLASSES = 28
TOLD_VIEW = 'mean pose of the same view'
"""A guess that is told what the image shows: face, upper or full body."""

Guess = Callable[[Any], Any]
"""Takes a data sample, gives a prediction of the same kind."""


def _names(lists: Path) -> list[str]:
    return (lists / 'train.txt').read_text('utf-8').split()


def _labels(data: Path, lists: Path) -> Iterator[NDArray]:
    for name in _names(lists):
        path = data / 'labels' / f'{name}.png'
        yield cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def _people(task: str, data: Path, lists: Path) -> Iterator[tuple[NDArray, NDArray]]:
    """Maps of the training images and their masks."""
    for name in _names(lists):
        path = data / 'masks' / f'{name}.png'
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) > 0
        if task == 'depth':
            depth = read_map(data / f'depths/{name}.npy', 'depth_map')
            yield relative(depth, mask)[..., None], mask
        else:
            path = data / f'normals/{name}.png'
            yield read_map(path, 'normal_map'), mask


def fit_baselines(task: str, data: Path, lists: Path) -> dict[str, Guess]:
    """Guesses that do not look at the image, from the training images.

    Args:
        task (str): The task.
        data (Path): Folder of the renders.
        lists (Path): Folder of the lists.

    Returns:
        dict[str, Guess]: Name -> guess; the first is the one to beat.
    """
    if task == 'pose':
        return _mean_poses(data, lists)
    if task == 'parsing':
        common = most_frequent_class(_labels(data, lists), NUM_CLASSES)
        return {'most frequent class at each pixel': _constant(common[None])}
    overall, placed = mean_map(_people(task, data, lists))
    everywhere = np.broadcast_to(overall, placed.shape)
    word = 'depth' if task == 'depth' else 'normal'
    return {
        f'mean {word}': _constant(everywhere.transpose(2, 0, 1)),
        f'mean {word} at each pixel': _constant(placed.transpose(2, 0, 1)),
    }


def _mean_poses(data: Path, lists: Path) -> dict[str, Guess]:
    document = json.loads((lists / 'train.json').read_text('utf-8'))
    people, images = document['annotations'], document['images']
    points = np.array([p['keypoints'] for p in people], dtype=float)
    points = points.reshape(len(people), -1, 3)
    boxes = np.array([p['bbox'] for p in people], dtype=float)
    frame = np.array([0, 0, images[0]['width'], images[0]['height']], float)
    views = read_views(data)
    view_of = {i['id']: views[Path(i['file_name']).stem] for i in images}
    kinds = np.array([view_of[person['image_id']] for person in people])
    in_box = mean_pose(points, boxes)
    in_image = mean_pose(points, np.tile(frame, (len(people), 1)))
    of_view = {
        str(kind): mean_pose(points[kinds == kind], boxes[kinds == kind])
        for kind in np.unique(kinds)
    }

    def told_view(sample: Any) -> Any:
        kind = views[Path(sample.metainfo['img_path']).stem]
        pose = of_view.get(kind, in_box)
        box = sample.gt_instances.bboxes[0]
        return _pose_guess(sample, place_pose(pose, box))

    return {
        'mean pose in the box': lambda sample: _pose_guess(
            sample, place_pose(in_box, sample.gt_instances.bboxes[0])
        ),
        'mean pose in the image': lambda sample: _pose_guess(sample, place_pose(in_image, frame)),
        TOLD_VIEW: told_view,
    }


def _pose_guess(sample: Any, points: NDArray) -> Any:
    found = deepcopy(sample.pred_instances)
    found.keypoints = points[None]
    found.keypoint_scores = np.ones_like(found.keypoint_scores)
    return found


def _constant(values: NDArray) -> Guess:
    kind = torch.int64 if values.dtype == np.uint8 else torch.float32
    data = torch.as_tensor(np.ascontiguousarray(values)).to(kind)
    return lambda sample: PixelData(data=data)


class ForegroundIoU:
    """IoU of person against background, from exact counts."""

    def __init__(self) -> None:
        self.areas = [torch.zeros(2, dtype=torch.int64) for _ in range(4)]

    def add(self, sample: Any) -> None:
        """Count a data sample."""
        pred, true = (
            (sample.get(name).data[0].cpu() > 0).long() for name in ('pred_sem_seg', 'gt_sem_seg')
        )
        parts = ExactIoUMetric.intersect_and_union(pred, true, 2, 255)
        self.areas = [old + new for old, new in zip(self.areas, parts)]

    def value(self) -> float:
        """IoU of the person, in [0, 1]."""
        figures = ExactIoUMetric.total_area_to_metrics(*self.areas, ['mIoU'], None, 1)
        return float(figures['IoU'][1])


class Score:
    """The figures of one way of predicting.

    Args:
        network (Network): Whose metrics to use.
    """

    def __init__(self, network: Network) -> None:
        cfg = network.cfg.val_evaluator
        self.evaluator = Evaluator(cfg if isinstance(cfg, list) else [cfg])
        self.evaluator.dataset_meta = network.metainfo
        self.foreground = ForegroundIoU() if network.task == 'parsing' else None
        self.points: list[tuple[NDArray, NDArray, NDArray]] = []
        self.count = 0

    def add(self, batch: Any, samples: list[Any]) -> None:
        """Take a batch."""
        self.evaluator.process(samples, batch)
        self.count += len(samples)
        for sample in samples:
            if self.foreground is not None:
                self.foreground.add(sample)
            if 'pred_instances' in sample:
                self.points.append(_errors(sample))

    def figures(self) -> dict[str, float]:
        """All figures."""
        found = self.evaluator.evaluate(self.count)
        figures = {k: float(v) for k, v in found.items()}
        if self.foreground is not None:
            figures['foreground_iou'] = self.foreground.value()
        for side, index in (('longer', 0), ('shorter', 1)):
            if not self.points:
                break
            errors = np.concatenate([p[index][p[2]] for p in self.points])
            for share in (0.05, 0.1):
                key = f'pck_{side}_{share:g}'
                figures[key] = float((errors < share).mean())
        return figures


def _errors(sample: Any) -> tuple[NDArray, NDArray, NDArray]:
    """Distances in shares of the longer and the shorter side, and which."""
    true = sample.gt_instances
    box = true.bboxes[0]
    sides = box[2:] - box[:2]
    miss = sample.pred_instances.keypoints[0] - true.keypoints[0]
    distance = np.linalg.norm(miss, axis=-1)
    seen = true.keypoints_visible[0] > 0
    return distance / sides.max(), distance / sides.min(), seen


def with_guess(task: str, sample: Any, guess: Guess) -> Any:
    """A data sample with another prediction."""
    changed = sample.clone() if hasattr(sample, 'clone') else deepcopy(sample)
    if task == 'pose':
        changed.pred_instances = guess(sample)
    else:
        changed.set_data({PREDICTIONS[task]: guess(sample)})
    return changed


def evaluate(
    network: Network, data: Path, lists: Path, shown: set[str]
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, NDArray]]]:
    """Figures of a network and of the baselines of its task.

    Args:
        network (Network): The network.
        data (Path): Folder of the renders.
        lists (Path): Folder of the lists.
        shown (set[str]): Names of images whose predictions to keep.

    Returns:
        tuple: Way of predicting -> its figures, 'network' being ours; and name of an image -> way
        -> prediction.
    """
    guesses = fit_baselines(network.task, data, lists)
    scores = {way: Score(network) for way in ('network', *guesses)}
    kept: dict[str, dict[str, NDArray]] = {}
    for batch, samples in network.batches():
        ways = {'network': samples}
        for way, guess in guesses.items():
            ways[way] = [with_guess(network.task, s, guess) for s in samples]
        for way, answers in ways.items():
            scores[way].add(batch, answers)
            for sample in answers:
                name = Path(sample.metainfo['img_path']).stem
                if name in shown:
                    kept.setdefault(name, {})[way] = prediction(network.task, sample)
    return {way: score.figures() for way, score in scores.items()}, kept
