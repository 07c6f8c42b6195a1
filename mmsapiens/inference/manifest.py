"""What a run did: models, options, conventions, inputs and their outputs."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..core.atomic_files import atomic_write
from .file_checks import Checks
from .journal import Journal

FORMAT = 1
PACKAGES = (
    'mmsapiens',
    'torch',
    'torchvision',
    'numpy',
    'opencv-python',
    'pillow',
    'av',
    'mmengine',
    'mmcv-lite',
    'mmcv',
    'mmpose',
    'mmsegmentation',
    'mmdet',
)
CONVENTIONS = {
    'pixels': 'x to the right, y down, in pixels of the image after its '
    'EXIF orientation was applied; pixel centers have whole numbers',
    'bbox': 'x1, y1, x2, y2 in pixels; in coco files x, y, width, height',
    'seg': 'class ids, 0 is the background',
    'depth': 'relative to the person, larger is farther, no unit',
    'normal': 'unit vectors, x to the right, y up, z towards the camera; '
    'in files x, y, z as R, G, B',
    'images': 'JPEG and mp4, colors as usual',
    'time_s': 'seconds since the first frame of the video',
}


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that matter."""
    found = {'python': platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@dataclass
class Entry:
    """What became of an image.

    Args:
        source (str): Its path or URL.
        status (str): 'done', 'failed', or 'partial' while its files are being replaced.
        outputs (list[str]): Files, relative to the folder of the results.
        reason (str): Why it failed. Defaults to none.
        people (int, optional): How many. Defaults to None.
        stamp (list[int], optional): Size and time of the input's file. Defaults to None.
        look (dict, optional): Settings of its drawings by folder. Defaults to None.
        checks (Checks, optional): Of its files. Defaults to None, unknown.
    """

    source: str
    status: str
    outputs: list[str] = field(default_factory=list)
    reason: str = ''
    people: int | None = None
    stamp: list[int] | None = None
    look: dict[str, Any] | None = None
    checks: Checks | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Up to where a video is done.

    Args:
        first (int): Index of its first frame.
        last (int): Index of the last one that is done.
        step (int): From one frame to the next.
        count (int): Frames that are done.
        people (int): Found in all of these together.
        pieces (int): Pieces of the annotated video that are whole.
        place (int): Of its line in the journal, which has the state of tracking and smoothing.
            Defaults to -1, none.
    """

    first: int
    last: int
    step: int
    count: int
    people: int
    pieces: int
    place: int = -1

    def indices(self) -> range:
        """Indices of the frames that are done."""
        return range(self.first, self.last + 1, self.step)


@dataclass
class VideoEntry:
    """What became of a video.

    Args:
        source (str): Its path.
        stamp (list[int], optional): As in :class:`Entry`.
        look (dict, optional): As in :class:`Entry`.
        status (str): 'partial', 'done' or 'failed'. Defaults to 'partial'.
        outputs (list[str]): Patterns of its files. Defaults to none.
        reason (str): Why it failed. Defaults to none.
        checkpoints (list[Checkpoint]): In their order.
    """

    source: str
    stamp: list[int] | None = None
    look: dict[str, Any] | None = None
    status: str = 'partial'
    outputs: list[str] = field(default_factory=list)
    reason: str = ''
    checkpoints: list[Checkpoint] = field(default_factory=list)


class Manifest:
    """The journal of a folder, and the summary that is made of it.

    Args:
        folder (Path): Of the results.
        identity (Mapping[str, Any]): What the results depend on: models with SHA-256 and options,
            of JSON types.
        overwrite (bool): Whether to forget what other models or options did. Defaults to False.

    Attributes:
        images (dict[str, Entry]): Name -> what became of it.
        videos (dict[str, VideoEntry]): Likewise.
        is_settled (bool): Whether all files are known to be on the disk.

    Raises:
        ValueError: If the folder has results of other models or options.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], overwrite: bool = False) -> None:
        self.folder = folder
        self.path = folder / 'manifest.json'
        self.journal = Journal(folder / 'manifest.jsonl')
        self.identity = json.loads(json.dumps(identity))
        self.images: dict[str, Entry] = {}
        self.videos: dict[str, VideoEntry] = {}
        self.is_settled = True
        self._unsettled: set[str] = set()
        self._settled_at = -1
        former = None
        for place, line in self.journal.read():
            if 'identity' in line:
                former = line['identity']
            else:
                self._replay(place, line)
        if former not in (None, self.identity):
            if not overwrite:
                raise ValueError(_differences(folder, former, self.identity))
            self.images, self.videos = {}, {}
            self._unsettled, self._settled_at = set(), -1
            self.is_settled = True
            self.path.unlink(missing_ok=True)
            self.journal.path.unlink()
            former = None
        if former is None:
            self.journal.append({'identity': self.identity}, sync=True)

    def _replay(self, place: int, line: Mapping[str, Any]) -> None:
        self.is_settled = 'settled' in line
        if self.is_settled:
            for name in self._unsettled & self.images.keys():
                self.images[name].checks = None  # no longer needed
            self._unsettled.clear()
            self._settled_at = place
            return
        if 'image' in line:
            self.videos.pop(line['image'], None)
            self.images[line['image']] = Entry(**line['entry'])
            self._unsettled.add(line['image'])
            return
        name = line['video']
        if 'source' in line:
            self.images.pop(name, None)
            self.videos[name] = VideoEntry(line['source'], line['stamp'], line['look'])
        video = self.videos[name]
        if 'checkpoint' in line:
            video.checkpoints.append(Checkpoint(**line['checkpoint'], place=place))
        if 'keep' in line:
            del video.checkpoints[line['keep'] :]
        if 'status' in line:
            video.status = line['status']
            video.outputs = line.get('outputs', [])
            video.reason = line.get('reason', '')

    def add_image(self, name: str, entry: Entry) -> None:
        """Note what became of an image."""
        line = {'image': name, 'entry': asdict(entry)}
        self.journal.append(line)
        self._replay(-1, line)
        self.images[name].checks = None  # the next run reads them

    def void_image(self, name: str) -> int:
        """Note that the files of an image are no longer those of its entry.

        Args:
            name (str): Of an image with an entry.

        Returns:
            int: Where the line ends, for :meth:`Journal.sync`.
        """
        entry = replace(self.images[name], status='partial', checks=None)
        line = {'image': name, 'entry': asdict(entry)}
        end = self.journal.append(line)
        self._replay(-1, line)
        return end

    def note_video(self, name: str, **line: Any) -> None:
        """Note something about a video, see :meth:`_replay`; kept at once."""
        line['video'] = name
        self.journal.append(line, sync=True)
        self._replay(-1, line)

    def note_checkpoint(
        self, name: str, checkpoint: Checkpoint, state: Any = None, checks: Checks | None = None
    ) -> None:
        """Note up to where a video is done.

        Args:
            name (str): Of the video.
            checkpoint (Checkpoint): Without a place.
            state (Any): Of tracking and smoothing, of JSON types. Defaults to None.
            checks (Checks, optional): Of the files since the checkpoint before. Defaults to None,
                unknown.
        """
        numbers = asdict(checkpoint)
        del numbers['place']
        self.note_video(name, checkpoint=numbers, state=state, checks=checks or {})

    def note_settled(self) -> None:
        """Note that the files of all that was noted are on the disk."""
        line = {'settled': True}
        self.journal.append(line, sync=True)
        self._replay(-1, line)

    def check_doubtful(self, is_whole: Callable[[Checks], bool]) -> None:
        """Look at the files that nobody has brought to the disk.

        They are of runs that did not come to their end. What has a damaged one is not done any
        more.

        Args:
            is_whole (Callable): Whether files have the content of their checks.
        """
        for name in sorted(self._unsettled & self.images.keys()):
            entry = self.images[name]
            if not is_whole(entry.checks or {}):
                self.void_image(name)
            entry.checks = None
        for name, video in self.videos.items():
            for number, checkpoint in enumerate(list(video.checkpoints)):
                if checkpoint.place <= self._settled_at:
                    continue
                line = self.journal.read_at(checkpoint.place)
                if not is_whole(line.get('checks', {})):
                    self.note_video(name, keep=number, status='partial')
                    break

    def state(self, checkpoint: Checkpoint) -> dict[str, Any] | None:
        """State of tracking and smoothing after a checkpoint."""
        if checkpoint.place < 0:
            return None
        return self.journal.read_at(checkpoint.place).get('state')

    def frame_names(self) -> Iterator[str]:
        """Names of all images and frames that are done, in their order."""
        for name, entry in self.images.items():
            if entry.status == 'done':
                yield name
        for name, video in self.videos.items():
            if video.checkpoints:
                for index in video.checkpoints[-1].indices():
                    yield f'{name}/{index:06d}'

    def write(self, is_complete: bool) -> None:
        """Write the summary, ``manifest.json``.

        Args:
            is_complete (bool): Whether the run came to its end.
        """
        inputs: list[dict[str, Any]] = []
        for name, entry in self.images.items():
            inputs.append(dict(name=name, **_shown(entry)))
        frames = 0
        for name, video in self.videos.items():
            shown = _shown(video)
            last = shown.pop('checkpoints', [])[-1:]
            if last:
                numbers = {
                    key: last[0][key] for key in ('first', 'last', 'step', 'count', 'people')
                }
                shown['frames'] = numbers
                frames += numbers['count']
            inputs.append(dict(name=name, **shown))
        states = [one['status'] for one in inputs]
        document = dict(
            format=FORMAT,
            complete=is_complete,
            versions=package_versions(),
            **self.identity,
            conventions=CONVENTIONS,
            counts=dict(
                inputs=len(inputs),
                frames=frames,
                **{s: states.count(s) for s in ('done', 'failed', 'partial')},
            ),
            inputs=inputs,
        )
        text = json.dumps(document, indent=1)
        atomic_write(text.encode(), self.path)


def _shown(entry: Entry | VideoEntry) -> dict[str, Any]:
    """An entry without what it leaves open."""
    return {
        key: value
        for key, value in asdict(entry).items()
        if value not in ('', None, [], {}) and key != 'checks'
    }


def _differences(folder: Path, former: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Which settings differ, for a message."""
    lines = []
    flat_former, flat_wanted = _flat(former), _flat(wanted)
    for key in sorted(flat_former.keys() | flat_wanted.keys()):
        old, new = flat_former.get(key), flat_wanted.get(key)
        if old != new:
            lines.append(f'{key} was {old!r} and is {new!r}')
    return (
        f'the folder {folder} has results of other models or options: '
        f'{"; ".join(lines[:5])}. Choose another folder, use the same '
        'settings, or `overwrite=True`.'
    )


def _flat(value: Any, prefix: str = '') -> dict[str, Any]:
    """Leaves of nested dicts and lists by their path."""
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in items:
        flat.update(_flat(inner, f'{prefix}.{key}' if prefix else str(key)))
    return flat
