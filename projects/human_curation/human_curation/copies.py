"""Find near copies among the images kept, and copies of test sets; no image of the run is read.

PDQ hashes find the same image in other sizes and qualities; SSCD embeddings, where the run had its
network, crops and edited ones, too. Neighbors of neighbors are one group, of which the largest
image stays; of a group with a copy of a test image none does. OUT/images/unique.txt names those
that stay, for `subset_file`; OUT/copies.parquet all others and the groups, OUT/copies.json the
counts.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mmsapiens.core.atomic_files import atomic_open, atomic_write
from mmsapiens.core.errors import ReadError
from mmsapiens.io.listing import is_image_name, list_folder

from .checks import pdq_of
from .decoding import decode_small
from .header import read_header
from .models import Description, Network, Pixels, read_models
from .options import SSCD
from .output import SETTINGS, SettingsError, done_path, done_units
from .removal import write_subset

BITS, QUALITY, COSINE = 31, 50, 0.75
"""Of PDQ 256 bits and its own scale of 0 to 100, by its authors; of SSCD by its authors."""
NEIGHBORS = 32
"""That are looked at of each image: chains through them join larger groups."""
EXACT = 100_000
"""Images up to which all are compared with all."""
BLOCK = 4096
"""Images that are looked up at a time."""
PROBES = 16
"""Lists of a larger index that are looked into."""
UNIQUE = 'unique.txt'
COPIES, COUNTS = 'copies.parquet', 'copies.json'
SCHEMA = pa.schema(
    [('name', pa.string()), ('group', pa.int64()), ('is_kept', pa.bool_()), ('test', pa.string())]
)
"""``group`` is the number of one of its images; ``test`` the nearest test image, if it is one."""


@dataclass(frozen=True)
class Limits:
    """Up to where two images are copies.

    Args:
        bits (int): Bits of 256 in which PDQ hashes may differ. Defaults to 31.
        quality (int): PDQ hashes below this quality, of flat images, are not compared. Defaults to
            50.
        cosine (float): SSCD embeddings above it are copies. Defaults to 0.75.
    """

    bits: int = BITS
    quality: int = QUALITY
    cosine: float = COSINE

    def __post_init__(self) -> None:
        if not 0 <= self.bits < 256 or not 0 <= self.quality <= 100 or not -1 < self.cosine < 1:
            raise ValueError(
                '`--bits` must be from 0 to 255, `--quality` from 0 to 100 and `--cosine` between '
                f'-1 and 1, but got {self.bits}, {self.quality} and {self.cosine}'
            )


@dataclass
class Prints:
    """Fingerprints of N images.

    Args:
        pdq (NDArray): uint8 (N, 32).
        quality (NDArray): Of the hashes, int16 (N,).
        sscd (NDArray, optional): float16 (N, D), of length 1. Defaults to None.
        sizes (NDArray): Pixels of the images, int64 (N,).
    """

    pdq: NDArray
    quality: NDArray
    sscd: NDArray | None = None
    sizes: NDArray = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.pdq)


def read_prints(out: str | Path) -> Prints:
    """Fingerprints of all images that a run has kept, in the order of their names.

    Raises:
        SettingsError: If some have an embedding and others not.
    """
    parts = [_prints_of(path) for path in _verdicts(out)]
    if not parts:
        return Prints(np.empty((0, 32), np.uint8), np.empty(0, np.int16))
    with_sscd = [part for part in parts if part.sscd is not None]
    if with_sscd and sum(map(len, with_sscd)) < sum(map(len, parts)):
        raise SettingsError(f'{out} has verdicts with SSCD embeddings and others without')
    return Prints(
        np.concatenate([part.pdq for part in parts]),
        np.concatenate([part.quality for part in parts]),
        np.concatenate([part.sscd for part in with_sscd]) if with_sscd else None,
        np.concatenate([part.sizes for part in parts]),
    )


def _verdicts(out: str | Path) -> Iterator[Path]:
    if not Path(out, 'verdicts').is_dir():
        raise FileNotFoundError(f'{out} must be the folder of a run, but has no `verdicts`')
    for number in done_units(out):
        yield done_path(out, number)


def kept_rows(path: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of the images of a unit that were kept."""
    return pq.read_table(path, columns=list(columns), filters=[('verdict', '=', 'kept')])


