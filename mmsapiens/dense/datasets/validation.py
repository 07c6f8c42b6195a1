"""Validation of datasets of images with dense maps.

The checks of one map yield findings: the kind of a fault and its message.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from ...classes.class_sets import IGNORED, ClassSet, find_wrong_pairs
from ...core.errors import BadSampleError
from ...core.fault_report import Fault, Track, no_progress
from ...io.map_io import read_map
from ...ops.normal_frames import convert_normals
from ...structures.fields import FIELDS, Field
from ...transforms import LoadCheckedImage
from .folder_datasets import DenseFolderDataset, Hi4DDataset, THuman2Dataset
from .paired_files import IMAGE_KEY, REFUSED_SUFFIXES, PairedFilesDataset
from .parsing_datasets import BodyParts28Dataset, CIHPDataset, LIPPartsDataset

Finding = tuple[str, str]
Sample = Mapping[str, str]
"""``img_path`` and ``<field>_path`` -> file."""

FIELDS_OF_TASK = {
    'parsing': ('seg_map',),
    'depth': ('depth_map', 'human_mask'),
    'normal': ('normal_map', 'human_mask'),
}
LAYOUTS_OF_TASK = {
    'parsing': ('body_parts_28', 'body_parts_34', 'lip', 'cihp', 'folders'),
    'depth': ('folders', 'thuman2', 'hi4d'),
    'normal': ('folders', 'thuman2', 'hi4d'),
}
"""Task -> layouts, the default first."""
_PARSING: dict[str, tuple[type, str]] = {
    'body_parts_28': (BodyParts28Dataset, 'goliath28'),
    'body_parts_34': (BodyParts28Dataset, 'goliath34'),
    'lip': (LIPPartsDataset, 'lip'),
    'cihp': (CIHPDataset, 'cihp'),
}
_FOLDERS: dict[str, type] = {
    'folders': DenseFolderDataset,
    'thuman2': THuman2Dataset,
    'hi4d': Hi4DDataset,
}

MAX_LENGTH_ERROR = 0.02
"""Of a unit normal: that of 8 bits a channel."""
MAX_AWAY_SHARE = 0.02
"""Seen surfaces face the camera, but for rounding at the outline."""
MAX_DEPTH_RATIO = 10.0
"""Farthest to median human pixel: beyond, background is in the mask."""
MAX_LABEL_OUTSIDE = 0.05
"""Share of the labelled pixels that a human mask may leave out."""

DENSE_FAULT_KINDS = {
    'missing_folder': 'a folder of the layout does not exist',
    'no_samples': 'there is no image with all its maps',
    'missing_image': 'a map has no image of its name',
    'missing_map': 'an image has no map of its name',
    'several_files': 'files of one name differ in the suffix only',
    'empty_file': 'a file has no bytes',
    'damaged_image': 'an image was cut short or cannot be decoded',
    'duplicate_image': 'two images are the same file, byte by byte',
    'jpeg_map': 'a map is stored as JPEG, which changes its values',
    'pickled_map': 'an npy or npz file holds pickled objects',
    'damaged_map': 'a map was cut short or cannot be decoded',
    'wrong_shape': 'a map has another number of channels or dimensions',
    'wrong_type': 'a map holds numbers of another type',
    'nan_values': 'a map has values that are NaN',
    'infinite_values': 'a map has values that are infinite; in a depth map, inside the mask',
    'size_differs': 'a map is not as wide and high as its image',
    'color_labels': 'a label file has colors instead of class ids',
    'unknown_label': 'a label is neither a class nor 255',
    'unlabelled_image': 'a label file has nothing but background and 255',
    'labels_outside_mask': 'more than 5 % of the labelled pixels are outside the human mask',
    'empty_mask': 'a human mask has no pixel',
    'full_mask': 'a human mask has every pixel (note)',
    'gray_mask': 'a human mask has other values than 0 and 1, or 0 and 255',
    'constant_depth': 'the depth is the same in the whole mask',
    'not_positive_depth': 'a human pixel has depth 0 or less',
    'background_in_depth': 'a human pixel is more than 10 times as far as the median one',
    'zero_normal': 'a human pixel has the normal 0',
    'shifted_normals': 'normals are stored from 0 to 1 or 0 to 255',
    'not_unit_normal': 'a normal in the mask is longer or shorter than 1 by more than 0.02',
    'normals_face_away': 'more than 2 % of the normals in the mask point away from the camera',
    'wrong_flip_pairs': '`flip_pairs` contradict the names of the classes',
    'absent_class': 'no label file has a pixel of the class (note)',
}
"""Kind of fault -> what it means."""

NOTES = frozenset({'full_mask', 'absent_class'})
"""Kinds that may be right."""


@dataclass(frozen=True)
class DenseFault(Fault):
    """Something wrong in a dataset of images with maps."""

    KINDS = DENSE_FAULT_KINDS


@dataclass(frozen=True)
class MapChecks:
    """What maps are checked against.

    Attributes:
        class_set (ClassSet, optional): Classes that label files hold. Defaults to None,
            labels are not checked.
        normal_frame (str): Axes of stored normals. Defaults to 'opengl'.
    """

    class_set: ClassSet | None = None
    normal_frame: str = 'opengl'


def make_dataset(
    task: str,
    root: str,
    layout: str | None = None,
    split: str | None = None,
    with_mask: bool = False,
) -> PairedFilesDataset:
    """A dataset whose files are not listed yet.

    Args:
        task (str): A key of :data:`LAYOUTS_OF_TASK`.
        root (str): Its ``data_root``.
        layout (str, optional): One of the task. Defaults to None, the first.
        split (str, optional): As in the dataset. Defaults to None, its own default.
        with_mask (bool): Whether folders of labels have masks as well. Defaults to False.

    Raises:
        KeyError: If task or layout is unknown.
    """
    if task not in LAYOUTS_OF_TASK:
        raise KeyError(f'`task` must be one of {list(LAYOUTS_OF_TASK)}, but got {task!r}')
    layout = layout or LAYOUTS_OF_TASK[task][0]
    if layout not in LAYOUTS_OF_TASK[task]:
        raise KeyError(
            f'`layout` for {task} must be one of {LAYOUTS_OF_TASK[task]}, but got {layout!r}'
        )
    settings: dict[str, Any] = dict(data_root=root, lazy_init=True)
    if split is not None:
        settings['split'] = split
    if layout == 'body_parts_34':
        settings['raw_34'] = True
    if layout in _PARSING:
        return _PARSING[layout][0](**settings)
    fields = FIELDS_OF_TASK[task]
    if with_mask and 'human_mask' not in fields:
        fields += ('human_mask',)
    return _FOLDERS[layout](fields=fields, **settings)


def stored_vocabulary(layout: str) -> str:
    """Class set of the label files of a layout, 'goliath28' by default."""
    return _PARSING[layout][1] if layout in _PARSING else 'goliath28'


@dataclass
class SampleReport:
    """Faults of a sample, the digest of its image ('' for an unreadable one), its class ids."""

    faults: list[DenseFault] = field(default_factory=list)
    digest: str = ''
    labels: set[int] = field(default_factory=set)


def validate_dataset(
    dataset: PairedFilesDataset,
    checks: MapChecks,
    *,
    max_samples: int | None = None,
    workers: int = 1,
    track: Track = no_progress,
) -> list[DenseFault]:
    """Find the faults of a dataset.

    Args:
        dataset (PairedFilesDataset): Built with ``lazy_init=True``.
        checks (MapChecks): What its maps are checked against.
        max_samples (int, optional): How many to open, spread over the dataset; pairs are always
            checked. Defaults to None, all.
        workers (int): Threads. Defaults to 1.
        track (Track): Shows progress. Defaults to none.

    Returns:
        list[DenseFault]: In the order of the samples; empty if there are none.
    """
    faults, samples = list_samples(dataset)
    if checks.class_set is not None:
        faults += check_pairs(checks.class_set)
    if max_samples is not None and len(samples) > max_samples:
        chosen = np.linspace(0, len(samples) - 1, max_samples).round()
        samples = [samples[int(index)] for index in chosen]
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        look = pool.map(partial(check_sample, checks=checks), samples)
        reports = [next(look) for _ in track(samples, 'samples')]
    for report in reports:
        faults += report.faults
    faults += _find_duplicates(samples, reports)
    if checks.class_set is not None and reports:
        faults += _find_absent(checks.class_set, reports)
    return faults


def list_samples(dataset: PairedFilesDataset) -> tuple[list[DenseFault], list[Sample]]:
    """The files of a dataset, and the faults of their names and folders."""
    try:
        groups = dataset.folder_groups()
    except (FileNotFoundError, ValueError) as error:
        is_absent = isinstance(error, FileNotFoundError)
        kind = 'missing_folder' if is_absent else 'several_files'
        return [DenseFault(kind, str(dataset.data_root), str(error))], []
    faults: list[DenseFault] = []
    samples: list[Sample] = []
    for folders in groups:
        missing = [f for f in folders.values() if not os.path.isdir(f)]
        expected = f'expected: {dataset.LAYOUT}'
        faults += [DenseFault('missing_folder', folder, expected) for folder in missing]
        if missing:
            continue
        listing = dataset.list_group(folders)
        faults += [DenseFault(*each) for each in listing.unpaired]
        samples += listing.samples
        if not listing.samples and not listing.unpaired:
            faults.append(DenseFault('no_samples', folders[IMAGE_KEY], expected))
    return faults, samples


def check_pairs(class_set: ClassSet) -> list[DenseFault]:
    """Find pairs of a flip that contradict the names of classes."""
    return [
        DenseFault('wrong_flip_pairs', class_set.name, message)
        for message in find_wrong_pairs(class_set.classes, class_set.flip_pairs)
    ]


def check_sample(sample: Sample, checks: MapChecks) -> SampleReport:
    """Open the files of a sample and look at them."""
    report = SampleReport()
    size_hw = _check_image(sample[IMAGE_KEY], report)
    maps: dict[str, np.ndarray] = {}
    for row in FIELDS.values():
        path = sample.get(row.path_key)
        if path is None:
            continue
        array, findings = read_checked(path, row)
        report.faults += [DenseFault(k, path, text) for k, text in findings]
        if array is None:
            continue
        if size_hw is not None and array.shape[:2] != size_hw:
            height, width = array.shape[:2]
            text = (
                f'it is {width} wide and {height} high, but its image {size_hw[1]} and {size_hw[0]}'
            )
            report.faults.append(DenseFault('size_differs', path, text))
        maps[row.name] = array
    for name in maps:
        path = sample[FIELDS[name].path_key]
        report.faults += [DenseFault(k, path, x) for k, x in _check_map(name, maps, path, checks)]
    if 'seg_map' in maps:
        report.labels = set(np.unique(maps['seg_map']).tolist())
    return report


def _check_image(path: str, report: SampleReport) -> tuple | None:
    """Height and width of an image, None if it cannot be used."""
    with open(path, 'rb') as file:
        content = file.read()
    if not content:
        report.faults.append(DenseFault('empty_file', path, 'it has no bytes'))
        return None
    report.digest = hashlib.sha1(content).hexdigest()
    try:
        return LoadCheckedImage().transform({IMAGE_KEY: path})['img_shape']
    except BadSampleError as error:
        report.faults.append(DenseFault('damaged_image', path, str(error)))
        return None


def _check_map(
    name: str, maps: Mapping[str, np.ndarray], path: str, checks: MapChecks
) -> Iterator[Finding]:
    array, mask = maps[name], maps.get('human_mask')
    if name == 'human_mask':
        yield from check_mask(array, path)
    elif name == 'seg_map' and checks.class_set is not None:
        yield from check_labels(array, mask, checks.class_set)
    elif name == 'depth_map':
        yield from check_depth(array, mask)
    elif name == 'normal_map':
        yield from check_normals(array, mask, checks.normal_frame)


def _find_duplicates(
    samples: Sequence[Sample], reports: Sequence[SampleReport]
) -> Iterator[DenseFault]:
    first: dict[str, str] = {}
    for sample, report in zip(samples, reports):
        path = sample[IMAGE_KEY]
        if report.digest and report.digest in first:
            yield DenseFault('duplicate_image', path, f'it is the same as {first[report.digest]}')
        first.setdefault(report.digest, path)


def _find_absent(class_set: ClassSet, reports: Sequence[SampleReport]) -> Iterator[DenseFault]:
    seen: set[int] = set().union(*(report.labels for report in reports))
    for index, name in enumerate(class_set.classes):
        if index not in seen:
            yield DenseFault(
                'absent_class', f'class {index}, {name}', f'in none of {len(reports)} label files'
            )


def read_checked(path: str, field: Field) -> tuple[np.ndarray | None, list[Finding]]:
    """Read a map, or None, and what is wrong with it."""
    if not os.path.getsize(path):
        return None, [('empty_file', 'it has no bytes')]
    try:
        return read_map(path, field.name), []
    except BadSampleError as error:
        return None, [(_kind_of_refusal(path, field), str(error))]


def _kind_of_refusal(path: str, field: Field) -> str:
    """Why a map is refused, from the file itself."""
    suffix = os.path.splitext(path)[1].lower()
    with open(path, 'rb') as file:
        start = file.read(6)
    if suffix in REFUSED_SUFFIXES or start.startswith(b'\xff\xd8'):
        return 'jpeg_map'
    array, is_pickled = _read_raw(path)
    if is_pickled or array is None:
        return 'pickled_map' if is_pickled else 'damaged_map'
    if array.ndim == 3 and field.is_labels and suffix == '.png':
        return 'color_labels'
    if array.ndim not in (2, 3) or not array.size or (*array.shape[2:], 1)[0] != field.channels:
        return 'wrong_shape'
    if array.dtype.kind == 'f' and not np.isfinite(array).all():
        return 'nan_values' if np.isnan(array).any() else 'infinite_values'
    if field.is_labels and array.dtype.kind in 'iu':
        return 'unknown_label'  # above 255, or negative
    return 'wrong_type'


def _read_raw(path: str) -> tuple[np.ndarray | None, bool]:
    """The numbers in a file of npy, npz or png as they are, or whether it is pickled."""
    try:
        if not path.lower().endswith(('.npy', '.npz')):
            with Image.open(path) as image:
                return np.asarray(image), False
        loaded = np.load(path, allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else loaded[loaded.files[0]]
    # Damaged headers raise errors of many types, and the caller has the message of the reader for
    # people.
    except Exception as error:
        return None, 'Object arrays' in str(error)
    return array, False


def check_labels(
    labels: np.ndarray, mask: np.ndarray | None, class_set: ClassSet
) -> Iterator[Finding]:
    """Find the faults of stored ids, uint8 (H, W), beside a mask of people, 0 or 1 (H, W)."""
    count = len(class_set.classes)
    used = np.unique(labels)
    unknown = used[(used >= count) & (used != IGNORED)]
    if unknown.size:
        yield (
            'unknown_label',
            f'labels must be below {count}, or 255, but there are {unknown[:6].tolist()}',
        )
    if not np.any((used > 0) & (used != IGNORED)):
        yield 'unlabelled_image', f'its labels are {used.tolist()}'
    people = (labels > 0) & (labels != IGNORED)
    if mask is not None and mask.shape == labels.shape and people.any():
        outside = float((people & (mask == 0)).sum() / people.sum())
        if outside > MAX_LABEL_OUTSIDE:
            text = f'{outside:.1%} of the labelled pixels are outside the mask'
            yield 'labels_outside_mask', text


def check_mask(mask: np.ndarray, path: str) -> Iterator[Finding]:
    """Find the faults of a human mask, 0 or 1 (H, W); its file is read again for its values."""
    if not mask.any():
        yield 'empty_mask', 'no pixel is above 0'
    elif mask.all():
        yield 'full_mask', 'every pixel is above 0'
    raw, _ = _read_raw(path)
    if raw is None:
        return
    values = np.unique(raw[..., 0] if raw.ndim == 3 else raw)
    if set(values.tolist()) - {0, 1} and set(values.tolist()) - {0, 255}:
        yield (
            'gray_mask',
            f'its values are {values[:4].tolist()} and more, {len(values)} in '
            'all; any above 0 is taken as human',
        )


def check_depth(depth: np.ndarray, mask: np.ndarray | None) -> Iterator[Finding]:
    """Find the faults of a depth map, larger is farther, inside a mask, both (H, W)."""
    human = _human_values(depth, mask)
    is_infinite = np.isinf(human)
    if is_infinite.any():
        yield ('infinite_values', f'{is_infinite.sum()} of {human.size} human pixels')
        human = human[~is_infinite]
    if not human.size:
        return
    low, high = float(human.min()), float(human.max())
    if low == high:
        yield 'constant_depth', f'it is {low:g} at all {human.size} pixels'
    if low <= 0:
        yield (
            'not_positive_depth',
            f'{(human <= 0).sum()} of {human.size} human pixels, the smallest '
            f'is {low:g}; is it disparity, or is the mask too large?',
        )
    middle = float(np.median(human))
    if high > MAX_DEPTH_RATIO * middle > 0:
        yield (
            'background_in_depth',
            f'the farthest human pixel is {high:g}, the median {middle:g}; is the mask too large?',
        )


def check_normals(normals: np.ndarray, mask: np.ndarray | None, frame: str) -> Iterator[Finding]:
    """Find the faults of normals as stored, (H, W, 3), inside a mask (H, W)."""
    human = _human_values(normals, mask)  # (N, 3)
    if not human.size:
        return
    length = np.linalg.norm(human, axis=1)
    zero = length == 0
    if zero.any():
        yield ('zero_normal', f'{zero.sum()} of {len(human)} human pixels have none')
    human, length = human[~zero], length[~zero]
    if not len(human):
        return
    wrong = np.abs(length - 1) > MAX_LENGTH_ERROR
    if wrong.mean() > 0.5 and human.min() >= 0:
        yield (
            'shifted_normals',
            f'no component is negative, the largest is {human.max():g}; store 2 n - 1',
        )
        return
    if wrong.any():
        worst = length[np.abs(length - 1).argmax()]
        yield (
            'not_unit_normal',
            f'{wrong.sum()} of {len(length)} in the mask, one has the length {worst:.4g}',
        )
    away = float((convert_normals(human, frame, 'opengl')[:, 2] < 0).mean())
    if away > MAX_AWAY_SHARE:
        yield (
            'normals_face_away',
            f'{away:.1%} of the human pixels, if the axes are {frame!r}; is '
            'that the frame of the files?',
        )


def _human_values(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """(N,) or (N, C); none without a mask of this size."""
    if mask is None or mask.shape != values.shape[:2]:
        return values[:0].reshape(0, *values.shape[2:])
    return values[mask > 0]
