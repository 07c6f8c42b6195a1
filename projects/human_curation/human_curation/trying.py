"""One image through all checks, whatever each says: ``try IMAGE``.

Prints score, limit and time of each check, and draws them beside the image with the people found.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmsapiens.core import ReadError, atomic_write
from mmsapiens.visualization.panels import blank, fit_text, line_height, stack, text_strip

from .checks import Check, header_checks, pdq_of, pixel_checks
from .decoding import decode_small
from .header import Header, read_header
from .models import Network, Pixels
from .options import SSCD, Options, add_options, options_of

GOOD, BAD, LIMIT = (90, 190, 110), (230, 95, 80), (250, 210, 90)
"""Colors of a score that passes, of one that fails, and of the limit; RGB."""
SHOWN = 900
"""Pixels of the longer side of the image that is drawn."""
LINE = 20
"""Size of the font in pixels."""


@dataclass(frozen=True)
class Line:
    """What a check says.

    Args:
        name (str): Of the check.
        score (float): Of the image.
        limit (float): Of the check.
        passes (bool): Whether the image stays.
        seconds (float): Time it took.
    """

    name: str
    score: float
    limit: float
    passes: bool
    seconds: float


@dataclass
class Trial:
    """An image and what all checks say.

    Args:
        header (Header): Of the file.
        image (NDArray | None): As the checks saw it, RGB, uint8 (H, W, 3); None if it is not
            decoded because it is too large.
        lines (list[Line]): In the order of the checks.
        row (dict): Columns of the verdict: ``boxes``, ``box_scores``, ``people``, ``pdq_quality``.
    """

    header: Header
    image: NDArray | None
    lines: list[Line]
    row: dict[str, Any]

    @property
    def verdict(self) -> str:
        """The first check that fails, else 'kept'."""
        return next((line.name for line in self.lines if not line.passes), 'kept')


def try_image(content: bytes, options: Options) -> Trial:
    """Put a file through all checks.

    Raises:
        ReadError: If it cannot be read: its verdict is 'broken'.
    """
    limits, lines = options.all_limits(), []
    header = read_header(content)
    row: dict[str, Any] = dict(width=header.width, height=header.height)
    for check in header_checks(limits, options.skip):
        start = time.perf_counter()
        score = check.score(header)
        lines.append(_line(check, score, start))
    if header.width * header.height > limits['pixels']:
        return Trial(header, None, lines, row)
    image = decode_small(content, header, options.decode_side)
    networks = {
        name: Network(model, 1, options.device)
        for name, model in options.models.items()
        if name != SSCD and name not in options.skip
    }
    for check in pixel_checks(limits, options.skip, networks):
        pixels = Pixels(image)
        start = time.perf_counter()
        score = check.scores([pixels], [row])[0]
        lines.append(_line(check, score, start))
    row['pdq'], row['pdq_quality'] = pdq_of(image)
    return Trial(header, image, lines, row)


def _line(check: Check, score: float, start: float) -> Line:
    return Line(check.name, score, check.limit, check.passes(score), time.perf_counter() - start)


def draw(trial: Trial) -> NDArray[np.uint8]:
    """The image with its people, and a bar for each score, RGB, uint8 (H, W, 3)."""
    panel = _draw_scores(trial, width=24 * LINE)
    if trial.image is None:
        return panel
    height, width = trial.image.shape[:2]
    scale = SHOWN / max(height, width)
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    shown = cv2.resize(trial.image, None, fx=scale, fy=scale, interpolation=kind)
    limit = next((line.limit for line in trial.lines if line.name == 'person'), 0.0)
    boxes = np.reshape(trial.row.get('boxes') or [], (-1, 4))
    boxes = boxes * shown.shape[1] / trial.row['width']
    for box, score in zip(boxes, trial.row.get('box_scores') or []):
        color = GOOD if score >= limit else BAD
        x1, y1, x2, y2 = (int(v) for v in box)
        cv2.rectangle(shown, (x1, y1), (x2, y2), color, 3)
        label = text_strip(f' {score:.2f}', 3 * LINE, LINE)
        label = label[: shown.shape[0] - y1, : shown.shape[1] - x1]
        shown[y1 : y1 + label.shape[0], x1 : x1 + label.shape[1]] = label
    rows = max(len(shown), len(panel))
    return np.hstack([
        np.vstack([piece, blank(rows - len(piece), piece.shape[1])]) for piece in (shown, panel)
    ])  # fmt: skip


def _draw_scores(trial: Trial, width: int) -> NDArray[np.uint8]:
    pieces = [text_strip(f'  verdict: {trial.verdict}', width, LINE)]
    for line in trial.lines:
        if not line.limit:
            says = 'no' if line.passes else 'YES'
            pieces.append(text_strip(f'  {line.name}: {says}', width, LINE))
            continue
        text = fit_text(f'  {line.name} {line.score:.4g} (limit {line.limit:.4g})', LINE, width)
        strip = blank(line_height(LINE), width)
        low, high, most = LINE, width - LINE, max(line.score, line.limit)
        scale = 1.25 * most if most > 1 or most < 0.1 else 1.0
        end, mark = (low + int((high - low) * v / scale) for v in (line.score, line.limit))
        strip[LINE // 4 : LINE * 3 // 4, low:end] = GOOD if line.passes else BAD
        strip[:LINE, mark - 1 : mark + 2] = LIMIT
        pieces += [text_strip(text, width, LINE), strip]
    return stack(pieces)


def describe(trial: Trial) -> str:
    """A table in plain text."""
    header = trial.header
    lines = [f'{header.format}, {header.width} x {header.height} pixels']
    for line in trial.lines:
        says = 'passes' if line.passes else 'FAILS'
        lines.append(
            f'{line.name:10} {line.score:12.4f}  limit {line.limit:12.4f}  {says:6} '
            f'{line.seconds * 1e3:8.1f} ms'
        )
    if 'people' in trial.row:
        lines.append(
            f'people above the limit: {trial.row["people"]}; the score is that of the best one of '
            'whom the box is large enough'
        )
    return '\n'.join([*lines, f'verdict: {trial.verdict}'])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``try``."""
    add = parser.add_argument
    add('images', nargs='+', type=Path, help='image files')
    add('--out', type=Path, help='folder for the drawings, NAME.try.jpg')
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """The command ``try``; 1 if an image cannot be read."""
    options, code = options_of(args), 0
    for name in options.missing():
        print(f'{name}: not checked, there is no model for it')
    for path in args.images:
        code |= _try_file(path, options, args.out)
    return code


def _try_file(path: Path, options: Options, out: Path | None) -> int:
    try:
        trial = try_image(path.read_bytes(), options)
    except ReadError as error:
        print(f'{path}\nverdict: broken ({error})')
        return 1
    print(f'{path}\n{describe(trial)}')
    if out is not None:
        content = cv2.imencode('.jpg', draw(trial)[..., ::-1])[1]
        atomic_write(content.tobytes(), out / f'{path.stem}.try.jpg')
    return 0