def _prints_of(path: Path) -> Prints:
    table = kept_rows(path, ('pdq', 'pdq_quality', 'sscd', 'width', 'height'))
    vectors = table['sscd'].drop_null().to_pylist()
    sscd = None
    if len(vectors) == len(table) > 0:
        sscd = np.frombuffer(b''.join(vectors), np.float16).reshape(len(table), -1)
    return Prints(
        np.frombuffer(b''.join(table['pdq'].to_pylist()), np.uint8).reshape(-1, 32),
        table['pdq_quality'].to_numpy(),
        sscd,
        table['width'].to_numpy().astype(np.int64) * table['height'].to_numpy(),
    )


def pdq_neighbors(
    prints: Prints, others: Prints, limits: Limits, neighbors: int
) -> Iterator[tuple[NDArray, NDArray]]:
    """Pairs (number in ``prints``, number in ``others``) of near hashes, int64 (P,) each."""
    mine = np.flatnonzero(prints.quality >= limits.quality)
    theirs = np.flatnonzero(others.quality >= limits.quality)
    if not len(theirs):
        return
    index = _binary_index(others.pdq[theirs])
    for start in range(0, len(mine), BLOCK):
        block = mine[start : start + BLOCK]
        far, found = index.search(prints.pdq[block], neighbors)
        rows, places = np.nonzero((far <= limits.bits) & (found >= 0))
        yield block[rows], theirs[found[rows, places]]


def _binary_index(codes: NDArray) -> Any:
    codes = np.ascontiguousarray(codes)
    if len(codes) <= EXACT:
        index = faiss.IndexBinaryFlat(256)
    else:
        index = faiss.IndexBinaryIVF(faiss.IndexBinaryFlat(256), 256, _lists(len(codes)))
        index.nprobe = PROBES
        index.train(codes[_sample(len(codes))])
    index.add(codes)
    return index


def sscd_neighbors(
    prints: Prints, others: Prints, limits: Limits, neighbors: int, kind: str | None = None
) -> Iterator[tuple[NDArray, NDArray]]:
    """As :func:`pdq_neighbors`, by embeddings; ``kind`` is a description of faiss' factory."""
    if prints.sscd is None or others.sscd is None or not len(others):
        return
    index = _vector_index(others.sscd, kind)
    for start in range(0, len(prints), BLOCK):
        near, found = index.search(prints.sscd[start : start + BLOCK].astype(np.float32), neighbors)
        rows, places = np.nonzero((near > limits.cosine) & (found >= 0))
        yield start + rows, found[rows, places]


def _vector_index(vectors: NDArray, kind: str | None) -> Any:
    if kind is None:
        kind = 'Flat' if len(vectors) <= EXACT else f'IVF{_lists(len(vectors))},SQfp16'
    try:
        index = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise ValueError(f'`--sscd-index` {kind!r} is none that faiss can make: {error}') from None
    if not index.is_trained:
        index.train(vectors[_sample(len(vectors))].astype(np.float32))
        if hasattr(faiss.downcast_index(index), 'nprobe'):
            faiss.ParameterSpace().set_index_parameter(index, 'nprobe', PROBES)
    for start in range(0, len(vectors), BLOCK):
        index.add(vectors[start : start + BLOCK].astype(np.float32))
    return index


def _lists(size: int) -> int:
    """Lists of an index: each image is compared with about ``PROBES`` of them."""
    return int(4 * size**0.5)


def _sample(size: int) -> NDArray:
    number = min(size, 40 * _lists(size))
    return np.sort(np.random.default_rng(0).choice(size, number, replace=False))


@dataclass
class Groups:
    """Who is a copy of whom among N images.

    Args:
        labels (NDArray): Group of each image, int32 (N,).
        tests (NDArray): Number of a test image that it is a copy of, or -1, int64 (N,).
        stays (NDArray): Whether it stays, bool (N,).
        pairs (dict[str, int]): Pairs found by 'pdq' and 'sscd'.
    """

    labels: NDArray
    tests: NDArray
    stays: NDArray
    pairs: dict[str, int]


