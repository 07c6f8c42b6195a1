"""Datasets of images with maps in folders beside them, which belong together by name.

A name is the path below the folder without its suffix. Everything is sorted, so that each process
lists the same samples in the same order.
"""

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine import fileio
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import get_worker_info

from ...core.errors import REJECTIONS, BadSampleError, RejectedSampleError
from ...core.formatting import shorten
from ...io.listing import IMAGE_SUFFIXES, scan_folder
from ...io.painted import LabelColors, palette_colors, read_labelmap

IMAGE_KEY = 'img_path'
CAMERA_KEYS = ('intrinsics_path', 'extrinsics_path')
REFUSED_SUFFIXES = ('.jpg', '.jpeg')  # Listed among maps, so that their refusal names the file
CAMERA_SUFFIXES = ('.txt',)
MAP_SUFFIXES = ('.png', '.npy', '.npz', '.exr', '.tif', '.tiff', '.pfm', '.pgm', *REFUSED_SUFFIXES)

Group = tuple[dict[str, str], dict[str, Any]]
COLOR_LISTS = ('labelmap.txt', 'label_colors.txt')
POLICIES = ('raise', 'skip')
MIN_SEEN = 20  # Samples to look at before a share is judged
_SEEN, _BAD, _LOGGED = 1, 2, 4
MIN_DRAWN = 200  # Draws to look at before the share of rejected ones is judged
MAX_REJECTED = 0.9
_PROCESSES = 64  # That count draws apart; further workers share


def warn(text: str) -> None:
    """Put a warning in the log."""
    print_log(text, logger='current', level=logging.WARNING)


class Listing(NamedTuple):
    """Samples of a group of folders, key -> file, and names without: kind, file, message."""

    samples: list[dict[str, str]]
    unpaired: list[tuple[str, str, str]]


def list_files(
    folder: str, suffixes: Collection[str], backend_args: dict | None = None
) -> dict[str, list[str]]:
    """Name -> sorted paths of the files with lower case ``suffixes`` in a folder and below, without
    hidden ones; links to folders are followed, but not in circles."""
    store = fileio.get_file_backend(folder, backend_args=backend_args, enable_singleton=True)
    if not store.isdir(folder):
        raise FileNotFoundError(f'there is no folder {folder}')
    if isinstance(store, fileio.LocalBackend):
        found = scan_folder(folder, suffixes)
    else:
        found = store.list_dir_or_file(folder, list_dir=False, recursive=True)
    files: dict[str, list[str]] = {}
    for path in sorted(found):
        name, suffix = os.path.splitext(path)
        if suffix.lower() in suffixes:
            files.setdefault(name, []).append(store.join_path(folder, path))
    return dict(sorted(files.items()))


def pair_files(
    folders: Mapping[str, str],
    suffixes: Mapping[str, Collection[str]],
    names: Sequence[str] | None = None,
    backend_args: dict | None = None,
) -> Listing:
    """The samples of a group of folders, by key of a sample, ``img_path`` and ``<field>_path``;
    all, or those of ``names``, perhaps with the suffix of an image."""
    files = {
        key: list_files(folder, suffixes[key], backend_args) for key, folder in folders.items()
    }
    if names is None:
        wanted = sorted(set().union(*files.values()))
    else:
        splits = [(name, *os.path.splitext(name)) for name in names]
        wanted = [stem if end.lower() in IMAGE_SUFFIXES else name for name, stem, end in splits]
    listing = Listing([], [])
    for name in wanted:
        found = {key: files[key].get(name, []) for key in folders}
        problem = _find_problem(name, found, folders)
        if problem is None:
            listing.samples.append({key: paths[0] for key, paths in found.items()})
        else:
            listing.unpaired.append(problem)
    listing.samples.sort(key=lambda sample: sample[IMAGE_KEY])
    return listing


def _find_problem(
    name: str, found: Mapping[str, Sequence[str]], folders: Mapping[str, str]
) -> tuple[str, str, str] | None:
    for paths in found.values():
        if len(paths) > 1:
            others = ', '.join(map(os.path.basename, paths))
            message = f'{others} have one name, so that it is not known which is meant'
            return 'several_files', paths[0], message
    there = next((paths[0] for paths in found.values() if paths), None)
    for key, paths in found.items():
        if not paths:
            what = 'image' if key == IMAGE_KEY else 'camera' if key in CAMERA_KEYS else 'map'
            message = f'there is no {what} of the name {name} in {folders[key]}'
            return f'missing_{what}', there or f'{folders[IMAGE_KEY]}/{name}', message
    return None


