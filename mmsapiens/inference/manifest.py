"""What a folder of results says about itself: ``manifest.json`` and ``done.jsonl``."""

from __future__ import annotations

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
_NOT_IDENTITY = ('format', 'complete', 'versions', 'conventions', 'counts', 'inputs')


@dataclass
class Entry:
    """What became of an image or video.

    Args:
        name (str): Of its results.
        source (str): Its path or URL.
        status (str): 'done', 'failed', or 'partial' for a video that was interrupted.
        outputs (list[str]): Files, relative to the folder of the results; patterns of a video's.
        reason (str): Why it failed. Defaults to none.
        people (int, optional): How many. Defaults to None.
        stamp (list[int], optional): Size and time of the input's file. Defaults to None.
        style (dict, optional): Settings of its drawings by folder. Defaults to None.
        frames (dict, optional): Of a video: ``first``, ``last``, ``step``, ``count``, ``people``.
            Defaults to None.
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


class DoneLog:
    """``done.jsonl``: a line for each finished input, only ever appended to.

    Lines survive a kill at any moment; half a line counts as none.

    Args:
        path (Path): The file; it need not exist.
        options (str): Hash of models and options; lines with another one are passed over.

    Attributes:
        entries (dict[str, Entry]): Name -> its last line.
        has_others (bool): Whether there are lines of other options.
    """

    def __init__(self, path: Path, options: str) -> None:
        self.path, self.options = path, options
        self.entries: dict[str, Entry] = {}
        self.has_others = False
        self._file: BinaryIO | None = None
        for line in path.read_bytes().splitlines() if path.exists() else ():
            try:
                content = json.loads(line)
                is_ours = content.pop('options') == options
                entry = Entry(**content)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # cut by a kill
            self.has_others |= not is_ours
            if is_ours:
                self.entries[entry.name] = entry

    def add(self, entry: Entry) -> None:
        """Append a line."""
        if self._file is None:
            self._file = self.path.open('ab')
            if self._file.tell():
                self._file.write(b'\n')  # ends half a line of a kill
        line = json.dumps(dict(options=self.options, **entry.shown()))
        self._file.write(line.encode() + b'\n')
        self._file.flush()
        self.entries[entry.name] = entry

    def clear(self) -> None:
        """Forget everything."""
        self.path.unlink(missing_ok=True)
        self.entries, self.has_others = {}, False

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Manifest:
    """``manifest.json``: models, options, conventions, versions, and a summary of all inputs.

    Args:
        folder (Path): Of the results.
        identity (Mapping[str, Any]): What the results depend on: models with SHA-256 and options,
            of JSON types.
        overwrite (bool): Whether to forget what other models or options did. Defaults to False.

    Attributes:
        log (DoneLog): What is done.
        is_complete (bool): Whether the last run came to its end.

    Raises:
        ValueError: If the folder has results of other models or options.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], overwrite: bool = False) -> None:
        self.path = folder / 'manifest.json'
        self.identity = json.loads(json.dumps(identity))
        text = json.dumps(self.identity, sort_keys=True)
        self.log = DoneLog(folder / 'done.jsonl', sha256(text.encode()).hexdigest()[:16])
        former = _read(self.path)
        self.is_complete = bool(former.get('complete'))
        former = {key: v for key, v in former.items() if key not in _NOT_IDENTITY}
        if self.log.has_others or former not in ({}, self.identity):
            if not overwrite:
                raise ValueError(_differences(folder, former, self.identity))
            self.log.clear()
            former = {}
        if not former:
            self.write(is_complete=False)

    def write(self, is_complete: bool, partial: Iterable[Entry] = ()) -> None:
        """Write the file.

        Args:
            is_complete (bool): Whether the run came to its end.
            partial (Iterable[Entry]): Videos that were interrupted. Defaults to none.
        """
        self.is_complete = is_complete
        entries = [*self.log.entries.values(), *partial]
        states = [entry.status for entry in entries]
        document = dict(
            format=FORMAT,
            complete=is_complete,
            versions=package_versions(),
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


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that matter."""
    found = {'python': platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(
            f'{path} is damaged ({error}). Remove it to keep the results, if they are of the same '
            'models and options.'
        ) from error
    return dict(found)


def _differences(folder: Path, former: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Which settings differ, for a message."""
    flat_former, flat_wanted = _flat(former), _flat(wanted)
    lines = [
        f'{key} was {flat_former.get(key)!r} and is {flat_wanted.get(key)!r}'
        for key in sorted(flat_former.keys() | flat_wanted.keys())
        if former and flat_former.get(key) != flat_wanted.get(key)
    ]
    return (
        f'the folder {folder} has results of other models or options: '
        f'{"; ".join(lines[:5]) or "see done.jsonl"}. Choose another folder, use the same '
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
