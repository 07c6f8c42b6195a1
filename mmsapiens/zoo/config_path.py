"""Configs of this package, in a clone or in an installed wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def config_folder() -> Path:
    """The folder ``configs``.

    Raises:
        FileNotFoundError: If the installation has none.
    """
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
        name (str): Below ``configs``, such as 'pose/coco/sapiens-0.3b_8xb64-210e_coco-1024x768.py',
            or the name of the file alone, with or without its suffix.

    Raises:
        FileNotFoundError: If there is none, naming similar ones.
    """
    folder = config_folder()
    path = folder / name
    if path.is_file():
        return path
    stem = Path(name).name.removesuffix('.py')
    configs = sorted(folder.rglob('sapiens-*.py'))
    found = [path for path in configs if path.stem == stem]
    if len(found) == 1 and Path(name).parent == Path('.'):
        return found[0]
    from difflib import get_close_matches

    stems = [path.stem for path in configs]
    near = get_close_matches(stem, stems, n=3, cutoff=0.3)
    raise FileNotFoundError(
        f'`name` must be a config below {folder}, but got {name!r}; similar '
        f'ones: {", ".join(near) or "none"}'
    )
