"""Stock code that transformers 5 breaks when it is imported."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from mmengine.registry import Registry
from mmengine.utils import digit_version


def fix_multimodal(dependency: ModuleType) -> None:
    """Let mmpretrain be imported beside transformers 5.

    Its multimodal models derive from ``PreTrainedModel`` and import it together with helpers that
    left ``transformers.modeling_utils`` in 5.0; if that fails the base class is None, and every
    host that imports mmpretrain ends in a TypeError. It takes any version from 4.28 on for usable.
    With a newer one these models are left out, as they are without transformers.
    https://github.com/huggingface/transformers/blob/main/MIGRATION_GUIDE_V5.md

    Args:
        dependency (ModuleType): ``mmpretrain.utils.dependency``.
    """
    try:
        found = version('transformers')
    except PackageNotFoundError:
        return
    if digit_version(found) < digit_version('5.0.0'):
        return

    def register_placeholder(names: Sequence[str], registry: Registry) -> None:
        for name in names:
            registry.register_module(name=name, module=_refusal(name, found))

    vars(dependency).update(
        WITH_MULTIMODAL=False, register_multimodal_placeholder=register_placeholder
    )


def _refusal(name: str, found: str) -> type:
    """A class that says why ``name`` cannot be used."""

    def refuse(self: object, *args: object, **kwargs: object) -> None:
        raise ImportError(
            f'{name} of mmpretrain needs transformers below 5, but {found} '
            'is installed: `pip install "transformers<5"`'
        )

    return type(name, (), {'__init__': refuse})
