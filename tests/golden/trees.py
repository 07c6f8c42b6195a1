"""The checkout under test: a script imports its package, not another one."""

import sys
from pathlib import Path


def use_tree(root):
    """Import `mmsapiens` from a checkout.

    Args:
        root (str | Path): The folder that has `mmsapiens` and `configs`.

    Returns:
        Path: Its folder of configs.

    Raises:
        RuntimeError: If the package comes from elsewhere.
    """
    root = Path(root).resolve()
    sys.path.insert(0, str(root))
    import mmsapiens

    found = Path(mmsapiens.__file__).resolve()
    if root not in found.parents:
        raise RuntimeError(f'`mmsapiens` must come from {root}, but is {found}')
    return root / 'configs'


def tiny_config(configs, pattern):
    """The tiny config of a task.

    Args:
        configs (Path): The folder of configs.
        pattern (str): Of its path below the folder, such as
            'dense/depth/sapiens-tiny_*.py'.

    Raises:
        FileNotFoundError: If there is not exactly one.
    """
    found = sorted(configs.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(
            f'`{pattern}` must match one file below {configs}, but matches {found}'
        )
    return found[0]
