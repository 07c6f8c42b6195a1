"""Sizes of the encoder families, as data."""

from collections.abc import Mapping

SAPIENS_ARCHS: dict[str, dict[str, int]] = {
    'sapiens_tiny': dict(embed_dims=192, num_layers=4, num_heads=4, feedforward_channels=768),
    'sapiens_0.3b': dict(embed_dims=1024, num_layers=24, num_heads=16, feedforward_channels=4096),
    'sapiens_0.6b': dict(embed_dims=1280, num_layers=32, num_heads=16, feedforward_channels=5120),
    'sapiens_1b': dict(embed_dims=1536, num_layers=40, num_heads=24, feedforward_channels=6144),
    'sapiens_2b': dict(embed_dims=1920, num_layers=48, num_heads=32, feedforward_channels=7680),
}
"""Name -> width, depth, heads and feed-forward width.

The tiny one is ours, for CPUs; the paper has the other four.
"""


def _second(embed_dims: int, num_layers: int, num_heads: int, **others: int) -> dict[str, int]:
    sizes = dict(embed_dims=embed_dims, num_layers=num_layers, num_heads=num_heads)
    return dict(sizes, feedforward_channels=4 * embed_dims, **others)


SAPIENS2_ARCHS: dict[str, dict[str, int]] = {
    'sapiens2_tiny': _second(192, 4, 4),
    'sapiens2_0.1b': _second(768, 12, 12),
    'sapiens2_0.4b': _second(1024, 24, 16),
    'sapiens2_0.8b': _second(1280, 32, 16),
    'sapiens2_1b': _second(1536, 40, 24),
    'sapiens2_5b': _second(2432, 56, 32),
    'sapiens2_1b_4k': _second(1536, 40, 24, num_tokenizer_layers=4),
}
"""Likewise for the second generation; ``num_tokenizer_layers`` of its window tokenizer, if any.

The tiny one is ours; the others are released.
"""

FAMILY_ARCHS: dict[str, dict[str, dict[str, int]]] = {
    'sapiens': SAPIENS_ARCHS,
    'sapiens2': SAPIENS2_ARCHS,
}
"""Family of encoders -> its sizes."""


def get_arch(
    arch: str | Mapping[str, int], archs: Mapping[str, Mapping[str, int]] = SAPIENS_ARCHS
) -> dict[str, int]:
    """Look a size up, or check the dictionary of another one.

    Args:
        arch (str | dict): A key of ``archs``, with or without its prefix, or a dict with the same
            entries; those that not every size has may be left out.
        archs (Mapping): The sizes of a family. Defaults to :data:`SAPIENS_ARCHS`.

    Returns:
        dict[str, int]: ``embed_dims``, ``num_layers``, ``num_heads`` and ``feedforward_channels``,
        and what else is given.

    Raises:
        KeyError: If the name is unknown.
        ValueError: If the dict lacks an entry or has another one, or if one is no positive int.
    """
    if isinstance(arch, str):
        prefix = next(iter(archs)).partition('_')[0]
        name = arch if arch.startswith(f'{prefix}_') else f'{prefix}_{arch}'
        if name not in archs:
            raise KeyError(f'`arch` must be one of {list(archs)} or a dict, but got {arch!r}')
        return dict(archs[name])
    needed, known = (f(*map(set, archs.values())) for f in (set.intersection, set.union))
    if not needed <= set(arch) <= known:
        optional = f' and may have {sorted(known - needed)}' if known > needed else ''
        raise ValueError(
            f'`arch` must have the keys {sorted(needed)}{optional}, but got {sorted(arch)}'
        )
    wrong = {key: value for key, value in arch.items() if not isinstance(value, int) or value < 1}
    if wrong:
        raise ValueError(f'`arch` must hold positive ints, but got {wrong}')
    return dict(arch)


def size_in_words(arch: Mapping[str, int], archs: Mapping[str, Mapping[str, int]]) -> str:
    """Words for the width and depth of a size, with its name if it is one of ``archs``."""
    width, depth = arch['embed_dims'], arch['num_layers']
    words = f'an encoder of width {width} with {depth} layers'
    for name, each in archs.items():
        if (each['embed_dims'], each['num_layers']) == (width, depth):
            return f'{words} ({name})'
    return words


def name_of_arch(arch: Mapping[str, int], archs: Mapping[str, Mapping[str, int]]) -> str | None:
    """The name of a size in ``archs``, or None."""
    return next((name for name, each in archs.items() if each == arch), None)
