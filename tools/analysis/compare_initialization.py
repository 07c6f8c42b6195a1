#!/usr/bin/env python
"""Fine-tune from a pretrained encoder and from random weights, and compare.

Pretrains on the training images of a folder as `projects/synthetic_humans` renders it, and on
further ones without labels, fine-tunes a dense config from the encoder and from random weights with
the same steps, batches and seeds, and prints the metrics of each seed. Everything is done with the
tiny configs on one CPU unless told otherwise.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmengine.config import Config, ConfigDict
from mmsapiens.engine import launch, options
from mmsapiens.io.listing import scan_folder
from mmsapiens.checkpoints import convert_checkpoint

CONFIGS = Path(__file__).parents[2] / 'configs'
PRETRAIN = 'pretrain/sapiens-tiny_1xb32-200e_human-images-128x128.py'
FINE_TUNE = 'dense/normal/sapiens-tiny_2xb4-300e_normal-256x192.py'
WARM_UP = 20


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('data', help='folder with images/, maps and splits/')
    parser.add_argument('--out', required=True, help='folder for all runs')
    parser.add_argument('--pretrain', default=str(CONFIGS / PRETRAIN))
    parser.add_argument('--fine-tune', default=str(CONFIGS / FINE_TUNE))
    parser.add_argument(
        '--images', nargs='+', default=[], help='folders with further images for pretraining'
    )
    parser.add_argument('--encoder', help='use this one, do not pretrain')
    parser.add_argument('--pretrain-epochs', type=int, default=200)
    parser.add_argument('--steps', type=int, default=300, help='fine-tuning')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    for name in ('pretrain', 'fine-tune'):
        options.add_options(parser, f'--{name}-options')
    return parser.parse_args(args)


def read_config(path: str, words: list[str], work_dir: Path, seed: int) -> Config:
    """A config that shows and saves little.

    Args:
        path (str): The file.
        words (list[str]): Options of the command line.
        work_dir (Path): For logs and the last checkpoint.
        seed (int): Of weights, order and augmentation.
    """
    cfg = launch.read_config(path)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = '-'.join(work_dir.parts[-2:])
    cfg.randomness = dict(seed=seed)
    cfg.resume = False
    cfg.log_level = 'WARNING'
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    options.set_options(cfg, words)
    return cfg


def set_schedule(cfg: Config, steps: int) -> None:
    """Warm-up and cosine decay over a number of steps."""
    warm_up = min(WARM_UP, steps // 4)
    cfg.param_scheduler = [
        ConfigDict(type='LinearLR', by_epoch=False, end=warm_up, start_factor=1e-2),
        ConfigDict(type='CosineAnnealingLR', by_epoch=False, begin=warm_up, T_max=steps - warm_up),
    ]


def pretrain(parsed: argparse.Namespace) -> Path:
    """Pretrain on all images but those for validation; the encoder."""
    out = Path(parsed.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    data = Path(parsed.data).resolve()
    names = set((data / 'splits/train.txt').read_text().split())
    images = [p for p in (data / 'images').iterdir() if p.stem in names]
    for folder in map(Path, parsed.images):
        if not folder.is_dir():
            raise SystemExit(f'error: {folder} of `--images` is no folder')
        found = scan_folder(folder.resolve())
        images += [folder.resolve() / name for name in found]
    listed = out / 'images.txt'
    listed.write_text('\n'.join(sorted(str(path) for path in images)))
    epochs = parsed.pretrain_epochs
    cfg = read_config(parsed.pretrain, parsed.pretrain_options, out / 'pretrain', seed=0)
    cfg.train_dataloader.dataset.update(data_root='', ann_file=str(listed))
    cfg.train_cfg.max_epochs = epochs
    cfg.default_hooks.checkpoint.interval = epochs
    steps = epochs * max(1, len(images) // cfg.train_dataloader.batch_size)
    set_schedule(cfg, steps)
    with launch.distributed_run(cfg):
        launch.build_runner(cfg).train()
    _, encoder = convert_checkpoint(
        out / f'pretrain/epoch_{epochs}.pth',
        out / 'encoder.safetensors',
        encoder_only=True,
        with_hash=False,
    )
    print(f'pretrained {steps} steps on {len(images)} images: {encoder}')
    return encoder


def fine_tune(parsed: argparse.Namespace, encoder: Path | None, seed: int) -> dict[str, float]:
    """Train one model, and measure it on the images for validation.

    Args:
        parsed (argparse.Namespace): The command line.
        encoder (Path | None): Weights to start from; None for random ones.
        seed (int): Of all else.
    """
    kind = 'random' if encoder is None else 'pretrained'
    work_dir = Path(parsed.out).resolve() / kind / f'seed_{seed}'
    cfg = read_config(parsed.fine_tune, parsed.fine_tune_options, work_dir, seed)
    init = encoder and dict(type='Pretrained', checkpoint=str(encoder))
    cfg.model.backbone.init_cfg = init
    for split in ('train', 'val'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset.update(data_root=parsed.data, split='', ann_file=f'splits/{split}.txt')
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    cfg.train_cfg = dict(
        type='IterBasedTrainLoop', max_iters=parsed.steps, val_interval=parsed.steps + 1
    )
    cfg.default_hooks.pop('visualization', None)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', by_epoch=False, interval=parsed.steps
    )
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    set_schedule(cfg, parsed.steps)
    runner = launch.build_runner(cfg)
    runner.train()
    metrics = {key: float(value) for key, value in runner.val().items()}
    print(f'{kind}, seed {seed}: {metrics}', flush=True)
    return metrics


def main(args: Sequence[str] | None = None) -> int:
    """Pretrain, fine-tune, and print a table."""
    parsed = parse_args(args)
    encoder = Path(parsed.encoder) if parsed.encoder else pretrain(parsed)
    results: dict[str, list[dict[str, float]]] = dict(random=[], pretrained=[])
    for seed in parsed.seeds:
        results['random'].append(fine_tune(parsed, None, seed))
        results['pretrained'].append(fine_tune(parsed, encoder, seed))
    Path(parsed.out, 'results.json').write_text(json.dumps(results, indent=1))
    print(f'\n{parsed.steps} steps, seeds {parsed.seeds}: mean (each)')
    print('| metric | random | pretrained |\n|---|---|---|')
    for name in results['random'][0]:
        cells = []
        for runs in results.values():
            values = [run[name] for run in runs]
            each = ', '.join(f'{value:.4g}' for value in values)
            cells.append(f'{statistics.mean(values):.4g} ({each})')
        print(f'| {name} | {" | ".join(cells)} |')
    return 0


if __name__ == '__main__':
    sys.exit(main())
