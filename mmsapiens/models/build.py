"""A :class:`SapiensModel` from names: structure only, weights are random."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .archs import get_arch, name_of_arch
from .heads import HEADS, PointMapHead
from .input_rule import InputRule
from .layers import PatchPadding
from .sapiens_model import SapiensModel
from .sapiens_vit import SapiensViT
from .tasks import Task, get_task, tasks_of


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
    encoder: Any = SapiensViT,
    **encoder_options: Any,
) -> SapiensModel:
    """Build a model without weights, of a size as in :func:`.archs.get_arch`.

    ``img_size``, ``patch_padding`` (that of pretrained encoders if the tasks differ), ``flip_test``
    and ``head_layers``, the channels and kernel sizes of each task's head, default to those of the
    released models, or of the tiny ones.
    """
    known = tasks_of(encoder.family)
    names = [tasks] if isinstance(tasks, str) else tasks
    rows = [get_task(name, known) for name in names]
    if not rows:
        raise ValueError('`tasks` must hold at least one task, but it is empty')
    arch = get_arch(model, encoder.archs)
    size = (name_of_arch(arch, encoder.archs) or '').partition('_')[2]
    if img_size is None:
        img_size = encoder.usual_hw(arch)
    backbone = encoder(
        arch,
        img_size=img_size,
        patch_size=patch_size,
        patch_padding=shared_padding(rows) if patch_padding is None else patch_padding,
        **encoder_options,
    )
    layers, heads = head_layers or {}, {}
    for task in rows:
        options = layers.get(task.name, task.head_channels(size.partition('_')[0]))
        if task.head == PointMapHead.__name__:
            options = {'grid_hw': backbone.token_grid, **options}
        heads[task.name] = HEADS[task.head](backbone.embed_dims, task.channels, **options)
    if flip_test is not None:
        rows = [replace(task, flip_test=flip_test) for task in rows]
    return SapiensModel(backbone, heads, rows, InputRule((img_size[0], img_size[1])))
