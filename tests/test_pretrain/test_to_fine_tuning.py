"""The way of docs/pretraining.md: pretrain, convert, fine-tune."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from parity import ROOT
from run_tool import run_tool

CONFIGS = ROOT / 'configs'
FINE_TUNING = [
    'pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py',
    'pose/goliath308/sapiens-tiny_2xb7-300e_goliath308-256x192.py',
    'dense/parsing/sapiens-tiny_2xb4-300e_bodyparts28-256x192.py',
    'dense/depth/sapiens-tiny_2xb4-300e_depth-256x192.py',
    'dense/normal/sapiens-tiny_2xb4-300e_normal-256x192.py',
]


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Folder of a run of two iterations of the tiny config."""
    folder = tmp_path_factory.mktemp('mae')
    images = folder / 'images'
    images.mkdir()
    rng = np.random.default_rng(0)
    for index in range(8):
        image = rng.integers(0, 256, (160, 140, 3), dtype=np.uint8)
        cv2.imwrite(str(images / f'{index}.png'), image)
    config = 'sapiens-tiny_1xb32-200e_human-images-128x128.py'
    run_tool(
        'train.py',
        CONFIGS / 'pretrain' / config,
        *('--work-dir', folder / 'run', '--cfg-options'),
        f'train_dataloader.dataset.data_root={images}',
        'train_dataloader.batch_size=4',
        'train_cfg.max_epochs=1',
        'default_hooks.checkpoint.interval=1',
        'custom_hooks.4.interval=2',
        'model.neck.decoder_depth=1',
        'param_scheduler=[]',
    )
    return folder


def test_run_draws_reconstructions_and_logs_to_tensorboard(trained):
    names = {path.name for path in trained.rglob('*') if path.is_file()}
    assert 'reconstruction_2.png' in names
    assert any(name.startswith('events.out.tfevents') for name in names)


def test_encoder_reaches_every_fine_tuning_config(trained):
    encoder = trained / 'encoder.safetensors'
    run_tool(
        'convert_checkpoint.py', trained / 'run/epoch_1.pth', encoder, '--encoder-only', '--no-hash'
    )
    weights = torch.load(trained / 'run/epoch_1.pth', weights_only=False)
    weights = weights['state_dict']
    for name in FINE_TUNING:
        cfg = Config.fromfile(CONFIGS / name)
        init_default_scope(cfg.default_scope)
        cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(encoder))
        backbone = MODELS.build(cfg.model).backbone
        backbone.init_weights()
        # Pretrained on 8x8 patches, fine-tuned on 16x12.
        assert backbone.pos_embed.shape == (1, 192, 192)
        assert backbone.pos_embed.requires_grad
        for key, value in backbone.state_dict().items():
            if key != 'pos_embed':
                assert torch.equal(value, weights[f'backbone.{key}']), key


def test_reconstructions_of_a_checkpoint_are_drawn(trained):
    out = trained / 'drawn'
    config = 'sapiens-tiny_1xb32-200e_human-images-128x128.py'
    run_tool(
        'analysis/draw_reconstructions.py',
        CONFIGS / 'pretrain' / config,
        trained / 'run/epoch_1.pth',
        trained / 'images/0.png',
        *('--out', out, '--mask-ratios', 0.75, 0.9),
        *('--cfg-options', 'model.neck.decoder_depth=1'),
    )
    triplet = cv2.imread(str(out / '0_triplet.png'))
    assert triplet.shape == (4 + 148 + 4, 3 * 132 + 4, 3)
    sweep = cv2.imread(str(out / '0_sweep.png'))
    assert sweep.shape == (4 + 152 + 132, 3 * 132 + 4, 3)


def test_loss_of_a_checkpoint_is_compared_with_a_constant(trained, capsys):
    config = 'sapiens-tiny_1xb32-200e_human-images-128x128.py'
    out = trained / 'errors.json'
    run_tool(
        'analysis/reconstruction_loss.py',
        CONFIGS / 'pretrain' / config,
        trained / 'run/epoch_1.pth',
        trained / 'images',
        *('--json', out, '--mask-ratios', 0.75, 0.9, '--batch-size', 3),
        *('--cfg-options', 'model.neck.decoder_depth=1'),
    )
    assert 'mean patch' in capsys.readouterr().out
    first, second = json.loads(out.read_text())
    assert first['num_patches'] == 8 * 48  # of 64 in each of 8 images
    assert second['mask_ratio'] == 0.9
    assert 0.5 < first['mean_patch'] < 1.1
    assert first['model'] > 0.9  # hardly trained
