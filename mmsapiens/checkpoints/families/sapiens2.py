"""The second generation: what its weights say, and whether they fit an encoder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...models import Sapiens2ViT
from ...models.sapiens2_vit import kv_heads_of, rope_periods
from .family import BACKBONE, Family, count_layers
from .sapiens2_names import PERIODS, WIDTH, from_meta, from_transformers, is_of_transformers
from .sapiens2_names import to_meta as to_meta
from .sapiens2_names import to_transformers as to_transformers

_PROJECTION = 'patch_embed.projection.weight'
_INNER = 'blocks.0.ffn.w3.weight'
_LINEAR = r'(attn\.(wq|wk|wv|proj)|ffn\.(w12|w3))\.(weight|bias)|ln[12]\.weight'


class Sapiens2Family(Family):
    """See :mod:`mmsapiens.checkpoints.families.sapiens2`."""

    encoder = Sapiens2ViT
    signs = (_PROJECTION, 'blocks.0.attn.wq.weight')
    needed = (WIDTH, _INNER)
    keys = re.compile(
        r'cls_token|storage_tokens|patch_embed\.projection\.(weight|bias)|ln[12]\.weight|'
        rf'blocks\.\d+\.({_LINEAR}|attn\.(q_norm|k_norm|gamma)\.weight)|'
        rf'tokenizer\.(w_cls|local_pos_embed|blocks\.\d+\.({_LINEAR}))'
    )
    options = (*Family.options, 'rope_dtype')

    def to_ours(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """From any of the three sets of names, without periods."""
        if is_of_transformers(weights):
            weights = from_transformers(weights)
        for prefix in (BACKBONE, ''):
            if self.is_encoder(weights, prefix):
                weights = dict(weights)
                _drop_periods(weights, prefix)
                return from_meta(weights)
        return weights

    def measure(self, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """The whole size: width and depth, and of the first block heads and inner width."""
        projection = weights[_PROJECTION]
        dims = projection.shape[0]
        arch = dict(embed_dims=dims, num_layers=count_layers(weights, r'blocks\.(\d+)\.'))
        if WIDTH in weights:
            arch['num_heads'] = dims // weights[WIDTH].shape[0]
        if _INNER in weights:
            arch['feedforward_channels'] = weights[_INNER].shape[1]
        if layers := count_layers(weights, r'tokenizer\.blocks\.(\d+)\.'):
            arch['num_tokenizer_layers'] = layers
        return dict(arch=arch, patch_size=projection.shape[2], num_tokens=0, has_cls_token=True)

    def stated(self, encoder: Any) -> dict[str, Any]:
        """Also the type that heads are rotated in."""
        return dict(super().stated(encoder), rope_dtype=encoder.rope_name)

    def own_facts(self, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """Size of encoder and image, and that heads are rotated in single precision."""
        if config.get('model_type') != 'sapiens2':
            return None
        names = {
            'embed_dims': 'hidden_size',
            'num_layers': 'num_hidden_layers',
            'num_heads': 'num_attention_heads',
            'feedforward_channels': 'intermediate_size',
        }
        found: dict[str, Any] = dict(family=self.name, rope_dtype='float32')
        if set(names.values()) <= config.keys():
            found['arch'] = {ours: config[theirs] for ours, theirs in names.items()}
        if size := config.get('image_size'):
            found['img_size'] = [size, size] if isinstance(size, int) else list(size)
        return found

    def adapt(self, encoder: Sapiens2ViT, weights: dict[str, Tensor]) -> bool:
        """Check the number of key heads too, and drop the rounded periods."""
        _drop_periods(weights, '')
        if not super().adapt(encoder, weights):
            return False
        width = encoder.embed_dims // encoder.arch['num_heads']
        for index in range(encoder.num_layers):
            key, wanted = f'blocks.{index}.attn.wk.weight', width * kv_heads_of(encoder.arch, index)
            if key in weights and weights[key].shape[0] != wanted:
                raise ValueError(
                    f'`{key}` must have {wanted} rows, but the checkpoint has '
                    f'{weights[key].shape[0]}: its layers share keys among heads in another way'
                )
        return True


def _drop_periods(weights: dict[str, Tensor], prefix: str) -> None:
    """Remove the rounded periods, which are computed anew; other ones are refused."""
    stored = weights.pop(prefix + PERIODS, None)
    if stored is None:
        return
    periods = rope_periods(4 * stored.numel(), torch.float32)
    if not torch.allclose(stored.float().cpu(), periods, rtol=0.01):
        raise ValueError(
            f'`{prefix}{PERIODS}` of the checkpoint are {stored.float().tolist()[:4]} and so on, '
            f'but those of Sapiens2 are {periods.tolist()[:4]}: it was trained with another '
            'rotation of the heads'
        )
