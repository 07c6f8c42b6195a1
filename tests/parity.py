"""Reading of parity fixtures: folders of `NAME.json` and `NAME.safetensors`.

Sizes, configs and tolerances always come from the json, so that the same
tests run on any folder of the same cases.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[1]


def _folder(variable, default):
    path = Path(os.environ.get(variable, ROOT / default)).resolve()
    if not path.is_dir():
        pytest.skip(f'{variable}: no folder {path}')
    return path


def fixture_folder():
    """Folder of the parity fixtures; skips the test where it is missing."""
    return _folder('MMSAPIENS_FIXTURES', '../shared/fixtures')


def data_folder():
    """Folder of real pictures; skips the test where it is missing."""
    return _folder('MMSAPIENS_TEST_DATA', '../shared/data')


class Case:
    """One fixture."""

    def __init__(self, name):
        folder = fixture_folder()
        self.doc = json.loads((folder / f'{name}.json').read_text())
        path = folder / f'{name}.safetensors'
        self.tensors = load_file(path) if path.is_file() else {}
        self.config = self.doc['config']
        self.tolerance = self.doc['tolerance']

    def __getitem__(self, name):
        return self.tensors[name]

    def group(self, prefix):
        """Tensors whose names start with `prefix/`, without it."""
        start = f'{prefix}/'
        return {
            name[len(start) :]: tensor
            for name, tensor in self.tensors.items()
            if name.startswith(start)
        }

    def scalar(self, name):
        """An expected number; entries may carry a note."""
        value = self.doc['scalars'][name]
        if isinstance(value, dict):
            value = value['value']
        return float(value) if isinstance(value, str) else value

    def assert_close(self, actual, expected, prefix=''):
        """Compare within `atol` and `rtol`, or those of a group of names."""
        atol = self.tolerance.get(f'{prefix}atol', 0.0)
        rtol = self.tolerance.get(f'{prefix}rtol', 0.0)
        torch.testing.assert_close(actual, expected, atol=atol, rtol=rtol)

    def assert_grad_close(self, actual, expected):
        """Compare gradients, relative to their largest entry."""
        scale = self.tolerance['grad_atol_rel_to_max']
        torch.testing.assert_close(
            actual,
            expected,
            atol=scale * expected.abs().max().item(),
            rtol=self.tolerance['grad_rtol'],
        )


def sapiens_vit_cfg(config):
    """Config of SapiensViT from one of the reference's VisionTransformer."""
    patch_cfg = config.get('patch_cfg', {})
    return dict(
        type='mmsapiens.SapiensViT',
        arch=config['arch'],
        img_size=config['img_size'],
        patch_size=config['patch_size'],
        patch_padding=patch_cfg.get('padding', 'corner'),
        with_cls_token=config.get('with_cls_token', False),
        final_norm=config.get('final_norm', True),
        drop_path_rate=config.get('drop_path_rate', 0.0),
    )


def pose_estimator_cfg(config):
    """Config of a pose estimator from one of the reference."""
    head = dict(config['head'], type='mmsapiens.InstanceNormHeatmapHead')
    return dict(
        config, backbone=sapiens_vit_cfg(config['backbone']), head=head
    )


def assert_init_stats(case, prefix, model):
    """Compare fresh parameters with the recorded statistics of a case."""
    parameters = dict(model.named_parameters())
    compared = 0
    for key, stats in case.doc['stats'].items():
        if not key.startswith(prefix):
            continue
        parameter = parameters[key[len(prefix) :]]
        compared += 1
        assert list(parameter.shape) == stats['shape'], key
        if stats['std'] == 0:
            assert (parameter == stats['mean']).all(), key
            continue
        # The std of few numbers is itself uncertain.
        many = parameter.numel() > 1000
        rtol = case.tolerance['std_rtol'] if many else 0.5
        std = parameter.std().item()
        assert std == pytest.approx(stats['std'], rel=rtol), key
    assert compared