def find_groups(
    prints: Prints,
    tests: Prints | None = None,
    limits: Limits | None = None,
    sscd_index: str | None = None,
) -> Groups:
    """Group near copies; of each group the largest image stays, and the first of equal ones.

    Args:
        prints (Prints): Of the images.
        tests (Prints, optional): Of test images: whole groups that have a copy of one go. Defaults
            to None.
        limits (Limits, optional): Defaults to None, the defaults.
        sscd_index (str, optional): A description of faiss' factory, such as 'IVF65536,PQ64'.
            Defaults to None: all pairs, and from 100,000 images on inverted lists.
    """
    limits, size = limits or Limits(), len(prints)
    pairs: Counter[str] = Counter(pdq=0, sscd=0)
    edges: list[NDArray] = [np.empty((2, 0), np.int64)]
    found = dict(
        pdq=pdq_neighbors(prints, prints, limits, NEIGHBORS),
        sscd=sscd_neighbors(prints, prints, limits, NEIGHBORS, sscd_index),
    )
    for kind, blocks in found.items():
        for first, second in blocks:
            one = np.stack([np.minimum(first, second), np.maximum(first, second)])
            edges.append(np.unique(one[:, first != second], axis=1))
            pairs[kind] += edges[-1].shape[1]
    first, second = np.concatenate(edges, axis=1)
    graph = coo_array((np.ones(len(first), bool), (first, second)), (size, size))
    labels = connected_components(graph, directed=False)[1] if size else np.empty(0, np.int32)
    near = np.full(size, -1)
    if tests is not None:
        for first, second in pdq_neighbors(prints, tests, limits, 1):
            near[first] = second
        for first, second in sscd_neighbors(prints, tests, limits, 1):
            near[first] = second
    order = np.lexsort((np.arange(size), -prints.sizes, labels))
    is_first = np.diff(labels[order], prepend=-1) != 0
    stays = np.zeros(size, bool)
    stays[order[is_first]] = True
    stays &= ~np.isin(labels, labels[near >= 0])
    return Groups(labels, near, stays, dict(pairs))


@dataclass
class TestSets:
    """Images that training must not see: their names, 'set: file', and fingerprints."""

    names: list[str]
    prints: Prints
    unread: list[str]

    __test__ = False  # no test of pytest


def read_test_sets(paths: Sequence[str], side: int, network: Network | None = None) -> TestSets:
    """Fingerprints of test sets.

    Args:
        paths (Sequence[str]): Folders, or COCO files, of which each may be followed by '=' and the
            folder of its images, otherwise its own.
        side (int): As in the run, see :func:`decode_small`.
        network (Network, optional): SSCD. Defaults to None.
    """
    names, unread, hashes, vectors = [], [], [], []
    for text in paths:
        for name, path in _test_images(text):
            try:
                content = path.read_bytes()
                pixels = Pixels(decode_small(content, read_header(content), side))
            except (OSError, ReadError) as error:
                unread.append(f'{name}: {error}')
                continue
            names.append(name)
            hashes.append(pdq_of(pixels.image))
            if network is not None:
                vectors.append(network.vectors([pixels])[0].astype(np.float16))
    if not names:
        raise ValueError(f'no image of the test sets {", ".join(paths)} can be read: {unread[:1]}')
    codes = np.frombuffer(b''.join(code for code, _ in hashes), np.uint8).reshape(-1, 32)
    qualities = np.array([quality for _, quality in hashes], np.int16)
    return TestSets(names, Prints(codes, qualities, np.stack(vectors) if vectors else None), unread)


def _test_images(text: str) -> Iterator[tuple[str, Path]]:
    path = Path(text)
    if path.is_dir():
        found = [file for file in list_folder(path) if is_image_name(file)]
        yield from ((f'{path.name}: {file.relative_to(path)}', file) for file in found)
        return
    file, _, folder = text.partition('=')
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f'the test set {text} must be a folder or a COCO file')
    try:
        entries = json.loads(path.read_bytes())['images']
        names = [str(entry['file_name']) for entry in entries]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f'{path} must be a COCO file, with `images` that have a `file_name`'
        ) from None
    for name in names:
        yield f'{path.name}: {name}', Path(folder or path.parent, name)


