"""Tiny models, checkpoints, COCO folders and runs for the cases."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from mmpose.visualization import PoseLocalVisualizer

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py'
ARCH = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
HEAD = dict(
    in_channels=32, out_channels=17, deconv_out_channels=(16, 16), conv_out_channels=(16, 16)
)
COCO_META = dict(from_file='configs/_base_/datasets/coco.py')


GLOBALS = (DefaultScope, MMLogger, MessageHub, PoseLocalVisualizer, Visualizer)


@contextlib.contextmanager
def fresh_globals():
    """Undo what a runner leaves behind in mmengine's named instances."""
    saved = [(kind, kind._instance_dict.copy()) for kind in GLOBALS]
    try:
        yield
    finally:
        for kind, instances in saved:
            kind._instance_dict.clear()
            kind._instance_dict.update(instances)


def backbone(**changes):
    """Config of a tiny SapiensViT."""
    return {'type': 'mmsapiens.SapiensViT', 'arch': dict(ARCH), 'img_size': (64, 48), **changes}


def head(**changes):
    """Config of a tiny head."""
    return {'type': 'mmsapiens.InstanceNormHeatmapHead', **HEAD, **changes}


def stock_head(**changes):
    """The same of stock MMPose."""
    return head(
        type='HeatmapHead',
        deconv_kernel_sizes=(4, 4),
        conv_kernel_sizes=(1, 1),
        loss=dict(type='KeypointMSELoss'),
        **changes,
    )


def pose_model(backbone_cfg=None, head_cfg=None):
    """Build a pose estimator as mmpose does."""
    return build(
        MODELS,
        dict(
            type='TopdownPoseEstimator',
            backbone=backbone_cfg or backbone(),
            head=head_cfg or head(),
        ),
    )


def build(registry, cfg):
    """Build from a config, with bare names meaning those of mmpose."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        return registry.build(cfg)


def save_model(path, model):
    """Write the weights of a model as mmengine does."""
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return path


def save_encoder(path, drop=(), **changes):
    """Write a tiny encoder, possibly without some of its keys."""
    state = build(MODELS, backbone(**changes)).state_dict()
    torch.save({k: v for k, v in state.items() if k not in drop}, path)
    return path


def init_pretrained(path, **changes):
    """Build a model with `init_cfg` and initialize it."""
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    pose_model(backbone(init_cfg=init_cfg, **changes)).init_weights()


def load_from(path, model):
    """Let a runner load a checkpoint into a model."""
    runner = Runner(
        model=model,
        work_dir='work',
        experiment_name=str(id(model)),
        load_from=str(path),
        custom_hooks=[dict(type='mmsapiens.CheckpointGuardHook')],
        log_level='ERROR',
        cfg=dict(load_from=str(path)),
    )
    runner.load_or_resume()


def make_image(path, height=64, width=48):
    """Write an image of noise."""
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3))
    cv2.imwrite(str(path), noise.astype(np.uint8))
    return path


def annotation(**changes):
    """One person with 17 keypoints."""
    return {
        'id': 7,
        'image_id': 1,
        'category_id': 1,
        'bbox': [4, 4, 30, 40],
        'area': 1200,
        'iscrowd': 0,
        'num_keypoints': 17,
        'keypoints': [20, 20, 2] * 17,
        **changes,
    }


def coco(people=None, **image):
    """Write `people.json` and the image `1.jpg` to the working folder."""
    make_image('1.jpg')
    info = {'id': 1, 'file_name': '1.jpg', 'width': 48, 'height': 64, **image}
    doc = dict(
        images=[{k: v for k, v in info.items() if v is not None}],
        annotations=[annotation()] if people is None else people,
        categories=[dict(id=1, name='person')],
    )
    Path('people.json').write_text(json.dumps(doc))


def dataset(**changes):
    """Build the dataset of the tiny config, on the files of `coco`."""
    pipeline = [dict(type='mmsapiens.LoadCheckedImage')]
    cfg = {
        'type': 'mmsapiens.CheckedCocoDataset',
        'ann_file': 'people.json',
        'data_prefix': dict(img=''),
        'pipeline': pipeline,
        **changes,
    }
    return build(DATASETS, cfg)


DATA = [
    "people = dict(ann_file='people.json', data_root='',",
    "              data_prefix=dict(img=''))",
    'train_dataloader = dict(batch_size=1, dataset=people)',
    'val_dataloader = dict(dataset=dict(bbox_file=None, **people))',
    'test_dataloader = val_dataloader',
    "val_evaluator = dict(ann_file='people.json')",
    'test_evaluator = val_evaluator',
    'train_cfg = dict(max_epochs=1, val_interval=1)',
    "log_level = 'ERROR'",
]


def train(*lines, options=()):
    """`tools/train.py` with the tiny config and further lines of config."""
    text = [f'_base_ = {str(CONFIG)!r}', *DATA, *lines]
    Path('config.py').write_text('\n'.join(text))
    run_tool('train.py', 'config.py', '--work-dir', 'work', *options)


def run_tool(name, *arguments):
    """Call the main function of a script of `tools/`."""
    path = ROOT / 'tools' / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with mock.patch.object(sys, 'argv', [name, *arguments]), mock.patch.dict(os.environ):
        module.main()


def shell(*command):
    """Run a script of `tools/`; raises Exit if it fails."""
    from . import Exit

    done = subprocess.run(['bash', *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Exit(done.returncode, done.stderr.strip())
