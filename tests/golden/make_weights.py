"""Tiny networks with a fixed seed for every task, and a detector.

    python make_weights.py ROOT OUT

The weights are random, yet their results look like those of trained networks:
transposed convolutions interpolate, so that maps are smooth, and the last
convolution is scaled by the outputs for noise, so that heatmaps have one high
peak and parsing maps many classes.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from trees import tiny_config, use_tree

# Task -> its tiny config, mean and standard deviation of its raw output.
TASKS = {
    'pose-17': ('pose/coco/sapiens-tiny_*.py', 0.0, 0.2),
    'pose-133': ('pose/coco_wholebody/sapiens-tiny_*.py', 0.0, 0.2),
    'pose-308': ('pose/goliath308/sapiens-tiny_*.py', 0.0, 0.2),
    'seg-28': ('dense/parsing/sapiens-tiny_*bodyparts28*.py', 0.0, 3.0),
    'seg-lip': ('dense/parsing/sapiens-tiny_*_lip-*.py', 0.0, 3.0),
    'seg-cihp': ('dense/parsing/sapiens-tiny_*_cihp-*.py', 0.0, 3.0),
    'depth': ('dense/depth/sapiens-tiny_*.py', 0.5, 0.2),
    'normal': ('dense/normal/sapiens-tiny_*.py', 0.0, 0.6),
}
PRETRAINING = 'pretrain/sapiens-tiny_*.py'
DETECTOR = 'detection/rtmdet-m_*.py'
PEOPLE = 3
"""Boxes above the threshold that the detector finds in noise, about."""
THRESHOLD = 0.3
GAIN = 1.6


def parse_args():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', type=Path, help='checkout whose package and configs are used')
    parser.add_argument('out', type=Path, help='folder for the weights')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def noise(size_hw, seed, count=4):
    """Images of noise of all scales, normalized: float32 (count, 3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.zeros(count, 3, *size_hw)
    for scale in (1, 4, 16, 64):
        coarse = [side // scale for side in size_hw]
        layer = torch.randn(count, 3, *coarse, generator=generator)
        mixed += scale**0.5 / 8 * nn.functional.interpolate(layer, size_hw, mode='bicubic')
    return mixed


def build(cfg, seed):
    """The model of a config, every parameter drawn from a seed."""
    from mmengine.registry import MODELS, DefaultScope

    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.named_parameters():
        draw(name, value.data, generator)
    for module in model.modules():
        if isinstance(module, nn.ConvTranspose2d):
            interpolate(module, generator)
    return model


def draw(name, value, generator):
    """Draw a parameter in place; norms stay near 1, others keep the variance."""
    random = torch.randn(value.shape, generator=generator)
    if value.dim() > 1:
        fan_in = math.prod(value.shape[1:])
        is_table = name.endswith(('pos_embed', 'token'))
        value.copy_(random * (0.5 if is_table else fan_in**-0.5))
    elif name.endswith('weight'):
        value.copy_(1 + 0.1 * random)
    else:
        value.copy_(0.1 * random)


def interpolate(deconv, generator):
    """Make a transposed convolution mix channels and enlarge bilinearly."""
    size = deconv.kernel_size[0]
    ramp = 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size / 2)
    kernel = ramp[:, None] * ramp
    channels = deconv.weight.shape[:2]
    mix = torch.randn(channels, generator=generator) * channels[0] ** -0.5
    deconv.weight.data.copy_(mix[..., None, None] * kernel)


@torch.inference_mode()
def scale_output(model, size_hw, mean, std, seed):
    """Scale the last convolution for the mean and deviation of its output."""
    head = model.head if hasattr(model, 'head') else model.decode_head
    last = head.final_layer if hasattr(head, 'final_layer') else head.conv_seg
    raw = head(model.backbone(noise(size_hw, seed)))
    deviation, center = torch.std_mean(raw, (0, 2, 3))
    factor = std / deviation
    last.weight.data *= factor[:, None, None, None]
    last.bias.data.sub_(center).mul_(factor).add_(mean)


@torch.inference_mode()
def scale_detector(model, size_hw, seed):
    """Let the detector find a few people in noise, and give its boxes a size."""
    images = noise(size_hw, seed, count=2)
    head = model.bbox_head
    # SiLU halves what goes in, which is the end of it after a hundred layers.
    for module in (model.backbone, model.neck, head.cls_convs, head.reg_convs):
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                part.weight.data *= GAIN
            elif isinstance(part, nn.BatchNorm2d):
                part.bias.data.zero_()
    scores, _ = head(model.neck(model.backbone(images)))
    deviation = torch.cat([level.flatten() for level in scores]).std()
    # Photographs vary a few times more than noise, where it matters.
    for conv in head.rtm_reg:
        conv.weight.data /= 10 * deviation
        conv.bias.data.fill_(1.0)
    for conv in head.rtm_cls:
        conv.weight.data /= 4 * deviation
        conv.bias.data.zero_()
    scores, _ = head(model.neck(model.backbone(images)))
    flat = torch.cat([level.flatten() for level in scores])
    cut = flat.sort(descending=True).values[PEOPLE * len(images)]
    for conv in head.rtm_cls:
        conv.bias.data += math.log(THRESHOLD / (1 - THRESHOLD)) - cut


def dataset_meta(cfg):
    """What the test data set says about itself, as checkpoints carry it."""
    from mmengine.registry import DATASETS, DefaultScope

    described = dict(cfg.test_dataloader.dataset, pipeline=[], lazy_init=True, test_mode=True)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return dict(DATASETS.build(described).metainfo)


def save(model, cfg, path, seed, meta=None):
    """Write a checkpoint in the layout of a training."""
    from mmengine import __version__

    meta = dict(
        cfg=cfg.pretty_text,
        seed=seed,
        epoch=1,
        iter=1,
        experiment_name=path.stem,
        mmengine_version=__version__,
        dataset_meta=meta,
    )
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    count = sum(value.numel() for value in model.parameters())
    print(f'{path.name}: {count / 1e6:.2f} million parameters', flush=True)


def main():
    """Write all weights."""
    args = parse_args()
    configs = use_tree(args.root)
    from mmengine.config import Config

    torch.set_num_threads(1)
    np.random.seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    for task, (pattern, mean, std) in TASKS.items():
        cfg = Config.fromfile(tiny_config(configs, pattern))
        model = build(cfg, args.seed)
        scale_output(model, cfg.model.backbone.img_size, mean, std, args.seed)
        save(model, cfg, args.out / f'{task}.pth', args.seed, dataset_meta(cfg))

    cfg = Config.fromfile(tiny_config(configs, PRETRAINING))
    model = build(cfg, args.seed)
    save(model, cfg, args.out / 'mae.pth', args.seed)

    cfg = Config.fromfile(tiny_config(configs, DETECTOR))
    cfg.model.backbone.pop('init_cfg', None)
    model = build(cfg, args.seed)
    scale_detector(model, (640, 640), args.seed)
    save(model, cfg, args.out / 'detector.pth', args.seed)


if __name__ == '__main__':
    main()