def find_copies(
    out: str | Path,
    *,
    test_sets: Sequence[str] = (),
    limits: Limits | None = None,
    sscd: Description | None = None,
    sscd_index: str | None = None,
) -> dict[str, Any]:
    """Write ``unique.txt``, ``copies.parquet`` and ``copies.json`` of a run.

    Args:
        out (str | Path): Its folder.
        test_sets (Sequence[str]): See :func:`read_test_sets`. Defaults to none.
        limits (Limits, optional): Defaults to None, the defaults.
        sscd (Description, optional): The network of the run, for test sets. Defaults to None.
        sscd_index (str, optional): See :func:`find_groups`. Defaults to None.

    Returns:
        dict: Counts.
    """
    out, limits = Path(out), limits or Limits()
    prints = read_prints(out)
    tests = None
    if test_sets:
        settings = json.loads((out / SETTINGS).read_bytes())
        network = None
        if prints.sscd is not None:
            network = _same_network(settings, sscd)
        tests = read_test_sets(test_sets, settings['decode_side'], network)
    groups = find_groups(prints, tests and tests.prints, limits, sscd_index)
    _write_lists(out, groups, tests.names if tests else [])
    sizes = np.bincount(groups.labels)
    near_tests = np.isin(groups.labels, groups.labels[groups.tests >= 0])
    counts: dict[str, Any] = dict(
        kept=len(prints),
        unique=int(groups.stays.sum()),
        copies=int((~groups.stays & ~near_tests).sum()),
        copies_of_tests=int(near_tests.sum()),
        groups=int((sizes > 1).sum()),
        largest_group=int(sizes.max(initial=0)),
        pairs=groups.pairs,
        by=['pdq'] + (['sscd'] if prints.sscd is not None else []),
        limits=vars(limits),
    )
    if tests is not None:
        hit = Counter(tests.names[n].split(': ')[0] for n in groups.tests[groups.tests >= 0])
        all_of = Counter(name.split(': ')[0] for name in tests.names)
        counts['test_sets'] = {
            name: dict(images=number, copies=hit[name]) for name, number in all_of.items()
        }
        counts['unread_test_images'] = tests.unread
    atomic_write(json.dumps(counts, indent=1).encode() + b'\n', out / COUNTS)
    return counts


def _same_network(settings: dict[str, Any], sscd: Description | None) -> Network:
    """The SSCD network that the run had."""
    if sscd is None:
        raise ValueError('the run has SSCD embeddings: give its `--models`, for the test sets')
    if json.loads(json.dumps(sscd.identity())) != settings['models'].get(SSCD):
        raise ValueError(f'{sscd.file} is not the SSCD network of the run: give its `--models`')
    return Network(sscd)


def _write_lists(out: Path, groups: Groups, tests: Sequence[str]) -> None:
    """Names of those that stay, in the order of the shards, and of all that have copies."""
    sizes = np.bincount(groups.labels)
    order = np.argsort(groups.labels, kind='stable')
    ends = np.cumsum(sizes)
    first = order[ends - sizes]  # a number for each group
    start = 0
    with (
        atomic_open(out / 'images' / UNIQUE) as unique,
        atomic_open(out / COPIES) as copies,
        open(unique, 'w', encoding='utf-8') as lines,
        pq.ParquetWriter(copies, SCHEMA, compression='zstd') as table,
    ):
        for path in _verdicts(out):
            names = kept_rows(path, ['name'])['name'].to_pylist()
            part = slice(start, start + len(names))
            start += len(names)
            stays, labels, near = groups.stays[part], groups.labels[part], groups.tests[part]
            lines.writelines(f'{name}\n' for name, is_kept in zip(names, stays) if is_kept)
            rows = np.flatnonzero((sizes[labels] > 1) | (near >= 0))
            table.write_table(
                pa.table(
                    [
                        [names[row] for row in rows],
                        first[labels[rows]],
                        stays[rows],
                        [tests[near[row]] if near[row] >= 0 else None for row in rows],
                    ],
                    schema=SCHEMA,
                )
            )
    write_subset(out)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `copies`."""
    add = parser.add_argument
    add('out', help='folder of a run')
    add('--test-set', action='append', default=[], metavar='FOLDER|FILE[=FOLDER]')
    add('--models', help='the file of models of the run; for test sets, if it had `sscd`')
    add('--bits', type=int, default=BITS, help=f'of PDQ that may differ; {BITS} by default')
    add('--quality', type=int, default=QUALITY, help=f'least one of PDQ; {QUALITY} by default')
    add('--cosine', type=float, default=COSINE, help=f'of SSCD, above it; {COSINE} by default')
    add('--sscd-index', help='index of faiss for very many images, such as IVF65536,PQ64')


def run(args: argparse.Namespace) -> int:
    """Find copies, and print the counts."""
    counts = find_copies(
        args.out,
        test_sets=args.test_set,
        limits=Limits(args.bits, args.quality, args.cosine),
        sscd=read_models(args.models).get(SSCD) if args.models else None,
        sscd_index=args.sscd_index,
    )
    print(
        f'{counts["kept"]} images kept, {counts["unique"]} unique: {counts["copies"]} copies in '
        f'{counts["groups"]} groups (the largest has {counts["largest_group"]}), '
        f'{counts["copies_of_tests"]} in groups with a test image'
    )
    print(f'compared by {" and ".join(counts["by"])}; pairs: {counts["pairs"]}')
    for name, found in counts.get('test_sets', {}).items():
        print(f'  {name}: {found["images"]} images, {found["copies"]} copies among those kept')
    for line in counts.get('unread_test_images', []):
        print(f'  not read: {line}')
    return 0
