"""Rows: training steps on a CPU against the same model of stock parts."""

from __future__ import annotations

import time
from collections.abc import Iterator

from harness import Measurement, Settings, alternate, benchmark

CASES = {
    'tiny-pose': ('pose', 'tiny', 4),
    'tiny-parsing': ('parsing', 'tiny', 4),
    '0.3b-pose': ('pose', '0.3b', 1),
    '0.3b-parsing': ('parsing', '0.3b', 1),
}
"""Name -> task, size, batch."""

SMALL_HW = (256, 192)
"""Input of 0.3B here: at 1024x768 a step takes minutes on a few cores."""


def _steps(task: str, size: str, batch: int, settings: Settings) -> Iterator[Measurement]:
    import torch
    from training.batches import make_batch
    from training.models import build, build_stock, config_of, stock_config
    from training.steps import Stepper, optimizer_of, training_flops

    cfg = config_of(task, 'tiny' if settings.small else size)
    if settings.small:
        batch = 1
    elif size != 'tiny':
        cfg.model.backbone.img_size = SMALL_HW
        if task == 'pose':
            height, width = SMALL_HW
            cfg.model.head.decoder.update(
                input_size=(width, height), heatmap_size=(width // 4, height // 4)
            )
        else:
            cfg.model.data_preprocessor.size = SMALL_HW
    ours = build(cfg)
    flops = training_flops(ours, batch)
    stock_cfg = stock_config(task, cfg)
    stock = build_stock(task, stock_cfg, ours)
    with torch.no_grad():
        image = torch.randn(1, 3, *cfg.model.backbone.img_size)
        pair = [model.eval()(image, None, mode='tensor') for model in (ours, stock)]
    for model in (ours, stock):
        model.train()
    error = (pair[0] - pair[1]).abs().max() / pair[1].abs().max()
    ways = {
        'ours': Stepper(ours, optimizer_of(ours, cfg), make_batch(task, cfg, batch)),
        'stock': Stepper(
            stock, optimizer_of(stock, stock_cfg), make_batch(task, cfg, batch, stock=True)
        ),
    }
    timings = alternate(
        ways,
        repeat=1 if settings.small else settings.repeat,
        most_s=240,
        clock=time.process_time if settings.threads == 1 else time.perf_counter,
    )
    yield Measurement(
        timings['ours'].median,
        's',
        timings['stock'].median,
        mode=f'batch {batch}, input {"x".join(map(str, cfg.model.backbone.img_size))}, float32',
        target=1.1,
        flops=flops,
        error=f'{float(error):.0e} of the largest output',
        first_s=timings['ours'].first_s,
    )


def _register(name: str) -> None:
    task, size, batch = CASES[name]

    @benchmark(
        f'train-step-{name}',
        work=f'training step, {task}, {size}',
        against='the same network, stock backbone, estimator, loss, targets and optimizer',
        side='training',
        limit_s=420,
    )
    def _row(settings: Settings) -> Iterator[Measurement]:
        yield from _steps(task, size, batch, settings)


for _name in CASES:
    _register(_name)
