"""Reading of parity fixtures: folders of `NAME.json` and `NAME.safetensors`.

Sizes, configs and tolerances always come from the json, so that the same tests run on any folder of
the same cases.
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
    """Folder of real images; skips the test where it is missing."""
    return _folder('MMSAPIENS_TEST_DATA', '../shared/data')


class Case:
    """One fixture."""

    def __init__(self, name):
        folder = fixture_folder()
        self.doc = json.loads((folder / f'{name}.json').read_text())
        path = folder / f'{name}.safetensors'
        self.tensors = load_file(path) if path.is_file() else {}
        self.config = self.doc.get('config', {})
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
    return dict(config, backbone=sapiens_vit_cfg(config['backbone']), head=head)


DENSE_HEADS = {'VitHead': 'ParsingHead', 'VitDepthHead': 'DepthHead', 'VitNormalHead': 'NormalHead'}


def dense_head_cfg(config):
    """Config of a dense head from one of the reference."""
    keys = (
        'in_channels',
        'num_classes',
        'deconv_out_channels',
        'deconv_kernel_sizes',
        'conv_out_channels',
        'conv_kernel_sizes',
        'align_corners',
        'dropout_ratio',
    )
    head = {key: config[key] for key in keys if key in config}
    head['type'] = f'mmsapiens.{DENSE_HEADS[config["type"]]}'
    if head['type'] == 'mmsapiens.ParsingHead':
        weight = config['loss_decode'].get('class_weight')
        head['loss_decode'] = dict(type='mmsapiens.AllPixelCrossEntropyLoss', class_weight=weight)
    if head['type'] == 'mmsapiens.DepthHead':
        head['loss_decode'] = dict(
            type='mmsapiens.ScaleInvariantLogLoss',
            clamped_slope=0,
            loss_weight=config['loss_decode']['loss_weight'],
        )
    return head


def dense_estimator_cfg(config):
    """Config of a dense estimator from one of the reference."""
    preprocessor = dict(config['data_preprocessor'])
    preprocessor.pop('seg_pad_val')
    preprocessor['type'] = 'mmsapiens.DenseDataPreprocessor'
    return dict(
        type='mmsapiens.DenseEstimator',
        data_preprocessor=preprocessor,
        backbone=sapiens_vit_cfg(config['backbone']),
        decode_head=dense_head_cfg(config['decode_head']),
        test_cfg=config['test_cfg'],
    )


def assert_init_stats(case, prefix, model):
    """Compare fresh parameters with the recorded statistics of a case."""
    compare_stats(case.doc['stats'], case.tolerance, prefix, model)


def compare_stats(expected, tolerance, prefix, model):
    """Compare fresh parameters with recorded statistics by name."""
    parameters = dict(model.named_parameters())
    compared = 0
    for key, stats in expected.items():
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
        rtol = tolerance['std_rtol'] if many else 0.5
        std = parameter.std().item()
        assert std == pytest.approx(stats['std'], rel=rtol), key
    assert compared
