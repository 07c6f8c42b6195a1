"""`tools/train.py` and `tools/test.py` run configs of every host."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from parity import ROOT

BACKBONE = dict(
    type='SapiensViT',
    arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64),
    img_size=(64, 48),
)
LOADER = dict(batch_size=2, num_workers=0)


def base_config(scope, model, train, test, evaluator):
    """A config with one data loader for training and one for the rest."""
    sampler = dict(type='DefaultSampler', shuffle=False)
    held_out = dict(LOADER, sampler=sampler, dataset=test)
    return dict(
        custom_imports=dict(imports=['mmsapiens'], allow_failed_imports=False),
        default_scope=scope,
        model=model,
        train_dataloader=dict(
            LOADER, sampler=dict(type='DefaultSampler', shuffle=True), dataset=train
        ),
        val_dataloader=held_out,
        test_dataloader=held_out,
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        val_cfg=dict(),
        test_cfg=dict(),
        optim_wrapper=dict(
            optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.1),
            constructor='ViTLayerDecayConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.9),
        ),
        auto_scale_lr=dict(enable=False, base_batch_size=4),
    )


def mmpretrain_config(folder):
    """Classification of images in folders."""
    rng = np.random.default_rng(0)
    for name in ('cat', 'dog'):
        (folder / name).mkdir()
        for index in range(2):
            image = rng.integers(0, 256, (64, 48, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / name / f'{index}.png'), image)
    steps = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    dataset = dict(type='CustomDataset', data_root=str(folder), pipeline=steps)
    model = dict(
        type='ImageClassifier',
        data_preprocessor=dict(num_classes=2),
        backbone=dict(BACKBONE, out_type='avg_featmap'),
        head=dict(type='LinearClsHead', num_classes=2, in_channels=32),
    )
    evaluator = dict(type='Accuracy', topk=1)
    return base_config('mmpretrain', model, dataset, dataset, evaluator)


def mmseg_config(folder):
    """Segmentation of two classes."""
    rng = np.random.default_rng(0)
    for kind in ('images', 'labels'):
        (folder / kind).mkdir()
    for index in range(4):
        image = rng.integers(0, 256, (64, 48, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'images/{index}.png'), image)
        labels = rng.integers(0, 2, (64, 48), dtype=np.uint8)
        cv2.imwrite(str(folder / f'labels/{index}.png'), labels)
    dataset = dict(
        type='BaseSegDataset',
        metainfo=dict(classes=('a', 'b'), palette=[[0] * 3, [255] * 3]),
        data_root=str(folder),
        img_suffix='.png',
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )
    model = dict(
        type='EncoderDecoder',
        data_preprocessor=dict(type='SegDataPreProcessor', size=(64, 48), seg_pad_val=255),
        backbone=BACKBONE,
        decode_head=dict(
            type='FCNHead',
            in_channels=32,
            in_index=0,
            channels=8,
            num_convs=1,
            num_classes=2,
            norm_cfg=dict(type='BN'),
        ),
        test_cfg=dict(mode='whole'),
    )
    evaluator = dict(type='IoUMetric')
    return base_config('mmseg', model, dataset, dataset, evaluator)


def run(*args):
    done = subprocess.run([sys.executable, *args], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    'make_config, metric',
    [(mmpretrain_config, 'accuracy/top1'), (mmseg_config, 'mIoU')],
    ids=['mmpretrain', 'mmseg'],
)
def test_config_of_a_host_trains_resumes_and_evaluates(make_config, metric, tmp_path):
    (tmp_path / 'data').mkdir()
    config = tmp_path / 'config.py'
    lines = [f'{k} = {v!r}' for k, v in make_config(tmp_path / 'data').items()]
    config.write_text('\n'.join(lines))
    work_dir = tmp_path / 'work'
    train = [ROOT / 'tools/train.py', config, '--work-dir', work_dir]

    log = run(*train, '--amp', '--auto-scale-lr')
    assert 'LR is set based on batch size of 4' in log
    assert (work_dir / 'epoch_1.pth').is_file()

    # The resumed run needs the optimizer and the history of the first one.
    log = run(*train, '--amp', '--resume', '--cfg-options', 'train_cfg.max_epochs=2')
    assert 'resumed epoch: 1' in log
    assert 'Epoch(train) [2]' in log and 'Epoch(train) [1]' not in log

    out = tmp_path / 'predictions.pkl'
    test_dir = tmp_path / 'test'
    run(
        ROOT / 'tools/test.py',
        config,
        work_dir / 'epoch_2.pth',
        *('--work-dir', test_dir, '--out', out),
    )
    assert out.stat().st_size > 0
    (figures,) = test_dir.glob('[0-9]*/[0-9]*.json')
    assert metric in json.loads(figures.read_text())
