"""The second generation: what its weights say, and whether they fit an encoder."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ...core.atomic_files import move_whole
from ...models import Sapiens2ViT
from ...models.sapiens2_vit import kv_heads_of, rope_periods
from ..heads import LASTS, kind_of, split_heads
from .family import BACKBONE, Family, count_layers
from .sapiens2_names import PERIODS, WIDTH, from_meta, from_transformers, is_of_transformers
from .sapiens2_names import to_meta as to_meta
from .sapiens2_names import to_transformers as to_transformers

_PROJECTION = 'patch_embed.projection.weight'
_INNER = 'blocks.0.ffn.w3.weight'
_LINEAR = r'(attn\.(wq|wk|wv|proj)|ffn\.(w12|w3))\.(weight|bias)|ln[12]\.weight'


_CONFIG_NAMES = {
    'embed_dims': 'hidden_size',
    'num_layers': 'num_hidden_layers',
    'num_heads': 'num_attention_heads',
    'feedforward_channels': 'intermediate_size',
}


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
        found: dict[str, Any] = dict(family=self.name, rope_dtype='float32')
        if set(_CONFIG_NAMES.values()) <= config.keys():
            found['arch'] = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items()}
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


_CLASSES = {
    'final_layer': 'Sapiens2ForPoseEstimation',
    'conv_seg': 'Sapiens2ForSemanticSegmentation',
    'conv_normal': 'Sapiens2ForNormalEstimation',
    'conv_pointmap': 'Sapiens2ForPointmapEstimation',
    'conv_matting': 'Sapiens2ForImageMatting',
}


def write_transformers(model: Any, folder: str | Path) -> Path:
    """Write a model of one task, or an encoder, as ``from_pretrained`` of transformers reads it.

    Args:
        model (nn.Module): An encoder of this family, or a model with one as ``backbone``.
        folder (str | Path): A new one, for ``config.json`` and ``model.safetensors``.

    Returns:
        Path: The folder.

    Raises:
        FileExistsError: If there is such a folder.
        ValueError: If transformers has no such model: albedo, a window tokenizer, several tasks.
    """
    folder = Path(folder).expanduser()
    encoder = getattr(model, 'backbone', model)
    weights, heads = dict(model.state_dict()), split_heads(model.state_dict())
    if len(heads) > 1:
        raise ValueError(f'a folder of transformers has one head, but the model has {list(heads)}')
    config = {theirs: encoder.arch[ours] for ours, theirs in _CONFIG_NAMES.items()}
    config |= dict(
        model_type='sapiens2',
        architectures=['Sapiens2Model'],
        num_key_value_attention_heads=encoder.arch['num_heads'] // 2,
        image_size=list(encoder.img_size),
        patch_size=encoder.patch_embed.patch_size,
        pos_embed_rescale=None,
    )
    for name, head in heads.items():
        last = next(each for each in LASTS if f'{each}.weight' in head)
        plain = 'head.' if last == 'final_layer' else 'decode_head.'
        weights = {
            plain + key.removeprefix(f'{name}.') if key.startswith(f'{name}.') else key: value
            for key, value in weights.items()
        }
        config['architectures'] = [_CLASSES.get(last, '')]
        channels = len(head[f'{last}.weight'])
        config['id2label'] = {str(index): f'LABEL_{index}' for index in range(channels)}
        config['label2id'] = {f'LABEL_{index}': index for index in range(channels)}
        config['head_config'] = _head_config(kind_of(head).layers_of(head))
    tensors = {key: value.contiguous() for key, value in to_transformers(weights).items()}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f'.{folder.name}-') as partial:
        save_file(tensors, Path(partial, 'model.safetensors'), dict(format='pt'))
        Path(partial, 'config.json').write_text(json.dumps(config, indent=2), encoding='utf-8')
        folder.mkdir()
        for name in ('model.safetensors', 'config.json'):
            move_whole(Path(partial, name), folder / name)
    return folder


def _head_config(layers: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        'deconv_out_channels': 'upsample_out_channels',
        'deconv_kernel_sizes': 'upsample_kernel_sizes',
        'upsample_channels': 'upsample_out_channels',
        'scale_channels': 'scale_conv_out_channels',
        'scale_hidden': 'scale_final_hidden_sizes',
    }
    found: dict[str, Any] = {names.get(key, key): list(value) for key, value in layers.items()}
    if 'upsample_channels' in layers:
        found['use_pixel_shuffle'] = True
        found['upsample_kernel_sizes'] = [3] * len(layers['upsample_channels'])
    return found


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
