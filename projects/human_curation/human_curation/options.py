"""What a run does to the images: limits, models, lists; recorded, and compared when it goes on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmsapiens.core.file_type import sha256_of

from .checks import DEFAULT_LIMITS, NETWORKS, ORDER, VERSIONS
from .models import Description, read_models

SSCD = 'sscd'


@dataclass(frozen=True)
class Options:
    """What a run does to the images.

    Args:
        models (dict[str, Description]): By the name of the check, and 'sscd'. Defaults to none.
        limits (dict[str, float]): Those that differ from the models' and the default ones.
        skip (tuple[str, ...]): Checks to leave out. Defaults to none.
        forbidden_sha256 (str, optional): List of hashes of files. Defaults to None.
        forbidden_pdq (str, optional): List of PDQ hashes. Defaults to None.
        quarantine (str, optional): Folder for explicit images. Defaults to None, dropped.
        decode_side (int): Pixels of the shorter side that decoding keeps at least. Defaults to 512.
        batch (int): Images judged at a time. Defaults to 16.
        device (str): Of the models, 'cpu' or 'cuda'. Defaults to 'cpu'.

    Raises:
        ValueError: If a name is unknown, or a number is not positive.
    """

    models: dict[str, Description] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    forbidden_sha256: str | None = None
    forbidden_pdq: str | None = None
    quarantine: str | None = None
    decode_side: int = 512
    batch: int = 16
    device: str = 'cpu'

    def __post_init__(self) -> None:
        _check_names('model', self.models, (*NETWORKS, SSCD))
        _check_names('limit', self.limits, DEFAULT_LIMITS)
        _check_names('check to skip', self.skip, set(ORDER) - {'broken', 'forbidden', 'copy'})
        for name in ('decode_side', 'batch'):
            if getattr(self, name) < 1:
                raise ValueError(f'`{name}` must be at least 1, but got {getattr(self, name)}')

    def all_limits(self) -> dict[str, float]:
        """The limit of each check: given, else of its model, else the default."""
        of_models = {
            name: float(model.limit)
            for name, model in self.models.items()
            if model.limit is not None and name in DEFAULT_LIMITS
        }
        return {**DEFAULT_LIMITS, **of_models, **self.limits}

    def missing(self) -> list[str]:
        """Checks that are not made because there is no model for them."""
        return [name for name in NETWORKS if name not in self.models and name not in self.skip]

    def identity(self) -> dict[str, Any]:
        """What verdicts and shards depend on."""
        lists = dict(sha256=self.forbidden_sha256, pdq=self.forbidden_pdq)
        return dict(
            limits=self.all_limits(),
            skip=sorted(self.skip),
            checks=VERSIONS,
            models={name: model.identity() for name, model in sorted(self.models.items())},
            forbidden={name: sha256_of(Path(path)) for name, path in lists.items() if path},
            quarantine=self.quarantine is not None,
            decode_side=self.decode_side,
            batch=self.batch,
        )


def _check_names(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(
            f'a {what} must be one of {", ".join(sorted(known))}, but got {", ".join(unknown)}'
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments from which :func:`options_of` makes options."""
    add = parser.add_argument
    add('--models', help='JSON file that describes the ONNX files; checks without one are left out')
    add('--limits', help='JSON file with limits, such as {"person": 0.43}')
    add(
        '--limit',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help=f'one limit; may be repeated: {", ".join(DEFAULT_LIMITS)}',
    )
    add('--skip', action='append', default=[], metavar='CHECK', help='leave a check out')
    add('--forbidden-sha256', metavar='FILE', help='hashes of files that must never be stored')
    add('--forbidden-pdq', metavar='FILE', help='PDQ hashes of images that must never be stored')
    add('--quarantine', metavar='FOLDER', help='keep explicit images there; dropped by default')
    add('--decode-side', type=int, default=512, help='pixels that decoding keeps; 512 by default')
    add('--batch', type=int, default=16, help='images judged at a time; 16 by default')


def options_of(args: argparse.Namespace, device: str = 'cpu') -> Options:
    """Options of the command line."""
    limits = _read_limits(args.limits) if args.limits else {}
    for text in args.limit:
        name, _, value = text.partition('=')
        try:
            limits[name] = float(value)
        except ValueError:
            raise ValueError(f'`--limit` must be NAME=NUMBER, but got {text!r}') from None
    return Options(
        models=read_models(args.models) if args.models else {},
        limits=limits,
        skip=tuple(args.skip),
        forbidden_sha256=args.forbidden_sha256,
        forbidden_pdq=args.forbidden_pdq,
        quarantine=args.quarantine,
        decode_side=args.decode_side,
        batch=args.batch,
        device=device,
    )


def _read_limits(path: str) -> dict[str, float]:
    try:
        entries = json.loads(Path(path).read_text(encoding='utf-8'))
        return {name: float(value) for name, value in entries.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f'{path} must be a JSON object of numbers ({error})') from None
