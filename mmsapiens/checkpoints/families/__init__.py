"""Encoder families: an object each, which everything particular to their files is asked of."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from torch import Tensor

from ...models.archs import get_arch
from ...models.tasks import family_and_size
from .family import BACKBONE, Family
from .sapiens import SapiensFamily
from .sapiens2 import Sapiens2Family

FAMILIES: dict[str, Family] = {each.name: each for each in (Sapiens2Family(), SapiensFamily())}
"""Name -> family; the first whose encoder is found counts."""


def with_our_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names of our modules; a ValueError if they would be silently wrong."""
    for family in FAMILIES.values():
        state_dict = family.to_ours(state_dict)
    return dict(state_dict)


def named_size(model: str) -> tuple[Family, dict[str, int]]:
    """The family and the size of the name of a model; a KeyError if it is unknown."""
    name, size = family_and_size(model)
    family = FAMILIES[name]
    return family, get_arch(size.replace('-', '_'), family.encoder.archs)


def find_family(state_dict: Mapping[str, Any]) -> Family | None:
    """The family whose encoder, bare or in a model, is in weights, or None."""
    for family in FAMILIES.values():
        if family.is_encoder(state_dict) or family.is_encoder(state_dict, BACKBONE):
            return family
    return None


def family_of(state_dict: Mapping[str, Any]) -> Family:
    """:func:`find_family`, with a ValueError if there is none."""
    if (family := find_family(state_dict)) is None:
        text = 'the checkpoint holds no Sapiens encoder: `backbone.patch_embed.projection.weight`'
        raise ValueError(f'{text} is missing, its keys are {sorted(state_dict)[:4]} and so on')
    return family


def encoder_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder alone of weights of any layout, without a prefix; a ValueError without one."""
    if family_of(state_dict).is_encoder(state_dict):
        return dict(state_dict)
    keys = [key for key in state_dict if key.startswith(BACKBONE)]
    return {key.removeprefix(BACKBONE): state_dict[key] for key in keys}


def fit_encoder(encoder: Any, state_dict: MutableMapping[str, Tensor], prefix: str = '') -> None:
    """Check and adapt, in place, the weights that go into an encoder; with an empty ``prefix`` that
    of a whole model is found as well. Weights that do not fit are a ValueError.
    """
    family = FAMILIES[encoder.family]
    if not prefix and (ours := with_our_names(state_dict)).keys() != state_dict.keys():
        state_dict.clear()
        state_dict.update(ours)
    other = find_family(state_dict) if not prefix else None
    if other not in (None, family):
        raise ValueError(
            f'the checkpoint has an encoder of the family {other.name!r}, but the model has one of '
            f'{encoder.family!r}. Use the file of that, or {other.encoder.__name__}.'
        )
    if not prefix and state_dict and not family.is_encoder(state_dict):
        if not family.is_encoder(state_dict, BACKBONE):
            text = f'the checkpoint has no weights for {family.encoder.__name__}'
            raise ValueError(f'{text}; its keys are {sorted(state_dict)[:4]} and so on')
        bare = encoder_state_dict(state_dict)
        state_dict.clear()
        state_dict.update(bare)
    family.fit(encoder, state_dict, prefix)
