"""Run tasks of the inferencer over a pool: keypoints, body parts, depth, normals of many images.

Every unit of the pool gets OUT/labels/NAME.parquet, a row an image with boxes, scores and
keypoints, and for tasks with maps OUT/maps/NAME.tar, with the files that `mmsapiens infer` would
write; NAME is that of the tar file, or the number of the unit. The same command goes on after any
interruption.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mmsapiens import SapiensInferencer
from mmsapiens.core.atomic_files import TMP_SUFFIX, atomic_open, atomic_write
from mmsapiens.core.file_type import sha256_of
from mmsapiens.detection import PeopleFile
from mmsapiens.inference.prefetch import map_ahead
from mmsapiens.inference.writers import MapWriter
from mmsapiens.io import ReadOptions
from mmsapiens.io.images import decode_image
from mmsapiens.io.names import OutputNames, name_of_path
from mmsapiens.io.shards import INDEX_SUFFIX, MANIFEST, Manifest
from mmsapiens.models.tasks import Task
from mmsapiens.structures.results import ImageResult, LazyImage, MapResult, PoseResult, ReadFailure

from .output import (
    COUNTS,
    DIGITS,
    TRIES,
    Shard,
    check_settings,
    done_path,
    lock_part,
    read_counts,
    unit_name,
)
from .output import SETTINGS as SETTINGS_OF_RUN
from .pool import TARS, Item, PoolError, Unit, digest_of, find_units, read_unit
from .run import add_engine_arguments, engine_options, run_units, summary_lines
from .worker import guarded

SETTINGS = 'annotation.json'
FORMATS = ('png', 'exr', 'npy')
ROWS = 256
"""Rows of a group in a file of labels, and in memory."""
WRITERS = 2
"""Threads that compress maps."""
WAITING_BYTES = 1 << 26
"""Of maps that wait to be compressed."""
FACTS = [
    ('key', pa.string()), ('name', pa.string()), ('unit', pa.string()), ('url', pa.string()),
    ('width', pa.int32()), ('height', pa.int32()), ('error', pa.string()),
    ('boxes', pa.list_(pa.float32())), ('box_scores', pa.list_(pa.float32())),
]  # fmt: skip
"""Columns of all tasks; ``error`` says why an image has no labels."""


@dataclass(frozen=True)
class Labels:
    """What is to be found in the images; arguments are those of :class:`SapiensInferencer`.

    Args:
        tasks (tuple[str, ...]): Names of tasks.
        people (str): 'detect', 'image', a file of boxes, or the folder of a run that has judged
            this pool, or written it (OUT/images): its boxes above the limit of `person`. Defaults
            to None: 'detect' for poses, 'image' otherwise.
        fallback (str): As in ``SapiensInferencer.stream``. Defaults to 'none'.
        map_format (str): 'png', 'exr' or 'npy'. Defaults to 'png'.
        network (Mapping): Further arguments of the inferencer: ``model``, ``weights``, ``device``,
            ``batch_size``... Defaults to none.
    """

    tasks: tuple[str, ...] | None
    people: str | None = None
    fallback: str = 'none'
    map_format: str = 'png'
    network: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.map_format not in FORMATS:
            raise ValueError(
                f'`map_format` must be one of {", ".join(FORMATS)}, but got {self.map_format!r}'
            )

    def inferencer(self) -> SapiensInferencer:
        """One that builds its networks when they are needed."""
        try:
            return SapiensInferencer(tasks=self.tasks, lazy=True, **self.network)
        except KeyError as error:  # an unknown name; the command line shows no KeyError as it is
            raise ValueError(error.args[0]) from None

    def identity(self) -> dict[str, Any]:
        """What results depend on."""
        people = self.people
        if people not in (None, 'detect', 'image'):
            path = Path(people, SETTINGS_OF_RUN) if Path(people).is_dir() else Path(people)
            if not path.is_file():
                raise FileNotFoundError(
                    "`people` must be 'detect', 'image', a file of boxes or the folder of a run, "
                    f'but got {people!r}'
                )
            people = sha256_of(path)
        detector = self.network.get('detector')
        return dict(
            self.inferencer().identity,
            people=people,
            fallback=self.fallback,
            map_format=self.map_format,
            detector=detector,
        )


def label_names(units: Sequence[Unit]) -> list[str]:
    """Name of the files of each unit: that of its tar file, else its number.

    Raises:
        PoolError: If two units would have one name.
    """
    names = []
    for number, unit in enumerate(units):
        name = unit_name(number)
        if unit.kind == 'tar':
            suffix = next(s for s in TARS if unit.name.lower().endswith(s))
            name = unit.name[: -len(suffix)]
        names.append(name)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PoolError(f'the pool has two tar files for the name {twice[0]}: rename one')
    return names


def labels_path(out: str | Path, name: str) -> Path:
    """The labels of a unit; written last, it marks the unit as done."""
    return Path(out, 'labels', f'{name}.parquet')


def maps_path(out: str | Path, name: str) -> Path:
    """The maps of a unit."""
    return Path(out, 'maps', f'{name}.tar')


class UnitLabels:
    """Labels and maps of a unit; in a ``with`` block, after an error of which nothing is left."""

    def __init__(self, out: str | Path, name: str, schema: pa.Schema) -> None:
        self.out, self.name, self.schema = out, name, schema
        self.counts: Counter[str] = Counter()
        self._rows: list[dict[str, Any]] = []
        self._shard: Shard | None = None
        self._stack = ExitStack()

    def __enter__(self) -> UnitLabels:
        partial_path = self._stack.enter_context(atomic_open(labels_path(self.out, self.name)))
        self._table = pq.ParquetWriter(partial_path, self.schema, compression='zstd')
        return self

    def add(self, row: dict[str, Any], maps: Mapping[str, bytes]) -> None:
        """An image; ``maps`` are files by their names."""
        self.counts['broken' if row['error'] else 'annotated'] += 1
        self._rows.append(row)
        if maps and self._shard is None:
            self._shard = Shard(maps_path(self.out, self.name))
        for name, content in maps.items():
            assert self._shard is not None  # made above
            self._shard.add(name, content)
        if len(self._rows) == ROWS:
            self._flush()

    def _flush(self) -> None:
        self._table.write_table(pa.Table.from_pylist(self._rows, self.schema))
        self._rows.clear()

    def __exit__(self, *error: Any) -> None:
        if error[0] is not None:
            self._abandon(*error)
            return
        try:
            self._flush()
            size = dict(maps=self._shard.finish()) if self._shard else {}
            maps = len(self._shard.index) if self._shard else 0
            note = dict(verdicts=dict(self.counts), bytes=size, maps=maps)
            self._table.add_key_value_metadata({COUNTS: json.dumps(note)})
            self._table.close()
            self._stack.close()
        except BaseException:
            self._abandon(*sys.exc_info())
            raise

    def _abandon(self, *error: Any) -> None:
        self._table.is_open = False  # or it would write its end when it is collected
        if self._shard is not None:
            self._shard.abandon(*error)
        self._stack.__exit__(*error)


class FoundPeople:
    """Boxes of people that a run has found, for the images of its pool or of its shards.

    Args:
        run (Path): Folder of the run.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.limit = json.loads((run / SETTINGS_OF_RUN).read_bytes())['limits']['person']

    def rows(self, number: int, unit: Unit) -> Iterator[tuple[str, NDArray]]:
        """Key of each image of a unit, in their order, and its boxes with scores (N, 5).

        Raises:
            PoolError: If the run has no verdicts of this unit.
        """
        is_shard = Path(unit.root).resolve() == (self.run / 'images').resolve()
        path = done_path(self.run, int(unit.name[:DIGITS]) if is_shard else number)
        if not path.is_file():
            raise PoolError(f'`people` {self.run} has no verdicts of {unit.name}')
        columns = ['key', 'unit', 'shard', 'name', 'boxes', 'box_scores']
        for row in pq.read_table(path, columns=columns).to_pylist():
            if row['shard' if is_shard else 'unit'] == unit.name:
                boxes = np.float32(row['boxes'] or []).reshape(-1, 4)
                found = np.column_stack([boxes, np.float32(row['box_scores'] or [])])
                has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
                key = posixpath.splitext(row['name'])[0] if is_shard else row['key']
                yield key, found[has_area & (found[:, 4] >= self.limit)]


