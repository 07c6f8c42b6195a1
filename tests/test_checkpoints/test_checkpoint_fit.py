import pytest
import torch
from checkpoints import make_state_dict

from mmsapiens.checkpoints.families import fit_encoder
from mmsapiens.checkpoints.heads import check_heads
from mmsapiens.models import SapiensViT


def test_same_head_passes(tiny_arch):
    weights = make_state_dict('pose', tiny_arch)
    check_heads(weights, weights)


@pytest.mark.parametrize('layout', ['mae', 'encoder'])
def test_file_without_a_head_passes(layout, tiny_arch):
    model = make_state_dict('pose', tiny_arch)
    check_heads(make_state_dict(layout, tiny_arch), model)


def test_head_of_another_depth_is_refused(tiny_arch):
    model = make_state_dict('seg', tiny_arch, out_channels=1)
    file = make_state_dict('depth', tiny_arch)
    with pytest.raises(ValueError, match='deconv_layers` of the checkpoint'):
        check_heads(file, model)


def test_weights_kept_elsewhere_are_left_alone(tiny_arch):
    # As DeepSpeed's ZeRO-3 loads a model.
    empty = {'patch_embed.projection.weight': torch.empty(0), 'pos_embed': torch.empty(0)}
    loaded = dict(empty)
    fit_encoder(SapiensViT(tiny_arch, (64, 48)), loaded)
    assert loaded == empty
