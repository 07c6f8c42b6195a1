"""Bad inputs of the second generation."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from mmsapiens import build_model
from mmsapiens.checkpoints import load_checkpoint, model_metadata, write_checkpoint
from mmsapiens.checkpoints.families.sapiens2 import to_meta, to_transformers
from mmsapiens.models import Sapiens2ViT, SapiensViT
from mmsapiens.models.build import assemble
from mmsapiens.ops.cameras import check_intrinsics, turn_intrinsics
from mmsapiens.ops.compositing import composite

from . import row

SIZE = (64, 64)
ARCH = dict(embed_dims=32, num_layers=18, num_heads=4, feedforward_channels=64)
DECONV = dict(deconv_out_channels=(8, 8), conv_out_channels=(8,))
SHUFFLE = dict(upsample_channels=(8, 8, 8, 8), conv_out_channels=(8,))
LAYERS = {
    'pose-308': DECONV,
    'seg-29': DECONV,
    'normal': SHUFFLE,
    'albedo': SHUFFLE,
    'matting': SHUFFLE,
    'pointmap': dict(SHUFFLE, scale_channels=(8,), scale_hidden=(8,)),
}


def make(task, **changes):
    """A tiny model of a task as hosts have it."""
    options = dict(img_size=SIZE, head_layers=LAYERS, encoder=Sapiens2ViT)
    built = assemble(dict(ARCH, **changes), [task], **options)
    whole = nn.Module()
    whole.backbone = built.backbone
    setattr(whole, 'head' if task == 'pose-308' else 'decode_head', built.heads[task])
    return whole


def weights(task, **changes):
    """What a file of Meta's of a task holds."""
    return to_meta(make(task, **changes).state_dict(), with_periods=True)


def save(content, name='file.pth', meta=None):
    """Write a file."""
    return write_checkpoint(content, name, meta)


def load(content, model):
    """Load a file of these weights into a model."""
    load_checkpoint(model, save(content))


def first():
    """A file of an encoder of the first generation."""
    return SapiensViT('tiny', (64, 48)).state_dict()


def folder(content, config):
    """As of transformers."""
    Path('folder').mkdir()
    save_file(content, 'folder/model.safetensors')
    Path('folder/config.json').write_text(config)
    return 'folder'


def config(**changes):
    """What transformers writes for our tiny size."""
    sizes = dict(hidden_size=32, num_hidden_layers=18, num_attention_heads=4, intermediate_size=64)
    return json.dumps(dict(model_type='sapiens2', image_size=list(SIZE), **{**sizes, **changes}))


def theirs(task):
    """Weights under the names of transformers."""
    return to_transformers(make(task).state_dict())


@row('S01')
def first_generation_into_second():
    load(first(), make('seg-29'))


@row('S02')
def second_generation_into_first():
    load(weights('seg-29'), SapiensViT('tiny', (64, 48)))


@row('S03')
def a_name_of_the_other_generation():
    build_model('sapiens-1b', 'normal', checkpoint=save(weights('normal')))


@row('S04')
def classes_28_for_29():
    content = weights('seg-29')
    for kind in ('weight', 'bias'):
        content[f'decode_head.conv_seg.{kind}'] = content[f'decode_head.conv_seg.{kind}'][:28]
    build_model(None, 'seg-29', checkpoint=save(content))


@row('S05')
def classes_29_for_28():
    build_model(None, 'seg-28', checkpoint=save(weights('seg-29')))


@row('S06')
def classes_28_into_29():
    content = weights('seg-29')
    for kind in ('weight', 'bias'):
        content[f'decode_head.conv_seg.{kind}'] = content[f'decode_head.conv_seg.{kind}'][:28]
    load(content, make('seg-29'))


@row('S07')
def normals_for_albedo():
    build_model(None, 'albedo', checkpoint=save(weights('normal')))


@row('S08')
def normals_into_albedo():
    load(weights('normal'), make('albedo'))


@row('S09')
def points_for_mattes():
    build_model(None, 'matting', checkpoint=save(weights('pointmap')))


@row('S10')
def poses_for_classes():
    build_model(None, 'seg-29', checkpoint=save(weights('pose-308')))


@row('S11')
def another_rotation():
    content = weights('seg-29')
    content['backbone.rope_embed.periods'] = torch.tensor([1.0, 100.0])
    load(content, make('seg-29'))


@row('S12')
def other_heads_than_q_norm():
    load(weights('seg-29'), make('seg-29', num_heads=8))


@row('S13')
def other_depth():
    load(weights('seg-29'), make('seg-29', num_layers=2))


@row('S14')
def other_inner_width():
    load(weights('seg-29'), make('seg-29', feedforward_channels=128))


@row('S15')
def keys_shared_in_another_way():
    content = weights('seg-29')
    for kind in ('wk', 'wv'):
        content[f'backbone.blocks.9.attn.{kind}.weight'] = torch.zeros(32, 32)
        content[f'backbone.blocks.9.attn.{kind}.bias'] = torch.zeros(32)
    load(content, make('seg-29'))


@row('S16')
def no_window_tokenizer_in_the_file():
    load(weights('seg-29'), make('seg-29', num_tokenizer_layers=1))


@row('S17')
def no_window_tokenizer_in_the_model():
    load(weights('seg-29', num_tokenizer_layers=1), make('seg-29'))