class Annotator:
    """Labels units; networks are built once in each process, for its first unit.

    Args:
        out (str | Path): Folder of the run.
        names (Mapping[int, str]): Of the files of each unit.
        labels (Labels): What to find.
    """

    def __init__(self, out: str | Path, names: Mapping[int, str], labels: Labels) -> None:
        self.out, self.names, self.labels = Path(out), names, labels
        self.inferencer = labels.inferencer()
        self.people: Any = labels.people
        self.found: FoundPeople | None = None
        if self.people not in (None, 'detect', 'image'):
            if Path(self.people).is_dir():
                self.found = FoundPeople(Path(self.people))
            else:
                self.people = PeopleFile(self.people)
        rows = self.inferencer.rows
        self.schema = schema_of(rows)
        self.writers = {r.name: MapWriter(r, labels.map_format) for r in rows if not r.is_pose}
        self.read = ReadOptions()

    def __call__(self, number: int, unit: Unit) -> dict[str, Any]:
        """Read, label and write a unit; the result is as that of ``Curator``."""
        return guarded(self.out, number, unit, self._run)

    def _run(self, number: int, unit: Unit) -> dict[str, Any]:
        start, cpu = time.monotonic(), time.process_time()
        known: dict[str, dict[str, Any]] = {}
        boxes: dict[str, NDArray] = {}
        people = self.people
        inputs = self._inputs(unit, known)
        if self.found is not None:
            people, inputs = boxes, self._with_boxes(inputs, number, unit, known, boxes)
        results = self.inferencer.stream(
            inputs, people=people, fallback=self.labels.fallback, read=self.read
        )
        size = 0
        with (
            UnitLabels(self.out, self.names[number], self.schema) as writer,
            ThreadPoolExecutor(WRITERS, 'human-curation-writing') as pool,
            closing(map_ahead(self._encode, results, pool, WRITERS, _bytes, WAITING_BYTES)) as done,
        ):
            for item, maps in done:
                name = item.name if isinstance(item, ReadFailure) else item.frame.name
                facts = known.pop(name)
                boxes.pop(name, None)
                size += facts.pop('bytes')
                writer.add({**facts, **row_of(item), **{t: m[0] for t, m in maps.items()}},
                           dict(maps.values()))  # fmt: skip
                del item, maps  # or they would live on while we wait for the next
        images = sum(writer.counts.values())
        return dict(
            number=number,
            unit=unit.name,
            images=images,
            bytes=size,
            verdicts=dict(writer.counts),
            seconds=time.monotonic() - start,
            cpu=dict(all=time.process_time() - cpu),
            seen=dict(all=images),
        )

    def _inputs(
        self, unit: Unit, known: dict[str, dict[str, Any]]
    ) -> Iterator[LazyImage | ReadFailure]:
        """The images of a unit, to be decoded; what is known of each goes to ``known``."""
        names = OutputNames()
        for item in read_unit(unit):
            file = _file_name(item)
            name = names.take(name_of_path(PurePosixPath(file)), posixpath.splitext(file)[1])
            url = item.facts.get('url')
            known[name] = dict(
                key=item.key, name=name, unit=unit.name, url=None if url is None else str(url),
                bytes=len(item.content or b''),
            )  # fmt: skip
            if item.content is None:
                yield ReadFailure(name, file, item.note)
            else:
                yield LazyImage(name, file, partial(decode_image, item.content, file, self.read))

    def _with_boxes(
        self,
        inputs: Iterator[LazyImage | ReadFailure],
        number: int,
        unit: Unit,
        known: Mapping[str, dict[str, Any]],
        boxes: dict[str, NDArray],
    ) -> Iterator[LazyImage | ReadFailure]:
        """The images of a unit; the boxes that a run has found in each go to ``boxes``."""
        assert self.found is not None  # or there would be none
        rows = self.found.rows(number, unit)
        for item in inputs:
            key, found = next(rows, ('', None))
            if found is None or key != known[item.name]['key']:
                raise PoolError(
                    f'`people` {self.found.run} has judged other images than those of {unit.name}: '
                    f'{key!r} comes there where {known[item.name]["key"]!r} is here'
                )
            boxes[item.name] = found
            yield item

    def _encode(
        self, item: ImageResult | ReadFailure
    ) -> tuple[ImageResult | ReadFailure, dict[str, tuple[str, bytes]]]:
        """With the name and content of the file of each map."""
        maps = {}
        if isinstance(item, ImageResult):
            for task, found in item.tasks.items():
                if isinstance(found, MapResult):
                    name = f'{item.frame.name}.{task}{self.writers[task].suffix}'
                    maps[task] = name, self.writers[task].encode(item, name)
        return item, maps


