"""Small weights in every layout of the released checkpoints."""

import torch

from mmsapiens.models import SapiensViT
from mmsapiens.models.heads import conv_layers, deconv_layers

# Layout -> prefix of the head, last convolution, output channels, numbers of transposed and of 1x1
# convolutions.
HEADS = {
    'pose': ('head', 'final_layer', 17, 2, 2),
    'seg': ('decode_head', 'conv_seg', 28, 3, 3),
    'depth': ('decode_head', 'conv_seg', 1, 4, 2),
    'normal': ('decode_head', 'conv_seg', 3, 3, 3),
}
LAYOUTS = ('mae', 'encoder', *HEADS)
# What a head of one or three channels is for is not to be seen.
TASKS = {'depth': 'depth', 'normal': 'normal'}
FIELDS = {'seg': 'seg_map', 'depth': 'depth_map', 'normal': 'normal_map'}


def randomize(state_dict, seed=0):
    """The same keys with random values."""
    generator = torch.Generator().manual_seed(seed)
    return {key: torch.randn(value.shape, generator=generator) for key, value in state_dict.items()}


def decoder_state_dict(width, decoder_width=16, depth=2, tokens=17):
    """Weights of an MAE decoder."""
    shapes = {
        'mask_token': (1, 1, decoder_width),
        'decoder_pos_embed': (1, tokens, decoder_width),
        'decoder_embed.weight': (decoder_width, width),
        'decoder_embed.bias': (decoder_width,),
        'ln1.weight': (decoder_width,),
        'ln1.bias': (decoder_width,),
        'decoder_pred.weight': (768, decoder_width),
        'decoder_pred.bias': (768,),
    }
    arch = dict(
        embed_dims=decoder_width,
        num_layers=depth,
        num_heads=2,
        feedforward_channels=4 * decoder_width,
    )
    blocks = SapiensViT(arch, 64).layers.state_dict()
    neck = {f'decoder_blocks.{k}': v for k, v in blocks.items()}
    neck.update({k: torch.zeros(v) for k, v in shapes.items()})
    return {f'neck.{key}': value for key, value in neck.items()}


def head_state_dict(layout, width, channels=8, out_channels=None):
    """Weights of a head."""
    prefix, last, default, num_deconvs, num_convs = HEADS[layout]
    deconvs = deconv_layers(width, [channels] * num_deconvs, [4] * num_deconvs)
    convs = conv_layers(channels, [channels] * num_convs, [1] * num_convs)
    final = torch.nn.Conv2d(channels, out_channels or default, 1)
    return {
        **{f'{prefix}.deconv_layers.{k}': v for k, v in deconvs.state_dict().items()},
        **{f'{prefix}.conv_layers.{k}': v for k, v in convs.state_dict().items()},
        **{f'{prefix}.{last}.{k}': v for k, v in final.state_dict().items()},
    }


def make_state_dict(layout, arch, out_channels=None):
    """Random weights as a released file of ``layout`` has them.

    Pretraining layouts: 64x64 pixels with a class token; the others: 64x48 without.
    """
    pretrained = layout in ('mae', 'encoder')
    size = (64, 64) if pretrained else (64, 48)
    encoder = SapiensViT(arch, size, with_cls_token=pretrained).state_dict()
    if layout == 'encoder':
        return randomize(encoder)
    weights = {f'backbone.{key}': value for key, value in encoder.items()}
    width = arch['embed_dims']
    if layout == 'mae':
        weights.update(decoder_state_dict(width))
    else:
        weights.update(head_state_dict(layout, width, out_channels=out_channels))
    return randomize(weights)