@row('S18')
def half_of_a_gated_layer():
    content = theirs('normal')
    del content['model.model.layer.3.mlp.up_proj.weight']
    load(content, make('normal'))


@row('S19')
def names_that_transformers_has_not():
    load(dict(theirs('normal'), **{'model.pooler.weight': torch.ones(2)}), make('normal'))


@row('S20')
def maps_of_five_channels():
    content = theirs('normal')
    content['decode_head.predictor.weight'] = torch.zeros(5, 8, 1, 1)
    load(content, make('normal'))


@row('S21')
def albedo_for_transformers():
    theirs('albedo')


@row('S22')
def tokenizer_for_transformers():
    to_transformers(make('normal', num_tokenizer_layers=1).state_dict())


@row('S23')
def a_config_of_other_heads():
    path = folder(theirs('normal'), config(num_attention_heads=8))
    build_model(None, 'normal', checkpoint=path)


@row('S24')
def a_config_cut_short():
    build_model(None, 'normal', checkpoint=folder(theirs('normal'), config()[:40]))


@row('S25')
def a_folder_of_another_model():
    path = folder({'vit.layernorm.weight': torch.ones(2)}, '{"model_type": "vit"}')
    build_model(None, 'normal', checkpoint=path)


@row('S26')
def no_norm_of_queries():
    content = weights('normal')
    del content['backbone.blocks.0.attn.q_norm.weight']
    load(content, make('normal'))


@row('S27')
def no_class_token():
    content = weights('normal')
    del content['backbone.cls_token']
    load(content, make('normal'))


@row('S28')
def no_storage_tokens():
    content = weights('normal')
    del content['backbone.storage_tokens']
    load(content, make('normal'))


@row('S29')
def a_position_table():
    load(dict(weights('normal'), **{'backbone.pos_embed': torch.zeros(1, 25, 32)}), make('normal'))


@row('S30')
def metadata_of_other_heads():
    meta = dict(mmsapiens=model_metadata(make('normal', num_heads=8)))
    load_checkpoint(make('normal'), save(weights('normal'), 'file.pth', meta))


@row('S31')
def an_encoder_for_a_task():
    content = {k: v for k, v in weights('normal').items() if k.startswith('backbone.')}
    build_model(None, 'normal', checkpoint=save(content))


@row('S32')
def points_of_another_size():
    model = make('pointmap')
    model.decode_head(model.backbone(torch.zeros(1, 3, 64, 96)))


@row('S33')
def one_token_for_the_scale():
    assemble(ARCH, ['pointmap'], img_size=(32, 32), head_layers=LAYERS, encoder=Sapiens2ViT)


@row('S34')
def image_smaller_than_a_patch():
    Sapiens2ViT(ARCH)(torch.zeros(1, 3, 15, 64))


@row('S35')
def windows_that_are_not_whole():
    Sapiens2ViT(dict(ARCH, num_tokenizer_layers=1), (128, 128))(torch.zeros(1, 3, 128, 96))


@row('S36')
def rotation_in_half_precision():
    Sapiens2ViT(ARCH, rope_dtype='float16')


@row('S37')
def padded_patches():
    Sapiens2ViT(ARCH, patch_padding=2)


@row('S38')
def no_token_wanted():
    Sapiens2ViT(ARCH, with_cls_token=False)


@row('S39')
def heads_of_odd_width():
    Sapiens2ViT(dict(ARCH, embed_dims=36))


@row('S40')
def a_size_of_the_other_generation():
    Sapiens2ViT('0.3b')


@row('S41')
def a_size_with_an_unknown_entry():
    Sapiens2ViT(dict(ARCH, num_registers=4))


@row('S42')
def positions_shrunk_by_less_than_one():
    Sapiens2ViT(ARCH, coord_rescale=0.5)


@row('S43')
def positions_moved_backwards():
    Sapiens2ViT(ARCH, coord_shift=-0.1)


@row('S44')
def layers_that_are_not_there():
    Sapiens2ViT(ARCH, out_indices=(5, 18))


@row('S45')
def depth_of_the_second_generation():
    build_model('sapiens2-tiny', 'depth')


@row('S46')
def a_model_that_was_never_made():
    build_model('sapiens2-2b', 'normal')


@row('S47')
def a_camera_without_focal_length():
    check_intrinsics(torch.tensor([[0.0, 0, 32], [0, 60, 32], [0, 0, 1]]))


@row('S48')
def a_camera_of_three_by_four():
    check_intrinsics(torch.eye(3, 4))


@row('S49')
def a_camera_that_is_not_finite():
    check_intrinsics(torch.tensor([[60.0, 0, torch.nan], [0, 60, 32], [0, 0, 1]]))


@row('S50')
def a_turn_of_stretched_pixels():
    matrix = torch.tensor([[60.0, 0, 32], [0, 90, 32], [0, 0, 1]])
    turn_intrinsics(matrix, 30, SIZE)


@row('S51')
def opacity_in_bytes():
    color = torch.zeros(3, 4, 4)
    composite(color, torch.full((1, 4, 4), 255.0), color)


@row('S52')
def colors_that_are_not_premultiplied_bytes():
    color = torch.full((3, 4, 4), 200.0)
    composite(color, torch.ones(1, 4, 4), color / 255)
