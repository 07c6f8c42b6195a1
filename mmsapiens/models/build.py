"""A :class:`SapiensModel` from names: structure only, weights are random."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .archs import FAMILY_ARCHS, name_of_arch
from .heads import HEADS, PointMapHead
from .input_rule import InputRule
from .layers import PatchPadding
from .sapiens2_vit import Sapiens2ViT
from .sapiens_model import SapiensModel
from .sapiens_vit import SapiensViT
from .tasks import (
    FIRST,
    INPUT_4K_HW,
    INPUT_HW,
    TINY_INPUT_HW,
    Task,
    family_and_size,
    get_task,
    tasks_of,
)

ENCODERS: dict[str, Callable[..., Any]] = {each.family: each for each in (SapiensViT, Sapiens2ViT)}
"""Family -> encoder."""


def shared_padding(tasks: Sequence[Task]) -> PatchPadding:
    """Patch padding of the tasks; 'corner', that of pretrained encoders, if they differ."""
    paddings = {task.patch_padding for task in tasks}
    return paddings.pop() if len(paddings) == 1 else 'corner'


def assemble(
    model: str | Mapping[str, int],
    tasks: Sequence[str | Task],
    *,
    img_size: tuple[int, int] | None = None,
    patch_size: int = 16,
    patch_padding: PatchPadding | None = None,
    flip_test: bool | None = None,
    head_layers: Mapping[str, Mapping[str, Any]] | None = None,
    encoder: Callable[..., Any] | None = None,
) -> SapiensModel:
    """Build a model without weights, of a name or an arch as for :func:`mmsapiens.build_model`.

    ``img_size``, ``patch_padding`` (that of pretrained encoders if the tasks differ), ``flip_test``
    and ``head_layers``, the channels and kernel sizes of each task's head, default to those of the
    released models, or of the tiny ones, and ``encoder`` to that of the name.
    """
    arch, family, size = model, FIRST, ''
    if isinstance(model, str):
        family, size = family_and_size(model)
        arch = f'{family}-{size}'.replace('-', '_')
    elif name := name_of_arch(model, FAMILY_ARCHS['sapiens2']):
        size = name.partition('_')[2].replace('_', '-')
    encoder = encoder or ENCODERS[family]
    known = tasks_of(getattr(encoder, 'family', FIRST))
    names = [tasks] if isinstance(tasks, str) else tasks
    rows = [get_task(name, known) for name in names]
    if not rows:
        raise ValueError('`tasks` must hold at least one task, but it is empty')
    if img_size is None:
        img_size = {'tiny': TINY_INPUT_HW, '1b-4k': INPUT_4K_HW}.get(size, INPUT_HW)
    backbone = encoder(
        arch,
        img_size=img_size,
        patch_size=patch_size,
        patch_padding=shared_padding(rows) if patch_padding is None else patch_padding,
    )
    layers, heads = head_layers or {}, {}
    for task in rows:
        options = layers.get(task.name, task.head_channels(size.partition('-')[0]))
        if task.head == PointMapHead.__name__:
            options = {'grid_hw': backbone.token_grid, **options}
        heads[task.name] = HEADS[task.head](backbone.embed_dims, task.channels, **options)
    if flip_test is not None:
        rows = [replace(task, flip_test=flip_test) for task in rows]
    return SapiensModel(backbone, heads, rows, InputRule((img_size[0], img_size[1])))
