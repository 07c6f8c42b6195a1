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


def get_arch(arch: str | Mapping[str, int]) -> dict[str, int]:
    """Look a size up, or check the dictionary of another one.

    Args:
        arch (str | dict): A key of :data:`SAPIENS_ARCHS`, with or without its prefix, or a dict
            with the same four entries.

    Returns:
        dict[str, int]: ``embed_dims``, ``num_layers``, ``num_heads`` and ``feedforward_channels``.

    Raises:
        KeyError: If the name is unknown.
        ValueError: If the dict lacks an entry or has another one, or if one is no positive int.
    """
    if isinstance(arch, str):
        name = arch if arch.startswith('sapiens_') else f'sapiens_{arch}'
        if name not in SAPIENS_ARCHS:
            raise KeyError(
                f'`arch` must be one of {list(SAPIENS_ARCHS)} or a dict, but got {arch!r}'
            )
        return dict(SAPIENS_ARCHS[name])
    expected = set(SAPIENS_ARCHS['sapiens_0.3b'])
    if set(arch) != expected:
        raise ValueError(f'`arch` must have the keys {sorted(expected)}, but got {sorted(arch)}')
    wrong = {key: value for key, value in arch.items() if not isinstance(value, int) or value < 1}
    if wrong:
        raise ValueError(f'`arch` must hold positive ints, but got {wrong}')
    return dict(arch)


def size_in_words(
    embed_dims: int, num_layers: int, archs: Mapping[str, Mapping[str, int]] = SAPIENS_ARCHS
) -> str:
    """Words for a size, with its name if it is one of ``archs``."""
    words = f'an encoder of width {embed_dims} with {num_layers} layers'
    for name, arch in archs.items():
        if (arch['embed_dims'], arch['num_layers']) == (embed_dims, num_layers):
            return f'{words} ({name})'
    return words
