"""Validation of datasets of images with dense maps; checks of one map yield kinds and messages."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...classes.class_sets import IGNORED, ClassSet, find_wrong_pairs
from ...core.errors import BadSampleError
from ...core.fault_report import Fault, Track, no_progress
from ...io.map_io import read_map
from ...io.painted import mask_of
from ...ops.known_pixels import FAR, are_shifted, has_depth, has_normal, keep_known
from ...ops.normal_frames import convert_normals
from ...structures.fields import FIELDS
from ...transforms import LoadCheckedImage
from .folder_datasets import DenseFolderDataset, Hi4DDataset, THuman2Dataset
from .paired_files import IMAGE_KEY, PairedFilesDataset
from .parsing_datasets import ATRDataset, BodyParts28Dataset, CIHPDataset, LIPPartsDataset

Finding = tuple[str, str]
Sample = Mapping[str, Any]  # ``img_path`` and ``<field>_path`` -> file

FIELDS_OF_TASK = {
    'parsing': ('seg_map',),
    'depth': ('depth_map', 'human_mask'),
    'normal': ('normal_map', 'human_mask'),
}
LAYOUTS_OF_TASK = {  # Task -> layouts, the default first
    'parsing': ('body_parts_28', 'body_parts_34', 'lip', 'atr', 'cihp', 'folders'),
    'depth': ('folders', 'thuman2', 'hi4d'),
    'normal': ('folders', 'thuman2', 'hi4d'),
}
_LAYOUTS: dict[str, tuple[type, dict[str, Any]]] = {
    'body_parts_28': (BodyParts28Dataset, {}),
    'body_parts_34': (BodyParts28Dataset, dict(raw_34=True)),
    'lip': (LIPPartsDataset, {}),
    'atr': (ATRDataset, {}),
    'cihp': (CIHPDataset, {}),
    'folders': (DenseFolderDataset, {}),
    'thuman2': (THuman2Dataset, {}),
    'hi4d': (Hi4DDataset, {}),
}
_STORED = dict(body_parts_34='goliath34', lip='lip', atr='atr', cihp='cihp')

MAX_LENGTH_ERROR = 0.02  # Of a unit normal: that of 8 bits a channel
MAX_AWAY_SHARE = 0.02  # Seen surfaces face the camera, but for rounding at the outline
MAX_DEPTH_RATIO = 10.0  # Farthest to median human pixel: beyond, background is in the mask
MAX_LABEL_OUTSIDE = 0.05  # Share of the labelled pixels that a human mask may leave out

DENSE_FAULT_KINDS = {  # Kind of fault -> what it means
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
    'nan_values': 'a map has values that are NaN, which it cannot have',
    'infinite_values': 'a human pixel has a depth that is NaN, infinite, 1e9 or missing (note)',
    'size_differs': 'a map is not as wide and high as its image',
    'color_labels': 'a label file has colors of no class',
    'unknown_label': 'a label is neither a class nor 255',
    'unlabelled_image': 'a label file has nothing but background and 255',
    'labels_outside_mask': 'more than 5 % of the labelled pixels are outside the human mask',
    'empty_mask': 'a human mask has no pixel',
    'full_mask': 'a human mask has every pixel (note)',
    'gray_mask': 'a human mask has other values than 0 and 1, or 0 and 255, or several colors',
    'constant_depth': 'the depth is the same in the whole mask',
    'negative_depth': 'no depth of a file is above 0, and some is below',
    'not_positive_depth': 'a human pixel has depth 0 or less, which is no target (note)',
    'background_in_depth': 'a human pixel is more than 10 times as far as the median one',
    'zero_normal': 'a human pixel has no normal of about length 1, so is no target (note)',
    'shifted_normals': 'normals are stored from 0 to 1 or 0 to 255',
    'not_unit_normal': 'a normal in the mask is longer or shorter than 1 by more than 0.02',
    'normals_face_away': 'more than 2 % of the normals in the mask point away from the camera',
    'wrong_flip_pairs': '`flip_pairs` contradict the names of the classes',
    'absent_class': 'no label file has a pixel of the class (note)',
}

NOTES = frozenset(  # Kinds that may be right
    {'full_mask', 'absent_class', 'infinite_values', 'not_positive_depth', 'zero_normal'}
)


@dataclass(frozen=True)
class DenseFault(Fault):
    """Something wrong in a dataset of images with maps."""

    KINDS = DENSE_FAULT_KINDS


@dataclass(frozen=True)
class MapChecks:
    """What maps are checked against: classes, or None, axes of normals, layer of exr files."""

    class_set: ClassSet | None = None
    normal_frame: str = 'opengl'
    layer: str | None = None


def make_dataset(
    task: str,
    root: str,
    layout: str | None = None,
    split: str | None = None,
    with_mask: bool = False,
) -> PairedFilesDataset:
    """A dataset of a layout of the task, by default the first, whose files are not listed yet;
    ``with_mask`` if folders of labels have masks as well. KeyError for an unknown name."""
    if task not in LAYOUTS_OF_TASK:
        raise KeyError(f'`task` must be one of {list(LAYOUTS_OF_TASK)}, but got {task!r}')
    layout = layout or LAYOUTS_OF_TASK[task][0]
    if layout not in LAYOUTS_OF_TASK[task]:
        raise KeyError(
            f'`layout` for {task} must be one of {LAYOUTS_OF_TASK[task]}, but got {layout!r}'
        )
    kind, settings = _LAYOUTS[layout]
    settings = dict(settings, data_root=root, lazy_init=True)
    if split is not None:
        settings['split'] = split
    if issubclass(kind, DenseFolderDataset):
        fields = (*FIELDS_OF_TASK[task], *(('human_mask',) if with_mask else ()))
        settings['fields'] = dict.fromkeys(fields)
    return kind(**settings)


def stored_vocabulary(layout: str) -> str:
    """Class set of the label files of a layout, 'goliath28' by default."""
    return _STORED.get(layout, 'goliath28')


def validate_dataset(
    dataset: PairedFilesDataset,
    checks: MapChecks,
    *,
    max_samples: int | None = None,
    workers: int = 1,
    track: Track = no_progress,
) -> list[DenseFault]:
    """The faults of a dataset that was built with ``lazy_init=True``, in the order of its samples;
    only ``max_samples``, spread over the dataset, are opened."""
    faults, samples = list_samples(dataset)
    if checks.class_set is not None:
        faults += check_pairs(checks.class_set)
    if max_samples is not None and len(samples) > max_samples:
        chosen = np.linspace(0, len(samples) - 1, max_samples).round()
        samples = [samples[int(index)] for index in chosen]
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        look = pool.map(partial(check_sample, checks=checks), samples)
        reports = [next(look) for _ in track(samples, 'samples')]
    faults += [fault for found, _, _ in reports for fault in found]
    first: dict[str, str] = {}
    for sample, (_, digest, _) in zip(samples, reports):
        path = sample[IMAGE_KEY]
        if digest and first.setdefault(digest, path) is not path:
            faults.append(DenseFault('duplicate_image', path, f'it is the same as {first[digest]}'))
    if checks.class_set is not None and reports:
        seen: set[int] = set().union(*(labels for _, _, labels in reports))
        text = f'in none of {len(reports)} label files'
        names = enumerate(checks.class_set.classes)
        absent = [f'class {index}, {name}' for index, name in names if index not in seen]
        faults += [DenseFault('absent_class', each, text) for each in absent]
    return faults


def list_samples(dataset: PairedFilesDataset) -> tuple[list[DenseFault], list[Sample]]:
    """The files of a dataset, and the faults of their names and folders."""
    try:
        groups = dataset.folder_groups()
        dataset.label_colors = dataset.find_colors()
    except (FileNotFoundError, ValueError) as error:
        kind = 'missing_folder' if isinstance(error, FileNotFoundError) else 'several_files'
        return [DenseFault(kind, str(dataset.data_root), str(error))], []
    faults: list[DenseFault] = []
    samples: list[Sample] = []
    for folders, _ in groups:
        missing = [f for f in folders.values() if not os.path.isdir(f)]
        expected = f'expected: {dataset.LAYOUT}'
        faults += [DenseFault('missing_folder', folder, expected) for folder in missing]
        if missing:
            continue
        listing = dataset.list_group(folders)
        faults += [DenseFault(*each) for each in listing.unpaired]
        samples += [{**sample, **dataset.read_options()} for sample in listing.samples]
        if not listing.samples and not listing.unpaired:
            faults.append(DenseFault('no_samples', folders[IMAGE_KEY], expected))
    return faults, samples


def check_pairs(class_set: ClassSet) -> list[DenseFault]:
    """Find pairs of a flip that contradict the names of classes."""
    messages = find_wrong_pairs(class_set.classes, class_set.flip_pairs)
    return [DenseFault('wrong_flip_pairs', class_set.name, message) for message in messages]


def check_sample(sample: Sample, checks: MapChecks) -> tuple[list[DenseFault], str, set[int]]:
    """The faults of a sample, the digest of its image ('' of an unreadable one), its class ids."""
    faults, digest, size_hw = _check_image(sample[IMAGE_KEY])
    maps: dict[str, np.ndarray] = {}
    for row in FIELDS.values():
        path = sample.get(row.path_key)
        if path is None:
            continue
        try:
            colors, missing = sample.get('label_colors'), sample.get('missing_depth', ())
            array = read_map(path, row.name, missing=missing, layer=checks.layer, colors=colors)
            keep_known(path, array.copy(), row)
            maps[row.name] = array
        except BadSampleError as error:
            faults.append(DenseFault(error.kind or 'damaged_map', path, str(error)))
            continue
        if size_hw is not None and array.shape[:2] != size_hw:
            (height, width), (image_h, image_w) = array.shape[:2], size_hw
            text = f'it is {width} wide and {height} high, but its image {image_w} and {image_h}'
            faults.append(DenseFault('size_differs', path, text))
    for name in maps:
        path = sample[FIELDS[name].path_key]
        faults += [DenseFault(kind, path, x) for kind, x in _check_map(name, maps, path, checks)]
    return faults, digest, set(np.unique(maps.get('seg_map', ())).tolist())


def _check_image(path: str) -> tuple[list[DenseFault], str, tuple | None]:
    """Faults of an image, its digest, and its height and width, None if it cannot be used."""
    content = Path(path).read_bytes()
    if not content:
        return [DenseFault('empty_file', path, 'it has no bytes')], '', None
    digest = hashlib.sha1(content).hexdigest()
    try:
        return [], digest, LoadCheckedImage().transform({IMAGE_KEY: path})['img_shape']
    except BadSampleError as error:
        return [DenseFault('damaged_image', path, str(error))], digest, None


def _check_map(
    name: str, maps: Mapping[str, np.ndarray], path: str, checks: MapChecks
) -> Iterator[Finding]:
    array, mask = maps[name], maps.get('human_mask')
    if name == 'human_mask':
        return check_mask(array, path)
    if name == 'seg_map' and checks.class_set is not None:
        return check_labels(array, mask, checks.class_set)
    if name == 'depth_map':
        return check_depth(array, mask)
    return check_normals(array, mask, checks.normal_frame) if name == 'normal_map' else iter(())


def check_labels(
    labels: np.ndarray, mask: np.ndarray | None, class_set: ClassSet
) -> Iterator[Finding]:
    """Find the faults of stored ids, uint8 (H, W), beside a mask of people, 0 or 1 (H, W)."""
    count = len(class_set.classes)
    used = np.unique(labels)
    unknown = used[(used >= count) & (used != IGNORED)]
    if unknown.size:
        text = f'labels must be below {count}, or 255, but there are {unknown[:6].tolist()}'
        yield 'unknown_label', text
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
    try:
        with Image.open(path) as image:
            raw = np.asarray(image)
    except OSError:  # npy or npz
        raw = np.load(path)
        raw = raw if isinstance(raw, np.ndarray) else raw[raw.files[0]]
    values = np.unique(mask_of(path, raw))
    if set(values.tolist()) - {0, 1} and set(values.tolist()) - {0, 255}:
        text = f'its values are {values[:4].tolist()} and more, {len(values)} in all'
        yield 'gray_mask', f'{text}; any above 0 is taken as human'


def check_depth(depth: np.ndarray, mask: np.ndarray | None) -> Iterator[Finding]:
    """Find the faults of a depth map, larger is farther, inside a mask, both (H, W)."""
    human = _human_values(depth, mask)
    is_infinite = human >= FAR
    if is_infinite.any():
        yield 'infinite_values', f'{is_infinite.sum()} of {human.size} human pixels'
    known = human[has_depth(human)]
    if known.size + is_infinite.sum() < human.size:
        low = human.min()
        text = f'{(human <= 0).sum()} of {human.size} human pixels, the smallest is {low:g}'
        yield 'not_positive_depth', f'{text}; is it disparity, or is the mask too large?'
    if not known.size:
        return
    low, high = float(known.min()), float(known.max())
    if low == high:
        yield 'constant_depth', f'it is {low:g} at all {known.size} pixels'
    middle = float(np.median(known))
    if high > MAX_DEPTH_RATIO * middle > 0:
        text = f'the farthest human pixel is {high:g}, the median {middle:g}'
        yield 'background_in_depth', f'{text}; is the mask too large?'


def check_normals(normals: np.ndarray, mask: np.ndarray | None, frame: str) -> Iterator[Finding]:
    """Find the faults of normals as stored, (H, W, 3), inside a mask (H, W)."""
    human = _human_values(normals, mask)  # (N, 3)
    known = has_normal(human)
    if not known.all():
        yield 'zero_normal', f'{(~known).sum()} of {len(human)} human pixels have none'
    human = human[known]
    if not len(human):
        return
    length = np.linalg.norm(human, axis=1)
    wrong = np.abs(length - 1) > MAX_LENGTH_ERROR
    if are_shifted(human):
        text = f'no component is negative, the largest is {human.max():g}; store 2 n - 1'
        yield 'shifted_normals', text
        return
    if wrong.any():
        worst = length[np.abs(length - 1).argmax()]
        text = f'{wrong.sum()} of {len(length)} in the mask, one has the length {worst:.4g}'
        yield 'not_unit_normal', text
    away = float((convert_normals(human, frame, 'opengl')[:, 2] < 0).mean())
    if away > MAX_AWAY_SHARE:
        text = f'{away:.1%} of the human pixels, if the axes are {frame!r}'
        yield 'normals_face_away', f'{text}; is that the frame of the files?'


def _human_values(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """(N,) or (N, C); none without a mask of this size."""
    if mask is None or mask.shape != values.shape[:2]:
        return values[:0].reshape(0, *values.shape[2:])
    return values[mask > 0]
