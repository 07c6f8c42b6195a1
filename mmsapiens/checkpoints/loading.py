"""Loading a released checkpoint into a model, with a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from .checkpoint import BACKBONE, HEADS, describe, encoder_state_dict, get_state_dict
from .checkpoint_fit import check_head, fit_backbone
from .checkpoint_io import read_checkpoint


@dataclass
class LoadReport:
    """What happened to each parameter.

    Attributes:
        path (Path): The file.
        content (str): What the file holds, in words.
        loaded (list[str]): Parameters of the model taken from the file.
        resized (list[str]): Those of them that were resized to fit.
        dropped (list[str]): Keys of the file that the model has no use for.
        initialized (list[str]): Parameters that the file does not have and that keep their values.
    """

    path: Path
    content: str
    loaded: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    initialized: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f'{self.path.name}: {self.content}', f'  loaded {len(self.loaded)} parameters']
        for title, keys in (
            ('resized', self.resized),
            ('dropped', self.dropped),
            ('left as initialized', self.initialized),
        ):
            if keys:
                shown = ', '.join(keys[:4]) + (' ...' if keys[4:] else '')
                lines.append(f'  {title}: {len(keys)} ({shown})')
        return '\n'.join(lines)


def load_checkpoint(
    model: nn.Module,
    filename: str | Path,
    map_location: str = 'cpu',
    trust_pickle: bool | None = None,
) -> LoadReport:
    """Load any released layout into an encoder or a whole model.

    The encoder always comes from the file. A head is loaded if both have one of the same task, is
    left as initialized if the file has none, and is dropped if ``model`` is a bare encoder.

    Args:
        model (nn.Module): A ``SapiensViT``, or a model with one as ``backbone``.
        filename (str | Path): The checkpoint, in any format of
            :func:`mmsapiens.checkpoints.read_checkpoint`.
        map_location (str): Device that the file is read to. Defaults to 'cpu'.
        trust_pickle (bool, optional): See :func:`mmsapiens.checkpoints.read_checkpoint`.
            Defaults to None.

    Returns:
        LoadReport: What was loaded, resized, dropped and left alone; it is logged as well.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or if its weights would be silently wrong: another size,
            an encoder with gaps, a stock head, another number of keypoints or classes, another
            task.
    """
    path = Path(filename).expanduser()
    checkpoint = read_checkpoint(path, map_location, trust_pickle)
    return load_weights(
        model, checkpoint, path, lambda weights: model.load_state_dict(weights, strict=False)
    )


def load_weights(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    path: Path,
    load: Callable[[dict[str, Tensor]], tuple[list[str], list[str]]],
) -> LoadReport:
    """Check what was read from a file, load it and report.

    Args:
        model (nn.Module): As in :func:`load_checkpoint`.
        checkpoint (Mapping[str, Any]): Content of the file.
        path (Path): Its name, for messages.
        load (Callable): Puts weights into the model; returns missing and unexpected keys.

    Returns:
        LoadReport: As of :func:`load_checkpoint`.

    Raises:
        ValueError: Likewise.
    """
    try:
        file = get_state_dict(checkpoint)
        info = describe(file)
        target = model.state_dict()
        is_encoder = 'patch_embed.projection.weight' in target
        is_model = f'{BACKBONE}patch_embed.projection.weight' in target
        if not is_encoder and not is_model:
            raise ValueError(
                'the model has no SapiensViT: neither is it one nor has it one as `backbone`'
            )
        encoder = encoder_state_dict(file)
        if is_encoder:
            weights = encoder
        else:
            check_head(file, target)
            weights = {BACKBONE + key: v for key, v in encoder.items()}
            weights.update(
                (key, value)
                for key, value in file.items()
                if key.startswith((*HEADS, 'neck.')) and key in target
            )
        shapes = {key: tuple(value.shape) for key, value in weights.items()}
        backbone: Any = model if is_encoder else model.backbone
        fit_backbone(backbone, weights, '' if is_encoder else BACKBONE)
        missing, unexpected = load(weights)
        _check_complete(missing, '' if is_encoder else BACKBONE)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    prefix = BACKBONE if is_model else ''
    used = {key for key in weights if key in target} - set(unexpected)
    report = LoadReport(
        path=path,
        content=str(info),
        loaded=sorted(used),
        resized=sorted(key for key in used if shapes[key] != tuple(target[key].shape)),
        dropped=sorted(
            key
            for key in file
            if key not in used
            and prefix + key not in used
            and key.removeprefix(BACKBONE) not in used
        ),
        initialized=sorted(missing),
    )
    print_log(str(report), logger='current')
    return report


def _check_complete(missing: Sequence[str], prefix: str) -> None:
    """Refuse an encoder with gaps.

    A class token may be missing where the position embedding has its row, and the norm ``ln2`` of
    averaged features is in no released file.
    """
    optional = (f'{prefix}cls_token', f'{prefix}ln2.')
    lacking = [key for key in missing if key.startswith(prefix) and not key.startswith(optional)]
    if lacking:
        raise ValueError(
            f'the checkpoint is incomplete, it lacks {len(lacking)} '
            f'parameters of the encoder: {lacking[:5]}. Use the whole file.'
        )