def _file_name(item: Item) -> str:
    """Of an image: the key in a tar file has no suffix."""
    return item.key if item.key.lower().endswith(item.suffix) else f'{item.key}{item.suffix}'


def _bytes(item: ImageResult | ReadFailure) -> int:
    if isinstance(item, ReadFailure):
        return 0
    maps = (found for found in item.tasks.values() if isinstance(found, MapResult))
    return item.frame.image.nbytes + sum(found.values.nbytes for found in maps)


def schema_of(tasks: Sequence[Task]) -> pa.Schema:
    """Columns of the labels; the metadata has the names of the keypoints of each task.

    A pose task has its keypoints x, y of all people in the order of the boxes, flat, and scores; a
    task with maps has the name of the file in the shard of maps.
    """
    columns, notes = list(FACTS), {}
    for row in tasks:
        if row.is_pose:
            columns += [(row.name, pa.list_(pa.float32()))]
            columns += [(f'{row.name}_scores', pa.list_(pa.float32()))]
            names = row.keypoint_set.keypoint_names
            notes[row.name] = json.dumps(dict(keypoint_names=list(names)))
        else:
            columns += [(row.name, pa.string())]
    return pa.schema(columns, metadata=notes)


def row_of(item: ImageResult | ReadFailure) -> dict[str, Any]:
    """What the parquet file says of an image."""
    if isinstance(item, ReadFailure):
        return dict(error=item.reason)
    height, width = item.frame.size_hw
    row: dict[str, Any] = dict(
        error=None,
        width=width,
        height=height,
        boxes=item.people.boxes.ravel(),
        box_scores=item.people.scores,
    )
    for task, found in item.tasks.items():
        if isinstance(found, PoseResult):
            row.update({task: found.keypoints.ravel(), f'{task}_scores': found.scores.ravel()})
    return row


