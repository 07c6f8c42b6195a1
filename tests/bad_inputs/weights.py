"""Bad weights."""

import io
import os
import zipfile
from pathlib import Path

import torch
from mmengine.registry import MODELS
from safetensors.torch import save_file

from mmsapiens.checkpoints import load_checkpoint

from . import row
from .builders import (
    backbone,
    build,
    head,
    init_pretrained,
    load_from,
    pose_model,
    save_encoder,
    save_model,
    stock_head,
)


def load(path):
    """Load a file into our tiny pose model."""
    load_checkpoint(pose_model(), path)


def load_bytes(path, content):
    """Load a file of this content."""
    Path(path).write_bytes(content)
    load(path)


def saved_bytes(value):
    """What torch.save writes."""
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


@row('W01')
def stock_head_into_ours():
    load(save_model('stock.pth', pose_model(head_cfg=stock_head())))


@row('W02')
def our_head_into_stock():
    path = save_model('sapiens.pth', pose_model())
    load_checkpoint(pose_model(head_cfg=stock_head()), path)


@row('W03')
def our_head_into_stock_by_runner():
    path = save_model('sapiens.pth', pose_model())
    load_from(path, pose_model(head_cfg=stock_head()))


@row('W04')
def keypoints_308_into_17():
    goliath = pose_model(head_cfg=head(out_channels=308))
    load(save_model('goliath.pth', goliath))


@row('W05')
def keypoints_308_into_17_by_runner():
    goliath = pose_model(head_cfg=head(out_channels=308))
    load_from(save_model('goliath.pth', goliath), pose_model())


@row('W06')
def other_size():
    with torch.device('meta'):
        large = build(MODELS, backbone(arch='sapiens_1b'))
    # One stored number for each parameter keeps the file small.
    state = {key: torch.zeros(1).expand(value.shape) for key, value in large.state_dict().items()}
    torch.save(state, 'sapiens_1b.pth')
    init_pretrained('sapiens_1b.pth', arch='sapiens_tiny')


@row('W07')
def other_task():
    state = pose_model().state_dict()
    dense = {
        key.replace('head.', 'decode_head.').replace('final_layer', 'conv_seg'): value
        for key, value in state.items()
    }
    torch.save(dict(state_dict=dense), 'parsing.pth')
    load('parsing.pth')


@row('W08')
def lfs_pointer():
    load_bytes(
        'sapiens.pth', b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1245\n'
    )


@row('W09')
def truncated_pth():
    content = saved_bytes(pose_model().state_dict())
    Path('cut.pth').write_bytes(content[:2000])
    init_pretrained('cut.pth')


@row('W10')
def truncated_safetensors():
    save_file(pose_model().state_dict(), 'whole.safetensors')
    content = Path('whole.safetensors').read_bytes()
    load_bytes('cut.safetensors', content[:-1000])


@row('W11')
def truncated_safetensors_header():
    save_file(pose_model().state_dict(), 'whole.safetensors')
    content = Path('whole.safetensors').read_bytes()
    load_bytes('cut.safetensors', content[:100])


@row('W12')
def empty_file():
    load_bytes('sapiens.pth', b'')


@row('W13')
def html_page():
    load_bytes('sapiens.pth', b'<!DOCTYPE html><html>Sign in</html>')


@row('W14')
def json_answer():
    load_bytes('sapiens.pth', b'{"error": "Invalid credentials"}')


@row('W15')
def missing_file():
    init_pretrained('sapiens.pth')


@row('W16')
def directory():
    os.mkdir('checkpoints')
    load_from('checkpoints', pose_model())


@row('W17')
def random_binary():
    load_bytes('sapiens.pth', bytes(range(1, 200)))


class RunsCode:
    """Unpickling it would run a command."""

    def __reduce__(self):
        return os.mkdir, ('harmed',)


@row('W18')
def pickle_with_code():
    try:
        load_bytes('sapiens.pth', saved_bytes(dict(state_dict=RunsCode())))
    finally:
        if Path('harmed').exists():
            raise SystemExit('code of the file was run')


@row('W19')
def other_zip():
    with zipfile.ZipFile('sapiens.zip', 'w') as archive:
        archive.writestr('sapiens/readme.txt', 'text')
    load('sapiens.zip')


RESNET = {'conv1.weight': torch.zeros(8, 3, 7, 7), 'layer1.0.conv1.weight': torch.zeros(8, 8, 1, 1)}


@row('W20')
def resnet():
    torch.save(RESNET, 'resnet50.pth')
    load('resnet50.pth')


@row('W21')
def resnet_as_init_cfg():
    torch.save(RESNET, 'resnet50.pth')
    init_pretrained('resnet50.pth')


@row('W22')
def unknown_keys():
    state = pose_model().state_dict()
    state['backbone.layers.0.attn.gamma'] = torch.zeros(32)
    torch.save(state, 'other.pth')
    load('other.pth')


@row('W23')
def no_cls_token():
    path = save_encoder('encoder.pth')
    init_pretrained(path, with_cls_token=True)


@row('W24')
def unknown_grid():
    path = save_encoder('encoder.pth', img_size=(80, 112))
    init_pretrained(path)


@row('W25')
def optimizer_only():
    torch.save(dict(optimizer=dict(lr=0.1), meta=dict(epoch=3)), 'optim.pth')
    load('optim.pth')


@row('W26')
def empty_state_dict():
    torch.save(dict(state_dict={}, meta={}), 'sapiens.pth')
    load_from('sapiens.pth', pose_model())


@row('W27')
def tensors_in_a_list():
    torch.save(list(pose_model().state_dict().values()), 'sapiens.pth')
    load('sapiens.pth')


@row('W28')
def state_dict_is_a_model():
    torch.save(dict(state_dict=[torch.zeros(3)]), 'sapiens.pth')
    load('sapiens.pth')


@row('W29')
def fewer_layers():
    drop = [key for key in build(MODELS, backbone()).state_dict() if key.startswith('layers.1.')]
    init_pretrained(save_encoder('encoder.pth', drop=drop))


@row('W30')
def missing_parameters():
    load(save_encoder('encoder.pth', drop=['pos_embed', 'ln1.weight']))


@row('W31')
def other_head_depth():
    wide = pose_model(head_cfg=head(deconv_out_channels=(24, 16)))
    load(save_model('wide.pth', wide))


@row('W32')
def model_without_sapiens():
    path = save_model('sapiens.pth', pose_model())
    load_checkpoint(torch.nn.Linear(3, 3), path)


@row('W33')
def other_patch_size():
    path = save_encoder('encoder.pth', patch_size=8)
    init_pretrained(path)


@row('W34')
def gap_in_encoder():
    load(save_encoder('encoder.pth', drop=['layers.0.attn.qkv.bias']))