class BadSamplePolicy(BaseDataset):
    """Stopping at a bad sample, or going on without it; in front of a stock dataset.

    A sample is bad if the pipeline raises :class:`mmsapiens.core.errors.BadSampleError`. In test
    mode it always stops. A draw that the pipeline rejects (``RejectSamples``) says nothing against
    the files: in training another sample is taken, the first of a kind is logged, and
    :attr:`rejected` counts; a RuntimeError says if nine of ten are.

    Args:
        bad_samples (str): 'raise', or 'skip': log the sample once, count it, and take a random
            other one as mmengine does. Defaults to 'raise'.
        max_bad_share (float): Under 'skip', the share of bad samples among those looked at, in all
            workers of a process, above which it stops after all; from 20 samples on, or all if
            there are fewer. What counts is the last look at a sample. Defaults to 0.1.
    """

    def __init__(
        self, *args: Any, bad_samples: str = 'raise', max_bad_share: float = 0.1, **kwargs: Any
    ) -> None:
        if bad_samples not in POLICIES:
            raise ValueError(f'`bad_samples` must be one of {POLICIES}, but got {bad_samples!r}')
        if not 0 <= max_bad_share <= 1:
            raise ValueError(f'`max_bad_share` must be in [0, 1], but got {max_bad_share}')
        self.bad_samples = bad_samples
        self.max_bad_share = max_bad_share
        self._states: Tensor | None = None
        # Draws, and rejected ones by kind, of each process
        self._draws = torch.zeros(_PROCESSES, 1 + len(REJECTIONS), dtype=torch.int64)
        self._draws.share_memory_()
        super().__init__(*args, **kwargs)

    @property
    def may_skip(self) -> bool:
        """Whether bad samples are left out."""
        return self.bad_samples == 'skip' and not self.test_mode

    @property
    def bad_indices(self) -> list[int]:
        """Samples whose last look failed, in this process and its workers."""
        return (self._shared_states() & _BAD).nonzero().flatten().tolist()

    @property
    def rejected(self) -> dict[str, int]:
        """Kind -> draws that the pipeline rejected, in this process and its workers."""
        return dict(zip(REJECTIONS, self._draws.sum(dim=0)[1:].tolist()))

    def full_init(self) -> None:
        super().full_init()
        self._shared_states()

    def prepare_data(self, idx: int) -> dict | None:
        """Run the pipeline; None for a sample that is skipped, a RuntimeError for one too many."""
        if self.test_mode:
            return super().prepare_data(idx)
        worker = get_worker_info()
        draws = self._draws[0 if worker is None else 1 + worker.id % (_PROCESSES - 1)]
        draws[0] += 1
        states = self._shared_states()
        if self.may_skip:
            idx = idx % len(states)
        try:
            data = super().prepare_data(idx)
        except RejectedSampleError as error:
            if not self.rejected[error.kind]:
                path = self.get_data_info(idx).get(IMAGE_KEY)
                warn(f'a draw of sample {idx}, {path}, is rejected: {error} Said once.')
            draws[1 + list(REJECTIONS).index(error.kind)] += 1
            self._check_rejected()
            return None
        except BadSampleError as error:
            if not self.may_skip:
                raise
            if not states[idx] & _LOGGED:
                path = self.get_data_info(idx).get(IMAGE_KEY)
                warn(f'sample {idx}, {path}, is left out: {error}')
            states[idx] = _SEEN | _BAD | _LOGGED
            self._check_share(states)
            return None
        if self.may_skip:
            states[idx] = _SEEN | (states[idx] & _LOGGED)
        return data

    def _check_rejected(self) -> None:
        drawn, counts = int(self._draws[:, 0].sum()), self.rejected
        if drawn < MIN_DRAWN or sum(counts.values()) <= MAX_REJECTED * drawn:
            return
        found = ', '.join(f'{REJECTIONS[kind]}: {n}' for kind, n in counts.items() if n)
        raise RuntimeError(
            f'{sum(counts.values())} of {drawn} draws are rejected ({found}). Look at the crops of '
            'the pipeline, at the maps, and at the limits of `RejectSamples`.'
        )

    def _shared_states(self) -> Tensor:
        """Flags of each sample, uint8, in memory that workers share."""
        states = self._states
        if states is None or len(states) != len(self):  # a subset has fewer
            states = torch.zeros(len(self), dtype=torch.uint8)
            self._states = states = states.share_memory_()
        return states

    def _check_share(self, states: Tensor) -> None:
        seen = int((states & _SEEN).count_nonzero())
        bad = int((states & _BAD).count_nonzero())
        if seen < min(MIN_SEEN, len(states)) or (bad <= self.max_bad_share * seen):
            return
        first = [self.get_data_info(index).get(IMAGE_KEY) for index in self.bad_indices[:6]]
        raise RuntimeError(
            f'{bad} of {seen} samples looked at are bad, more than `max_bad_share` '
            f'({self.max_bad_share:g}) of them: {shorten(first)}. The log says why; mend the '
            'dataset (`tools/dataset/check_dense.py` finds all), or raise `max_bad_share`.'
        )


