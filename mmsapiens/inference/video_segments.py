"""A video that is written in pieces and joined at its end.

A run that is killed loses at most the piece that it was writing. Joining copies what is encoded.
"""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.atomic_files import TMP_SUFFIX, atomic_open, move_whole

CLOCK = 90_000
"""Ticks of a second."""
_CODECS = {
    'libx264': {'crf': '20', 'preset': 'veryfast', 'bf': '0'},
    'mpeg4': {'qscale': '3', 'bf': '0'},
}
"""Codec -> its options, the best first. Without frames that refer to later ones, packets are in the
order of their times, and pieces can be joined."""


class VideoSegments:
    """Writes one video.

    Args:
        path (Path): The video, ends in .mp4. It appears when it is whole.
        folder (Path): For the pieces; emptied at the end.
        fps (float): For frames that have no time. Defaults to 25.
        keep (int): Pieces of an earlier run to keep; further ones are removed. Defaults to 0.

    Attributes:
        count (int): Pieces that are whole.
    """

    def __init__(self, path: Path, folder: Path, fps: float = 25.0, keep: int = 0) -> None:
        self.path, self.folder, self.fps = path, folder, fps
        self.count = keep
        self._container: Any = None
        self._stream: Any = None
        self._size_wh: tuple[int, int] | None = None
        self._pts = -1
        folder.mkdir(parents=True, exist_ok=True)
        kept = {self._piece(index) for index in range(keep)}
        for piece in folder.iterdir():
            if piece not in kept:
                piece.unlink()

    def _piece(self, index: int) -> Path:
        return self.folder / f'{index:06d}.nut'

    @property
    def _partial(self) -> Path:
        return self._piece(self.count).with_suffix(f'.nut{TMP_SUFFIX}')

    def write(self, image: NDArray, time_s: float | None) -> None:
        """Add a frame.

        Args:
            image (NDArray): RGB, uint8 (H, W, 3); resized to the size of the first one if it is
                another.
            time_s (float, optional): When it is shown.
        """
        import av

        if self._container is None:
            self._start(image)
        assert self._size_wh is not None
        frame = av.VideoFrame.from_ndarray(_fit(image, self._size_wh), format='rgb24')
        step = round(CLOCK / self.fps)
        pts = self._pts + step if time_s is None else round(time_s * CLOCK)
        self._pts = frame.pts = max(pts, self._pts + 1)
        frame.time_base = Fraction(1, CLOCK)
        self._container.mux(self._stream.encode(frame))

    def _start(self, image: NDArray) -> None:
        import av

        if self._size_wh is None and self.count:
            with av.open(self._piece(0)) as first:
                context = first.streams.video[0].codec_context
                self._size_wh = context.width, context.height
        if self._size_wh is None:
            height, width = image.shape[:2]
            self._size_wh = width + width % 2, height + height % 2
        name = next(n for n in _CODECS if n in av.codecs_available)
        self._container = av.open(self._partial, 'w', format='nut')
        self._stream = self._container.add_stream(
            name, rate=Fraction(self.fps).limit_denominator(1001), options=_CODECS[name]
        )
        self._stream.width, self._stream.height = self._size_wh
        self._stream.pix_fmt = 'yuv420p'
        self._stream.codec_context.time_base = Fraction(1, CLOCK)

    def close_piece(self) -> None:
        """End the piece; without frames there is none."""
        if self._container is None:
            return
        self._container.mux(self._stream.encode())
        self._container.close()
        self._container = None
        move_whole(self._partial, self._piece(self.count))
        self.count += 1

    def abandon(self) -> None:
        """Forget the piece that is being written."""
        if self._container is not None:
            self._container.close()
            self._container = None
        self._partial.unlink(missing_ok=True)

    def join(self) -> bool:
        """Make the video of the pieces, and remove these.

        Returns:
            bool: Whether there was any frame.
        """
        self.close_piece()
        if self.count:
            with atomic_open(self.path) as partial:
                self._copy(partial)
        shutil.rmtree(self.folder)
        return bool(self.count)

    def _copy(self, target: Path) -> None:
        """Copy the packets of all pieces, times from 0."""
        import av

        options = {'movflags': 'faststart'}
        stream, first = None, None
        with av.open(target, 'w', format='mp4', options=options) as joined:
            for index in range(self.count):
                with av.open(self._piece(index)) as piece:
                    source = piece.streams.video[0]
                    if stream is None:
                        stream = joined.add_stream_from_template(source)
                    for packet in piece.demux(source):
                        if packet.pts is None:  # the end of a piece
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