def annotate(
    pool: str,
    out: str | Path,
    labels: Labels,
    *,
    per_unit: int = 1000,
    part: tuple[int, int] = (0, 1),
    **options: Any,
) -> dict[str, Any]:
    """Label what is not yet labeled.

    Args:
        pool (str): See :func:`find_units`.
        out (str | Path): Folder for labels and maps, made if needed.
        labels (Labels): What to find.
        per_unit, part, **options: As in :func:`curate`; also ``engine`` and ``workers``.

    Returns:
        dict: As of :func:`curate`; ``verdicts`` are 'annotated' and 'broken'.

    Raises:
        SettingsError: If the folder belongs to other settings.
        FolderInUseError: If another run is using it.
        PoolError: If there is nothing to read.
    """
    out = Path(out)
    units = find_units(pool, per_unit)
    names = label_names(units)
    settings = dict(pool=dict(units=len(units), sha256=digest_of(units)), **labels.identity())
    mine = range(part[0], len(units), part[1])
    with lock_part(out, part):
        check_settings(out, settings, SETTINGS)
        left = {number: names[number] for number in mine if not is_done(out, names[number])}
        remove_leftovers(out, left)
        summary = run_units(
            partial(Annotator, out, left, labels),
            [(number, units[number]) for number in left],
            out,
            pool=pool,
            part=part,
            units=len(mine),
            **options,
        )
        remove_leftovers(out, left)  # of workers that died on the way
        return dict(summary, verdicts=write_map_manifest(out, names))


def is_done(out: Path, name: str) -> bool:
    """Whether a unit has its labels."""
    return labels_path(out, name).is_file()


