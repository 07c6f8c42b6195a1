"""The checks of an image, cheap ones first: each has a name, a score, a limit and a version.

A version is raised when scores change; the verdicts of other versions are not mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
import pdqhash
from numpy.typing import NDArray

from .header import Header
from .models import ModelError, Network, Pixels

FORMATS = ('JPEG', 'MPO', 'PNG', 'WEBP', 'BMP', 'TIFF')
DEFAULT_LIMITS = {
    'pixels': 200e6,
    'size': 300.0,
    'aspect': 4.0,
    'flat': 0.55,
    'explicit': 0.8,
    'person': 0.9,
    'box': 300.0,
    'text': 0.02,
    'drawing': 0.5,
    'watermark': 0.5,
    'pdq': 31.0,
}
"""``box`` is the shorter side of a person's box in pixels of the file, which must be
larger; ``pdq`` the number of differing bits up to which a hash is a forbidden one. The limits
that a model's description states go before those of ``explicit`` to ``watermark``."""
PDQ_SIZE = (512, 512)
NETWORKS = ('explicit', 'person', 'text', 'drawing', 'watermark')
"""Checks that need a model, in their order; `sscd` is recorded and no check."""


class Check:
    """A number for an image, and whether it stays.

    Args:
        limit (float): Images with a larger score fail; with :attr:`fails_below` those with a
            smaller one.
    """

    name = ''
    version = 1
    fails_below = False

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def passes(self, score: float) -> bool:
        """Whether an image of this score stays."""
        return score >= self.limit if self.fails_below else score <= self.limit


class HeaderCheck(Check):
    """Of what the header says."""

    def score(self, header: Header) -> float:
        """The score of one file."""
        raise NotImplementedError


class Format(HeaderCheck):
    """Whether the format is none that training reads."""

    name = 'format'

    def score(self, header: Header) -> float:
        """1 for other formats."""
        return float(header.format not in FORMATS)


class NumPixels(HeaderCheck):
    """Pixels of the file: larger ones are not decoded."""

    name = 'pixels'

    def score(self, header: Header) -> float:
        """Width times height."""
        return float(header.width * header.height)


class Size(HeaderCheck):
    """The shorter side in pixels: a box cannot be larger than its image."""

    name = 'size'
    fails_below = True

    def score(self, header: Header) -> float:
        """Pixels."""
        return float(header.shorter)

    def passes(self, score: float) -> bool:
        """Larger than the limit, as the boxes are to be."""
        return score > self.limit


class Aspect(HeaderCheck):
    """The longer side over the shorter one."""

    name = 'aspect'

    def score(self, header: Header) -> float:
        """At least 1."""
        return max(header.width, header.height) / max(1, header.shorter)


class OptOut(HeaderCheck):
    """Whether the file itself prohibits its use for training."""

    name = 'opt_out'

    def score(self, header: Header) -> float:
        """1 if it does."""
        return float(header.has_opt_out)


class Generated(HeaderCheck):
    """Whether the file itself says that a model made it, or parts of it."""

    name = 'generated'

    def score(self, header: Header) -> float:
        """1 if it does."""
        return float(header.is_generated)


class PixelCheck(Check):
    """Of decoded images."""

    def scores(self, pixels: Sequence[Pixels], rows: Sequence[dict[str, Any]]) -> list[float]:
        """A score for each image; further columns are put into ``rows``."""
        raise NotImplementedError


class Flat(PixelCheck):
    """Share of neighbors that are equal: drawings, screenshots, blank images."""

    name = 'flat'

    def scores(self, pixels: Sequence[Pixels], rows: Sequence[dict[str, Any]]) -> list[float]:
        """0 to 1."""
        scores = []
        for source in pixels:
            gray = cv2.cvtColor(source.image, cv2.COLOR_RGB2GRAY)
            same = cv2.compare(gray[:, 1:], gray[:, :-1], cv2.CMP_EQ)
            scores.append(cv2.countNonZero(same) / max(1, same.size))
        return scores


class NetworkScore(PixelCheck):
    """The number that a network gives an image."""

    def __init__(self, name: str, limit: float, network: Network) -> None:
        super().__init__(limit)
        self.name, self.network = name, network
        if network.description.kind not in ('score', 'area'):
            raise ModelError(
                f'the model of {name!r} must be of kind "score" or "area", but got '
                f'{network.description.kind!r}'
            )

    def scores(self, pixels: Sequence[Pixels], rows: Sequence[dict[str, Any]]) -> list[float]:
        """What the model says."""
        return self.network.scores(pixels)


