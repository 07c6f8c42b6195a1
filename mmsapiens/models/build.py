"""A :class:`SapiensModel` from names: structure only, weights are random."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .heads import HEADS
from .input_rule import InputRule
from .layers import PatchPadding
from .sapiens_model import SapiensModel
from .sapiens_vit import SapiensViT
from .tasks import INPUT_HW, PREFIX, TINY_INPUT_HW, Task, get_task, model_size


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
    encoder: Callable[..., Any] = SapiensViT,
) -> SapiensModel:
    """Build a model without weights, of a name or an arch as for :func:`mmsapiens.build_model`.

    ``img_size``, ``patch_padding`` (that of pretrained encoders if the tasks differ), ``flip_test``
    and ``head_layers``, the channels and kernel sizes of each task's head, default to those of the
    released models, or of the tiny ones.
    """
    rows = [get_task(name) for name in ([tasks] if isinstance(tasks, str) else tasks)]
    if not rows:
        raise ValueError('`tasks` must hold at least one task, but it is empty')
    size = model_size(model) if isinstance(model, str) else None
    if img_size is None:
        img_size = TINY_INPUT_HW if size == 'tiny' else INPUT_HW
    backbone = encoder(
        model if size is None else PREFIX.replace('-', '_') + size,
        img_size=img_size,
        patch_size=patch_size,
        patch_padding=shared_padding(rows) if patch_padding is None else patch_padding,
    )
    layers, heads = head_layers or {}, {}
    for task in rows:
        channels = layers.get(task.name, task.head_channels(size or ''))
        heads[task.name] = HEADS[task.head](backbone.embed_dims, task.channels, **channels)
    if flip_test is not None:
        rows = [replace(task, flip_test=flip_test) for task in rows]
    return SapiensModel(backbone, heads, rows, InputRule((img_size[0], img_size[1])))