def remove_leftovers(out: Path, left: Mapping[int, str]) -> None:
    """What killed workers left of these units, and the record of their tries.

    Nobody else may be writing them.
    """
    (out / TRIES).mkdir(exist_ok=True)
    for number in left:
        (out / TRIES / unit_name(number)).unlink(missing_ok=True)
    doomed = {
        path for name in left.values() for path in (labels_path(out, name), maps_path(out, name))
    }
    for path in out.rglob(f'.*{TMP_SUFFIX}'):
        whole = path.name[1:].removesuffix(TMP_SUFFIX).rpartition('.')[0]
        if path.with_name(whole.removesuffix(INDEX_SUFFIX)) in doomed:
            path.unlink()


def write_map_manifest(out: Path, names: Sequence[str]) -> dict[str, int]:
    """List the shards of maps that are there; returns the images by what became of them."""
    totals: Counter[str] = Counter()
    manifest = Manifest([], [])
    for name in names:
        if is_done(out, name):
            counts = read_counts(labels_path(out, name))
            totals.update(counts['verdicts'])
            if counts['maps']:
                manifest.names.append(f'{name}.tar')
                manifest.counts.append(counts['maps'])
    if manifest.names:
        atomic_write(manifest.dumps(), out / 'maps' / MANIFEST)
    return dict(totals)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `annotate`: the options of `mmsapiens infer`, and those of `run`."""
    add = parser.add_argument
    add('pool', help='folder, tar or parquet file, or list; a path or a URL of fsspec')
    add('--out', required=True, help='folder for labels and maps')
    add('--tasks', '-t', help='names between commas; by default those of the weights')
    add('--model', '-m', help='sapiens-0.3b, -0.6b, -1b, -2b or -tiny')
    add('--weights', '-w', action='append', default=[], metavar='[TASK=]FILE')
    add('--config', '-c', action='append', default=[], metavar='[TASK=]FILE')
    add('--people', help="'detect' (for poses), 'image' (otherwise), a file of boxes, or the "
        '--out of a run over this pool, whose boxes are taken')  # fmt: skip
    add('--fallback', choices=('none', 'image'), default='none')
    add('--detector', help='as of `mmsapiens infer`')
    add('--box-threshold', type=float, help='least score of a person')
    add('--map-format', choices=FORMATS, default='png')
    add('--batch-size', type=int, default=4, help='people, or images, that a network sees at once')
    add('--threads', type=int, default=2, help='of each worker, that decode, and as many prepare')
    add('--device', help='such as cuda:0; by default cuda with --gpus, else cpu')
    add('--dtype', choices=('float32', 'bfloat16', 'float16'), default='float32')
    add('--random-weights', action='store_true', help=argparse.SUPPRESS)
    add_engine_arguments(parser)


def _by_task(option: str, words: Sequence[str]) -> dict[str, str] | str | None:
    """TASK=FILE of an option, or the one file without a task."""
    if len(words) == 1 and ('=' not in words[0] or Path(words[0]).exists()):
        return words[0]
    found = {}
    for word in words:
        task, separator, path = word.partition('=')
        if not separator:
            raise ValueError(f'`{option}` must be TASK=FILE, but got {word!r}')
        found[task] = path
    return found or None


def labels_of(args: argparse.Namespace) -> Labels:
    """What the command line asks for."""
    detector = dict(weights=args.detector, score_threshold=args.box_threshold)
    network = dict(
        model=args.model,
        weights=_by_task('--weights', args.weights),
        configs=_by_task('--config', args.config),
        detector={k: v for k, v in detector.items() if v is not None} or None,
        batch_size=args.batch_size,
        workers=args.threads,
        device=args.device or ('cuda' if args.gpus else 'cpu'),
        dtype=args.dtype,
        random_weights=args.random_weights,
    )
    tasks = tuple(word.strip() for word in args.tasks.split(',')) if args.tasks else None
    return Labels(tasks, args.people, args.fallback, args.map_format, network)


def run(args: argparse.Namespace) -> int:
    """Label, print what was done, and return the exit code."""
    summary = annotate(args.pool, args.out, labels_of(args), **engine_options(args))
    print('\n'.join(summary_lines(summary)))
    return 0
