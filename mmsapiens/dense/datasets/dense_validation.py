"""Validation of datasets of images with dense maps."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ...classes.class_sets import ClassSet, find_wrong_pairs
from ...core.errors import BadSampleError
from ...core.fault_report import Track, no_progress
from ...structures.fields import FIELDS
from ...transforms import LoadCheckedImage
from .listing import IMAGE_KEY
from .map_faults import (
    DenseFault,
    Finding,
    MapChecks,
    check_depth,
    check_labels,
    check_mask,
    check_normals,
    read_checked,
)
from .paired_files_dataset import PairedFilesDataset

Sample = Mapping[str, str]
"""``img_path`` and ``<field>_path`` -> file."""


@dataclass
class SampleReport:
    """What a look at a sample gave.

    Attributes:
        faults (list[DenseFault]): What is wrong.
        digest (str): Of the bytes of the image, '' for an unreadable one.
        labels (set[int]): Ids in its label file.
    """

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
    except FileNotFoundError as error:
        return [_fault('missing_folder', str(dataset.data_root), error)], []
    except ValueError as error:
        return [_fault('several_files', str(dataset.data_root), error)], []
    faults: list[DenseFault] = []
    samples: list[Sample] = []
    for folders in groups:
        missing = [f for f in folders.values() if not os.path.isdir(f)]
        expected = f'expected: {dataset.LAYOUT}'
        faults += [DenseFault('missing_folder', folder, expected) for folder in missing]
        if missing:
            continue
        listing = dataset.list_group(folders)
        faults += [DenseFault(x.kind, x.path, x.message) for x in listing.unpaired]
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
            report.faults.append(
                DenseFault(
                    'size_differs',
                    path,
                    f'it is {width} wide and {height} high, but its image '
                    f'{size_hw[1]} and {size_hw[0]}',
                )
            )
        maps[row.name] = array
    report.faults += _check_maps(sample, maps, checks)
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
        report.faults.append(_fault('damaged_image', path, error))
        return None


def _check_maps(
    sample: Sample, maps: Mapping[str, np.ndarray], checks: MapChecks
) -> Iterator[DenseFault]:
    mask = maps.get('human_mask')
    for name, array in maps.items():
        path = sample[FIELDS[name].path_key]
        findings: Iterator[Finding] = iter(())
        if name == 'human_mask':
            findings = check_mask(array, path)
        elif name == 'seg_map' and checks.class_set is not None:
            findings = check_labels(array, mask, checks.class_set)
        elif name == 'depth_map':
            findings = check_depth(array, mask)
        elif name == 'normal_map':
            findings = check_normals(array, mask, checks.normal_frame)
        yield from (DenseFault(kind, path, message) for kind, message in findings)


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


def _fault(kind: str, where: str, error: Exception) -> DenseFault:
    return DenseFault(kind, where, str(error))