class PairedFilesDataset(BadSamplePolicy):
    """Images and maps of equal names; ``data_prefix`` says where.

    Its keys are ``img_path`` and ``<field>_path``, as in the data of a sample, which also get
    ``flip_label_pairs`` and ``num_classes``. With ``ann_file``, a text file of names, only those
    are taken. A ValueError if there is no sample, or if files have no match, unless
    ``bad_samples='skip'``.
    """

    LAYOUT = 'images and maps of equal names'
    backend_args: dict | None = None
    label_colors: LabelColors | None = None
    missing_depth: Sequence[float] = ()

    def folder_groups(self) -> list[Group]:
        """Folders that belong together, by key of the paths in a sample, and what else it has."""
        return [(dict(self.data_prefix), {})]

    def list_group(self, folders: Mapping[str, str]) -> Listing:
        """Samples of the folders of one of :meth:`folder_groups`."""
        suffixes = {key: self.suffixes(key) for key in folders}
        try:
            return pair_files(folders, suffixes, self._names(), self.backend_args)
        except FileNotFoundError as error:
            text = f'{type(self).__name__}: {error}. Expected: {self.LAYOUT}. '
            raise FileNotFoundError(f'{text}Check `data_root` and `data_prefix`.') from None

    def suffixes(self, key: str) -> Sequence[str]:
        """Suffixes of the files of a folder, by a key of a sample."""
        if key in CAMERA_KEYS:
            return CAMERA_SUFFIXES
        return IMAGE_SUFFIXES if key == IMAGE_KEY else MAP_SUFFIXES

    def load_data_list(self) -> list[dict]:
        groups = self.folder_groups()
        self.label_colors = self.find_colors()
        listings = [(self.list_group(folders), more) for folders, more in groups]
        samples = [{**sample, **more} for listing, more in listings for sample in listing.samples]
        unpaired = [each for listing, _ in listings for each in listing.unpaired]
        if unpaired:
            self._report(unpaired, groups, len(samples))
        if not samples:
            raise ValueError(
                f'{type(self).__name__} found no sample in {groups[0][0][IMAGE_KEY]}. '
                f'Expected: {self.LAYOUT}.'
            )
        return samples

    def stored_classes(self) -> tuple[Sequence[str], Sequence[Sequence[int]]]:
        """Names of the classes in label files, and their colors."""
        return self._metainfo.get('classes') or (), self._metainfo.get('palette') or ()

    def find_colors(self) -> LabelColors | None:
        """Colors of the classes in label files: those of a list beside them, or of the palette."""
        if 'seg_map_path' not in self.data_prefix:
            return None
        classes, palette = self.stored_classes()
        root = self.data_root or '.'
        folders = (os.path.join(root, getattr(self, 'split', '')), root)
        for path in (os.path.join(a, b) for a in folders for b in COLOR_LISTS):
            if fileio.isfile(path, backend_args=self.backend_args):
                text = fileio.get_text(path, backend_args=self.backend_args)
                return read_labelmap(path, text, classes)
        return palette_colors(palette)

    def read_options(self) -> dict[str, Any]:
        """What else a sample has for the reading of its maps."""
        options = dict(label_colors=self.label_colors, missing_depth=self.missing_depth)
        return {name: value for name, value in options.items() if value}

    def get_data_info(self, idx: int) -> dict:
        info = {**super().get_data_info(idx), **self.read_options()}
        info['flip_label_pairs'] = [tuple(pair) for pair in self._metainfo.get('flip_pairs', ())]
        if self._metainfo.get('classes'):
            info['num_classes'] = len(self._metainfo['classes'])
        return info

    def _names(self) -> list[str] | None:
        if not self.ann_file:
            return None
        if not fileio.isfile(self.ann_file, backend_args=self.backend_args):
            raise FileNotFoundError(f'there is no `ann_file` {self.ann_file}')
        text = fileio.get_text(self.ann_file, backend_args=self.backend_args)
        return [line.strip() for line in text.splitlines() if line.strip()]

    def _report(
        self, unpaired: Sequence[tuple[str, str, str]], groups: Sequence[Group], number: int
    ) -> None:
        places = ', '.join(path for folders, _ in groups[:2] for path in folders.values())
        first = shorten([f'{path} ({message})' for _, path, message in unpaired])
        text = (
            f'{type(self).__name__}: {len(unpaired)} names do not make a sample, '
            f'beside {number} that do, in {places}: {first}'
        )
        if not self.may_skip:
            raise ValueError(f"{text}. Complete them, or set `bad_samples='skip'` for training.")
        warn(f'{text}. They are left out.')
