"""What a folder of results says about itself: ``manifest.json`` and ``done.jsonl``."""

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

from ..core.atomic_files import atomic_write

FORMAT = 2
PACKAGES = 'mmsapiens torch torchvision numpy opencv-python pillow av'
HOSTS = 'mmengine mmcv-lite mmcv mmpose mmsegmentation mmdet'
CONVENTIONS = {
    'pixels': 'x to the right, y down, in pixels of the image after its EXIF orientation was '
    'applied; pixel centers have whole numbers',
    'bbox': 'x1, y1, x2, y2 in pixels; in coco files x, y, width, height',
    'seg': 'class ids, 0 is the background',
    'depth': 'relative to the person, larger is farther, no unit',
    'normal': 'unit vectors, x right, y up, z towards the camera; in files x, y, z as R, G, B',
    'images': 'JPEG and mp4, colors as usual',
    'time_s': 'seconds since the first frame of the video',
}
_NOT_IDENTITY = ('format', 'complete', 'versions', 'conventions', 'counts', 'inputs')


@dataclass
class Entry:
    """What became of an image or video: 'done', 'failed', or 'partial' for a video that was
    interrupted.

    ``outputs`` are relative to the folder, patterns of a video's. ``stamp`` is size and time of the
    input's file, ``style`` the settings of drawings by folder.
    """

    name: str
    source: str
    status: str
    outputs: list[str] = field(default_factory=list)
    reason: str = ''
    people: int | None = None
    stamp: list[int] | None = None
    style: dict[str, Any] | None = None
    frames: dict[str, int] | None = None

    def shown(self) -> dict[str, Any]:
        """The entry without what it leaves open."""
        return {key: v for key, v in asdict(self).items() if v not in ('', None, [], {})}


class Manifest:
    """``manifest.json`` sums all inputs up; ``done.jsonl`` has a line for each finished one.

    Lines are only ever appended; half a line of a kill counts as none. ``entries`` has the last one
    of each name, ``options`` is a hash of ``identity``: what results depend on, of JSON types.
    ``overwrite`` forgets what others did, which is a ValueError otherwise.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], overwrite: bool = False) -> None:
        self.path, self._log_path = folder / 'manifest.json', folder / 'done.jsonl'
        self.identity = json.loads(json.dumps(identity))
        text = json.dumps(self.identity, sort_keys=True)
        self.options = sha256(text.encode()).hexdigest()[:16]
        self.entries: dict[str, Entry] = {}
        self._log: BinaryIO | None = None
        has_others = self._read_log()
        former = _read(self.path)
        self.is_complete = bool(former.get('complete'))
        former = {key: v for key, v in former.items() if key not in _NOT_IDENTITY}
        if has_others or former not in ({}, self.identity):
            if not overwrite:
                raise ValueError(_differences(folder, former, self.identity))
            self._log_path.unlink(missing_ok=True)
            self.entries, former = {}, {}
        if not former:
            self.write(is_complete=False)

    def _read_log(self) -> bool:
        """Take the entries of our options; whether there are others."""
        has_others = False
        for line in self._log_path.read_bytes().splitlines() if self._log_path.exists() else ():
            try:
                content = json.loads(line)
                is_ours = content.pop('options') == self.options
                entry = Entry(**content)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # cut by a kill
            has_others |= not is_ours
            if is_ours:
                self.entries[entry.name] = entry
        return has_others

    def add(self, entry: Entry) -> None:
        """Append a line."""
        if self.is_complete:
            self.write(is_complete=False)
        if self._log is None:
            self._log = self._log_path.open('ab')
            if self._log.tell():
                self._log.write(b'\n')  # ends half a line of a kill
        line = json.dumps(dict(options=self.options, **entry.shown()))
        self._log.write(line.encode() + b'\n')
        self._log.flush()
        self.entries[entry.name] = entry

    def close(self) -> None:
        """Close the log; the next line opens it again."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def write(self, is_complete: bool, partial: Iterable[Entry] = ()) -> None:
        """Write the file; ``partial`` are videos that were interrupted."""
        self.is_complete = is_complete
        entries = [*self.entries.values(), *partial]
        states = [entry.status for entry in entries]
        document = dict(
            format=FORMAT,
            complete=is_complete,
            versions=_package_versions(),
            **self.identity,
            conventions=CONVENTIONS,
            counts=dict(
                inputs=len(entries),
                frames=sum(entry.frames['count'] for entry in entries if entry.frames),
                **{s: states.count(s) for s in ('done', 'failed', 'partial')},
            ),
            inputs=[entry.shown() for entry in entries],
        )
        atomic_write(json.dumps(document, indent=1).encode(), self.path)


def _package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that matter."""
    found = {'python': platform.python_version()}
    for name in f'{PACKAGES} {HOSTS}'.split():
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        remedy = 'Remove it to keep the results, if they are of the same models and options.'
        raise ValueError(f'{path} is damaged ({error}). {remedy}') from error


def _differences(folder: Path, former: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Which settings differ, for a message."""
    flat_former, flat_wanted = dict(_leaves(former)), dict(_leaves(wanted))
    lines = [
        f'{key} was {flat_former.get(key)!r} and is {flat_wanted.get(key)!r}'
        for key in sorted(flat_former.keys() | flat_wanted.keys())
        if former and flat_former.get(key) != flat_wanted.get(key)
    ]
    what = '; '.join(lines[:5]) or 'see done.jsonl'
    text = f'the folder {folder} has results of other models or options: {what}'
    return f'{text}. Choose another folder, use the same settings, or `overwrite=True`.'


def _leaves(value: Any, *path: str) -> Iterable[tuple[str, Any]]:
    """Leaves of nested dicts and lists, each with its path."""
    if not isinstance(value, (Mapping, list)):
        yield '.'.join(path), value
        return
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        yield from _leaves(inner, *path, str(key))
