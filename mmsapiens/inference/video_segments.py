"""A video that is done in segments: where to continue after a kill, and its annotated video.

A JSON file says up to where a segment goes; beside it are the frames that were drawn, encoded,
which are joined at the end.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.atomic_files import atomic_open, atomic_write

CLOCK = 90_000
"""Ticks of a second."""
BT709, LIMITED = 1, 1
"""Colors of what we write, as files number them: primaries, transfer and matrix, and range."""
_CODECS = {
    'libx264': {'crf': '20', 'preset': 'veryfast', 'bf': '0'},
    'mpeg4': {'qscale': '3', 'bf': '0'},
}
"""Codec -> its options, the best first. Without frames that refer to later ones, packets are in the
order of their times, and segments can be joined."""


def read_segments(folder: Path) -> Iterator[dict[str, Any]]:
    """What was noted of each segment of an interrupted video, in order."""
    for number in count():
        try:
            yield json.loads(_path(folder, number, '.json').read_bytes())
        except (OSError, ValueError):
            return


def _path(folder: Path, number: int, suffix: str) -> Path:
    return folder / f'{number:06d}{suffix}'


class VideoSegments:
    """Writes the segments of one video, and the annotated video ``path`` (.mp4) when it is whole.
    ``keep`` segments of an earlier run stay in ``folder``; ``fps`` is for frames that have no time.
    """

    def __init__(
        self, folder: Path, path: Path | None = None, fps: float = 25.0, keep: int = 0
    ) -> None:
        self.folder, self.path, self.fps = folder, path, fps
        self.count = keep
        self._container: Any = None
        self._stream: Any = None
        self._size_wh: tuple[int, int] | None = None
        self._pts = -1
        folder.mkdir(parents=True, exist_ok=True)
        kept = {_path(folder, n, suffix) for n in range(keep) for suffix in ('.json', '.nut')}
        for path in set(folder.iterdir()) - kept:
            path.unlink()

    def write(self, image: NDArray, time_s: float | None) -> None:
        """Add a frame, RGB, uint8 (H, W, 3), resized to the size of the first one, at a time."""
        import av

        if self._container is None:
            self._start(image)
        assert self._size_wh is not None
        frame = av.VideoFrame.from_ndarray(_fit(image, self._size_wh), format='rgb24')
        frame = frame.reformat(format='yuv420p', dst_colorspace=BT709, dst_color_range=LIMITED)
        step = round(CLOCK / self.fps)
        pts = self._pts + step if time_s is None else round(time_s * CLOCK)
        self._pts = frame.pts = max(pts, self._pts + 1)
        frame.time_base = Fraction(1, CLOCK)
        self._container.mux(self._stream.encode(frame))

    def _start(self, image: NDArray) -> None:
        import av

        if self._size_wh is None and self.count:
            with av.open(_path(self.folder, 0, '.nut')) as first:
                context = first.streams.video[0].codec_context
                self._size_wh = context.width, context.height
        if self._size_wh is None:
            height, width = image.shape[:2]
            self._size_wh = width + width % 2, height + height % 2
        name = next(n for n in _CODECS if n in av.codecs_available)
        self._container = av.open(_path(self.folder, self.count, '.nut'), 'w', format='nut')
        self._stream = self._container.add_stream(
            name, rate=Fraction(self.fps).limit_denominator(1001), options=_CODECS[name]
        )
        self._stream.width, self._stream.height = self._size_wh
        self._stream.pix_fmt = 'yuv420p'
        context = self._stream.codec_context
        context.time_base = Fraction(1, CLOCK)
        # Without, players guess by the size of the image.
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED

    def close_segment(self, note: Mapping[str, Any]) -> None:
        """End a segment; it counts once its note is written: what the next run continues with."""
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._container = None
        path = _path(self.folder, self.count, '.json')
        atomic_write(json.dumps(note).encode(), path, is_durable=False)
        self.count += 1

    def join(self) -> None:
        """Make the annotated video of whole segments."""
        if self.path is not None and self.count:
            with atomic_open(self.path) as partial:
                self._copy(partial)

    def remove(self) -> None:
        """Remove the segments."""
        shutil.rmtree(self.folder)

    def _copy(self, target: Path) -> None:
        """Copy the packets of all segments, times from 0."""
        import av

        options = {'movflags': 'faststart'}
        stream, first = None, None
        with av.open(target, 'w', format='mp4', options=options) as joined:
            for number in range(self.count):
                with av.open(_path(self.folder, number, '.nut')) as segment:
                    source = segment.streams.video[0]
                    if stream is None:
                        stream = joined.add_stream_from_template(source)
                    for packet in segment.demux(source):
                        if packet.pts is None:  # the end of a segment
                            continue
                        first = packet.pts if first is None else first
                        # No frame refers to a later one.
                        packet.pts -= first
                        packet.dts = packet.pts
                        packet.stream = stream
                        joined.mux(packet)


def _fit(image: NDArray, size_wh: tuple[int, int]) -> NDArray:
    """An image in the size of a video; odd sides get one more pixel."""
    width, height = size_wh
    short = height - image.shape[0], width - image.shape[1]
    if all(value in (0, 1) for value in short):
        image = np.pad(image, ((0, short[0]), (0, short[1]), (0, 0)), 'edge')
    else:
        image = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image)
