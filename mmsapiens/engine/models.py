"""The models of the core for configs: with ``init_cfg`` and checks of what is loaded."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.model import BaseModule
from mmengine.model.weight_init import trunc_normal_

from .. import models
from ..checkpoints.checkpoint_io import read_meta
from ..checkpoints.families import fit_encoder
from ..checkpoints.loading import check_stated_encoder
from ..checkpoints.metadata import own_facts
from ..registry import MODELS

losses = [models.AllPixelCrossEntropyLoss, models.HardKeypointMSELoss, models.NormalCosineLoss]
losses += [models.NormalL1Loss, models.PresentClassDiceLoss, models.ScaleInvariantLogLoss]
for loss in losses:
    MODELS.register_module(module=loss)


class _ConfiguredEncoder:
    """An encoder of the core for configs.

    Weights that go into it, from ``init_cfg=dict(type='Pretrained', checkpoint=...)`` or
    ``load_from``, may be of any layout of its family; another family or size is an error.

    Args:
        *args: Of the class of the core, as ``**kwargs``.
        init_cfg (dict, optional): Initialization. Defaults to None.
    """

    num_layers: int
    layer_of: Any
    draw_weights: Any
    register_load_state_dict_pre_hook: Any

    def __init__(
        self, *args: Any, init_cfg: dict | list[dict] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.init_cfg = copy.deepcopy(init_cfg)
        self.register_load_state_dict_pre_hook(_fit)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter and number of depths, as mmpretrain's layer-wise decay asks."""
        if not param_name.startswith(prefix):
            return self.num_layers + 1, self.num_layers + 2
        return self.layer_of(param_name.removeprefix(prefix)), self.num_layers + 2

    def pretrained_files(self) -> list[str]:
        """Checkpoints that ``init_cfg`` names."""
        return pretrained_files(self)

    def init_weights(self) -> None:
        """Initialize as ``init_cfg`` says, naming a file that does not fit; else at random."""
        files = self.pretrained_files()
        try:
            for meta in map(meta_of_file, files):
                check_stated_encoder(self, own_facts(meta))
            BaseModule.init_weights(self)
        except ValueError as error:
            if not files or files[0] in str(error):
                raise
            raise ValueError(f'{files[0]}: {error}') from None
        if not files:
            self.draw_weights()


@MODELS.register_module()
class SapiensViT(_ConfiguredEncoder, models.SapiensViT, BaseModule):
    """:class:`mmsapiens.models.SapiensViT` for configs, with ``init_cfg``."""

    def draw_weights(self) -> None:
        """Initialize the embeddings with std 0.02; blocks keep torch's values."""
        # Other values than torch's function of this name draws from the same random numbers.
        trunc_normal_(self.pos_embed, std=0.02)
        if self.num_extra_tokens:
            trunc_normal_(self.cls_token, std=0.02)


@MODELS.register_module()
class Sapiens2ViT(_ConfiguredEncoder, models.Sapiens2ViT, BaseModule):
    """:class:`mmsapiens.models.Sapiens2ViT` for configs, with ``init_cfg``."""

    def draw_weights(self) -> None:
        """Initialize weights and tokens with std 0.02."""
        models.Sapiens2ViT.init_weights(self)


def pretrained_files(module: Any) -> list[str]:
    """Checkpoints that the ``init_cfg`` of a module names."""
    cfgs = getattr(module, 'init_cfg', None)
    cfgs = cfgs if isinstance(cfgs, list) else [cfgs]
    return [
        str(cfg['checkpoint'])
        for cfg in cfgs
        if isinstance(cfg, Mapping) and 'Pretrained' in str(cfg.get('type'))
    ]


def meta_of_file(path: str) -> Mapping[str, Any]:
    """What a local checkpoint says about itself; nothing of one that is fetched, or not there."""
    if not Path(path).expanduser().exists():
        return {}
    meta = read_meta(path)
    return meta if isinstance(meta, Mapping) else {}


def _fit(module: _ConfiguredEncoder, state_dict: dict, prefix: str, *_: object) -> None:
    fit_encoder(module, state_dict, prefix)
