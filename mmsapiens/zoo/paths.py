"""Where files are on this machine, and what the environment says about downloads.

``MMSAPIENS_HOME`` is the folder of this package, by default ``mmsapiens`` in ``$XDG_CACHE_HOME`` or
``~/.cache``, with releases below ``hub``. Configs are in a clone or in an installed wheel.
"""

import os
from difflib import get_close_matches
from pathlib import Path

from .releases import Release

ROOTS = {
    'SAPIENS_CHECKPOINT_ROOT': 'sapiens_host/',
    'SAPIENS_LITE_CHECKPOINT_ROOT': 'sapiens_lite_host/{mode}/',
}
"""Variables of the Sapiens release -> the part of a path that they stand for; ``{mode}`` is
torchscript or bfloat16."""
PACKAGE = Path(__file__).resolve().parents[1]


def cache_dir() -> Path:
    """The folder of this package."""
    cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(os.environ.get('MMSAPIENS_HOME') or f'{cache}/mmsapiens').expanduser()


def cache_path(release: Release) -> Path:
    """Where a release is kept, downloaded or not."""
    return cache_dir() / 'hub' / release.key


def root_path(release: Release) -> Path | None:
    """A file below the roots of the Sapiens release, if there is one."""
    for variable, start in ROOTS.items():
        root, prefix = os.environ.get(variable), start.format(mode=release.format)
        if root and release.path_in_repo.startswith(prefix):
            path = Path(root).expanduser() / release.path_in_repo.removeprefix(prefix)
            if path.is_file():
                return path
    root = os.environ.get('SAPIENS_CHECKPOINT_ROOT')
    if root and release.family == 'sapiens2':  # in a folder named by the task
        path = Path(root).expanduser() / release.file.rpartition('_')[2].split('.')[0]
        if (path / release.file).is_file():
            return path / release.file
    return None


def is_offline() -> bool:
    """Whether the environment forbids the network."""
    values = (os.environ.get(name, '') for name in ('MMSAPIENS_OFFLINE', 'HF_HUB_OFFLINE'))
    return any(value.lower() in ('1', 'true', 'yes', 'on') for value in values)


def endpoint() -> str:
    """Address of the hub, or of the mirror in ``HF_ENDPOINT``."""
    return (os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')


def config_folder() -> Path:
    """The folder ``configs``, or a FileNotFoundError."""
    for folder in (PACKAGE.parent / 'configs', PACKAGE / '.mim' / 'configs'):
        if (folder / '_base_' / 'default_runtime.py').is_file():
            return folder
    raise FileNotFoundError(
        f'no configs beside {PACKAGE} or in {PACKAGE / ".mim"}: install '
        'mmsapiens from a wheel, its source distribution or a clone'
    )


def config_path(name: str) -> Path:
    """Path of a config.

    Args:
        name (str): Below ``configs``, or the name of the file alone, with or without its suffix.

    Raises:
        FileNotFoundError: If there is none, naming similar ones.
    """
    folder = config_folder()
    if (folder / name).is_file():
        return folder / name
    stem = Path(name).name.removesuffix('.py')
    configs = sorted(folder.rglob('sapiens-*.py'))
    found = [path for path in configs if path.stem == stem]
    if len(found) == 1 and Path(name).parent == Path('.'):
        return found[0]
    near = get_close_matches(stem, [path.stem for path in configs], n=3, cutoff=0.3)
    raise FileNotFoundError(
        f'`name` must be a config below {folder}, but got {name!r}; similar '
        f'ones: {", ".join(near) or "none"}'
    )
