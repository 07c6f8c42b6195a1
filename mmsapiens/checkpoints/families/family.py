"""What the rest of the package asks about a family of encoders."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, ClassVar

from torch import Tensor

from ...models.archs import size_in_words
from ...models.tasks import Task, tasks_of

BACKBONE = 'backbone.'
"""What the keys of the encoder in a model start with."""


def count_layers(keys: Mapping[str, Any], pattern: str) -> int:
    """Number of layers whose keys start with ``pattern``, which has their index as its group."""
    return max((int(m[1]) for m in map(re.compile(pattern).match, keys) if m), default=-1) + 1


class Family:
    """A family of encoders: how its files are told, what they say, and what does not fit.

    The values here are those of a family whose files have one set of names, whose shapes tell the
    whole size, and whose images are padded nowhere. A subclass has at least ``encoder``, ``signs``,
    ``needed``, ``keys`` and :meth:`measure`.
    """

    encoder: ClassVar[Any]
    """Class of the encoders: its ``family`` is the name, its ``archs`` the sizes with one."""
    signs: ClassVar[tuple[str, ...]]
    """Keys that every encoder has, and those of no other family has all of."""
    needed: ClassVar[tuple[str, ...]]
    """Keys that :meth:`measure` reads."""
    keys: ClassVar[re.Pattern[str]]
    """Keys of an encoder."""
    others: ClassVar[re.Pattern[str]] = re.compile('(?!)')
    """Keys of what may be beside encoder and heads, such as the decoder of pretraining."""
    optional: ClassVar[tuple[str, ...]] = ('ln2.',)  # the norm of averaged features
    """How keys start that a file may lack."""
    hidden: ClassVar[tuple[str, ...]] = ()
    """Entries of ``arch`` that no shape tells."""
    options: ClassVar[tuple[str, ...]] = ('patch_padding',)
    """Arguments of the encoder that no weights tell, and files should."""
    patch_padding: ClassVar[int | str] = 0
    """That where no file and no task tells it."""

    @property
    def name(self) -> str:
        """In metadata, and as ``family`` of the encoders."""
        return str(self.encoder.family)

    @property
    def tasks(self) -> dict[str, Task]:
        """Name -> task."""
        return tasks_of(self.name)

    def is_encoder(self, weights: Mapping[str, Any], prefix: str = '') -> bool:
        """Whether weights hold an encoder of this family, whose keys start with ``prefix``."""
        return all(prefix + key in weights for key in self.signs)

    def to_ours(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights under the names of our modules; those of other families as they are.

        Raises:
            ValueError: If they would be silently wrong.
        """
        return weights

    def measure(self, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """What the weights of an encoder say: ``arch``, without what is ``hidden`` or missing, and
        other attributes of a :class:`~mmsapiens.checkpoints.CheckpointInfo`."""
        raise NotImplementedError

    def describe(self, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """:meth:`measure` of an encoder that must be whole; a ValueError if it is not."""
        if missing := set(self.needed) - weights.keys():
            keys = sorted(BACKBONE + key for key in missing)
            raise ValueError(f'the checkpoint is incomplete, it lacks {keys}. Use the whole file.')
        return self.measure(weights)

    def arch_of(self, info: Any) -> dict[str, int] | None:
        """The size of what a file holds: as it says, as shapes tell, or that of a name; or None."""
        if stated := (info.own or {}).get('arch'):
            return dict(stated)
        if not self.hidden:
            return dict(info.arch)
        known = self.encoder.archs.values()
        return next((dict(arch) for arch in known if arch.items() >= info.arch.items()), None)

    def input_hw(self, info: Any, is_task: bool = False) -> tuple[int, int]:
        """Height and width in pixels of the images that a file was trained with; ``is_task`` if it
        cannot be one of pretraining."""
        if info.own and 'img_size' in info.own:
            return tuple(info.own['img_size'])
        return self.encoder.usual_hw(info.arch)

    def stated(self, encoder: Any) -> dict[str, Any]:
        """The ``options`` of an encoder."""
        return dict(patch_padding=encoder.patch_embed.padding)

    def own_facts(self, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the ``config.json`` of transformers says, as metadata; None if it is of others."""
        return None

    def fit(self, encoder: Any, state_dict: MutableMapping[str, Tensor], prefix: str) -> None:
        """Check and adapt, in place, the weights that go into an encoder; a ValueError if they do
        not fit."""
        keys = [key for key in state_dict if key.startswith(prefix)]
        weights = {key.removeprefix(prefix): state_dict.pop(key) for key in keys}
        try:
            self.adapt(encoder, weights)
        finally:
            state_dict.update((prefix + key, value) for key, value in weights.items())

    def adapt(self, encoder: Any, weights: dict[str, Tensor]) -> bool:
        """:meth:`fit` for an encoder alone; whether there is anything to fit."""
        projection = weights.get(self.signs[0])
        # None is a partial update: the caller reports what is missing. ZeRO-3 keeps the weights in
        # files of its own.
        if projection is None or projection.numel() == 0:
            return False
        found = self.measure(weights)
        theirs, ours = dict(found['arch']), dict(encoder.arch)
        words = [size_in_words(arch, self.encoder.archs) for arch in (theirs, ours)]
        if words[0] != words[1]:
            raise ValueError(
                f'the checkpoint holds {words[0]}, but the model has {words[1]}. Set `arch` of the '
                'backbone to the size of the checkpoint.'
            )
        theirs['patch_size'] = found['patch_size']
        ours['patch_size'] = encoder.patch_embed.patch_size
        partial = set(self.needed) - weights.keys()
        for key in sorted((theirs if partial else {**theirs, **ours}).keys() - set(self.hidden)):
            wanted, got = theirs.get(key), ours.get(key)
            if wanted != got:
                raise ValueError(f'`{key}` must be that of the checkpoint, {wanted}, but got {got}')
        return True
