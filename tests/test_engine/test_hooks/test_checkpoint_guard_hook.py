from types import SimpleNamespace

import pytest
import torch
from checkpoints import make_state_dict
from mmengine.config import Config
from torch import nn

from mmsapiens.engine import CheckpointGuardHook


class Weights(nn.Module):
    """A model that has given weights."""

    def __init__(self, state_dict):
        super().__init__()
        self.weights = state_dict

    def state_dict(self):
        return self.weights


def check(file, model):
    runner = SimpleNamespace(model=Weights(model), cfg=Config())
    CheckpointGuardHook().after_load_checkpoint(runner, dict(state_dict=file))


def test_matching_checkpoint_passes(tiny_arch):
    weights = make_state_dict('pose', tiny_arch)
    check(weights, weights)


def test_checkpoints_of_other_projects_pass(tiny_arch):
    check({'backbone.conv1.weight': torch.zeros(1)}, make_state_dict('pose', tiny_arch))


def test_stock_head_is_refused(tiny_arch):
    file = make_state_dict('pose', tiny_arch)
    model = dict(file)
    for key in ('weight', 'bias', 'running_mean', 'running_var'):
        model[f'head.deconv_layers.1.{key}'] = torch.zeros(8)
    with pytest.raises(ValueError, match='InstanceNormHeatmapHead'):
        check(file, model)


def test_other_task_is_refused(tiny_arch):
    with pytest.raises(ValueError, match='head of another task'):
        check(make_state_dict('seg', tiny_arch), make_state_dict('pose', tiny_arch))


def test_other_number_of_classes_is_refused(tiny_arch):
    with pytest.raises(ValueError, match='20 output channels.* has 28'):
        check(make_state_dict('seg', tiny_arch, out_channels=20), make_state_dict('seg', tiny_arch))


def test_model_is_not_asked_without_need(tiny_arch):
    # FSDP gathers all weights for it, and its inner model cannot answer.
    runner = SimpleNamespace(model=nn.Identity(), cfg=Config())
    runner.model.state_dict = None
    file = make_state_dict('mae', tiny_arch)
    CheckpointGuardHook().after_load_checkpoint(runner, dict(state_dict=file))