class Person(PixelCheck):
    """The best score of a person whose box is large enough on both sides.

    Records the boxes in pixels of the upright file, and the number of people above the limit,
    large or not.
    """

    name = 'person'
    fails_below = True

    def __init__(self, limit: float, box: float, network: Network) -> None:
        super().__init__(limit)
        self.box, self.network = box, network
        if network.description.kind not in ('boxes', 'centernet'):
            raise ModelError(
                'the model of \'person\' must be of kind "boxes" or "centernet", but got '
                f'{network.description.kind!r}'
            )

    def scores(self, pixels: Sequence[Pixels], rows: Sequence[dict[str, Any]]) -> list[float]:
        """0 where there is none."""
        best = []
        for row, (boxes, scores) in zip(rows, self.network.boxes(pixels)):
            boxes = boxes * np.float32([row['width'], row['height']] * 2)
            sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
            row['boxes'] = boxes.round(1).ravel().tolist()
            row['box_scores'] = scores.round(4).tolist()
            row['people'] = int((scores >= self.limit).sum())
            best.append(float(scores[sides > self.box].max(initial=0)))
        return best


class ForbiddenHashes:
    """Hashes of images that must never be stored: SHA-256 of files and PDQ of pixels.

    Args:
        sha256 (str, optional): A file with 64 hexadecimal digits a line; what follows after a
            comma or space is ignored.
        pdq (str, optional): Likewise.
        bits (float): Up to which a PDQ hash is the same. Defaults to 31 of 256.
    """

    name = 'forbidden'

    def __init__(self, sha256: str | None = None, pdq: str | None = None, bits: float = 31) -> None:
        self.sha256 = frozenset(_read_hashes(sha256)) if sha256 else frozenset()
        self.bits = int(bits)
        self._pdq = faiss.IndexBinaryFlat(256)
        if pdq:
            self._pdq.add(np.frombuffer(b''.join(_read_hashes(pdq)), np.uint8).reshape(-1, 32))

    @property
    def has_pdq(self) -> bool:
        """Whether pixels are to be looked up."""
        return self._pdq.ntotal > 0

    def nearest(self, hashes: Sequence[bytes]) -> list[int]:
        """Bits to the nearest forbidden hash."""
        codes = np.frombuffer(b''.join(hashes), np.uint8).reshape(-1, 32)
        return self._pdq.search(codes, 1)[0][:, 0].tolist()


def _read_hashes(path: str) -> list[bytes]:
    hashes = []
    if not Path(path).is_file():
        raise FileNotFoundError(f'the list of hashes {path} does not exist')
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, start=1):
            text = line.replace(',', ' ').split()
            if not text or text[0].startswith('#'):
                continue
            try:
                value = bytes.fromhex(text[0])
            except ValueError:
                value = b''
            if len(value) != 32:
                raise ValueError(
                    f'line {number} of {path} must start with a hash of 64 hexadecimal digits, but '
                    f'is {line.strip()[:80]!r}'
                )
            hashes.append(value)
    if not hashes:
        raise ValueError(f'the list of hashes {path} is empty')
    return hashes


def pdq_of(image: NDArray) -> tuple[bytes, int]:
    """PDQ hash (32 bytes) and its quality (0 to 100) of an RGB image, stretched as by its authors.

    Use :meth:`Pixels.resized` with :data:`PDQ_SIZE` where it may be there already.
    """
    if image.shape[:2] != PDQ_SIZE:
        image = cv2.resize(image, PDQ_SIZE[::-1], interpolation=cv2.INTER_AREA)
    bits, quality = pdqhash.compute(image)
    return np.packbits(bits.astype(np.uint8)).tobytes(), int(quality)


HEADER_CHECKS = (Format, NumPixels, Size, Aspect, OptOut, Generated)
ORDER = ('broken', 'forbidden', *(check.name for check in HEADER_CHECKS), 'flat', *NETWORKS, 'copy')
"""Every verdict but 'kept', in the order in which images fail. A 'copy' is equal, byte for byte, to
an image of its unit that is kept."""
SCORES = (Size.name, Aspect.name, Flat.name, *NETWORKS)
"""Checks whose scores have a column in the verdicts."""
VERSIONS = {
    'broken': 2,
    **{check.name: check.version for check in (*HEADER_CHECKS, Flat, Person)},
    **{name: NetworkScore.version for name in NETWORKS if name != 'person'},
}


def header_checks(limits: Mapping[str, float], skip: Sequence[str]) -> list[HeaderCheck]:
    """The checks of the header; those without a limit of their own ask for 0."""
    return [check(limits.get(check.name, 0.0)) for check in HEADER_CHECKS if check.name not in skip]


def pixel_checks(
    limits: Mapping[str, float], skip: Sequence[str], networks: Mapping[str, Network]
) -> list[PixelCheck]:
    """The checks of pixels; those of networks only where there is one."""
    checks: list[PixelCheck] = [] if 'flat' in skip else [Flat(limits['flat'])]
    for name in NETWORKS:
        if name not in networks or name in skip:
            continue
        if name == 'person':
            checks.append(Person(limits[name], limits['box'], networks[name]))
        else:
            checks.append(NetworkScore(name, limits[name], networks[name]))
    return checks
