"""Rows: training on a GPU against the rate of its matrix products."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

from harness import Measurement, Settings, alternate, benchmark

ATTENTION_SHAPES = {
    '0.3B, 1024x768': (8, 16, 3072, 64),
    '0.6B, 1024x768': (4, 16, 3072, 80),
    '1B, 1024x768': (4, 24, 3072, 64),
    '2B, 1024x768': (2, 32, 3072, 60),
    'MAE 0.3B, encoder': (16, 16, 1025, 64),
    'MAE 0.3B, decoder': (16, 16, 4097, 32),
}
"""Work -> batch, heads, tokens, width of a head."""

STEP_BATCH = {'tiny': 2, '0.3b': 8, '1b': 4}
RATE = 'the measured rate of bfloat16 matrix products'
KERNEL_GAIN = 1.03
"""Another kernel of attention than torch's choice must be that much faster."""


def _prepare(settings: Settings) -> str:
    """The backend of compilation; a cache for its files."""
    folder = os.path.join(tempfile.gettempdir(), 'mmsapiens_inductor')
    os.environ.setdefault('TORCHINDUCTOR_CACHE_DIR', folder)
    import torch

    torch.backends.cudnn.benchmark = True  # as in our configs
    return 'aot_eager' if settings.device == 'cpu' else 'inductor'


def best_kernel(
    shapes: dict[tuple[int, int, int, int], int], settings: Settings
) -> tuple[str, str]:
    """The kernel of attention to prefer, '' for torch's own choice.

    Args:
        shapes (dict): Shape -> how often it occurs in a step.
        settings (Settings): Of the run.

    Returns:
        tuple[str, str]: It, and the times in words.
    """
    from training.attention import attention_seconds

    totals: dict[str, float] = {}
    for shape, count in shapes.items():
        for name, seconds in attention_seconds(shape, settings.device, repeat=3).items():
            totals[name] = totals.get(name, 0) + count * seconds
    words = ', '.join(f'{name} {1e3 * total:.1f} ms' for name, total in totals.items())
    if not totals:
        return '', 'no kernel was timed'
    best = min(totals, key=lambda name: totals[name])
    if totals.get('flash', float('inf')) < KERNEL_GAIN * totals[best]:
        best = ''
    return best, words


@benchmark(
    'gpu-train-attention',
    work='attention alone, forward and backward, by kernel',
    against=RATE,
    side='training',
    devices=('cuda',),
    limit_s=40,
)
def gpu_attention(settings: Settings) -> Iterator[Measurement]:
    """What bounds the steps below."""
    _prepare(settings)
    from training.attention import attention_flops, attention_seconds

    shapes = ATTENTION_SHAPES
    if settings.small:
        shapes = {'small': (1, 2, 64, 32)}
    for work, shape in shapes.items():
        for kernel, seconds in attention_seconds(shape, settings.device).items():
            yield Measurement(
                1e3 * seconds,
                'ms',
                mode=f'{work}, {kernel}',
                flops=attention_flops(shape),
                dtype='bfloat16',
                note='x'.join(map(str, shape)),
            )


def _steps(task: str, size: str, settings: Settings) -> Iterator[Measurement]:
    """A training step without compilation, with it, with that of the head."""
    backend = _prepare(settings)
    if settings.small:
        size = 'tiny'
    import torch
    from training.attention import prefer
    from training.batches import make_batch
    from training.models import build, config_of
    from training.steps import Stepper, compile_model, optimizer_of, training_flops

    cfg = config_of(task, size)
    batch_size = STEP_BATCH[size]
    if task != 'pose':
        batch_size = max(1, batch_size // 2)
    model = build(cfg, settings.device)
    flops = training_flops(model, batch_size)
    wrapper = optimizer_of(model, cfg, dtype='bfloat16')
    step = Stepper(model, wrapper, make_batch(task, cfg, batch_size))
    arch = model.backbone.arch
    grid = model.backbone.patch_grid
    heads = arch['num_heads']
    shape = (batch_size, heads, grid[0] * grid[1], arch['embed_dims'] // heads)
    kernel, words = best_kernel({shape: arch['num_layers']}, settings)
    rate = settings.limits.flops_per_s.get('bfloat16', 1e12)
    variants = [
        ('without compilation', ''),
        ('compiled blocks', kernel),
        ('compiled blocks and head', kernel),
    ]
    for name, preferred in variants:
        if name != variants[0][0]:
            torch._dynamo.reset()
            compile_model(model, 'head' in name, backend)
        if settings.device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        with prefer(preferred):
            timing = alternate({'ours': step}, repeat=8, device=settings.device, most_s=25)['ours']
        peak = 0.0
        if settings.device == 'cuda':
            peak = torch.cuda.max_memory_allocated() / 1e9
        yield Measurement(
            batch_size / timing.median,
            'images/s',
            mode=f'batch {batch_size}, {name}',
            higher_is_better=True,
            ratio=flops / timing.median / rate,
            target=0.45,
            flops=flops,
            seconds=timing.median,
            dtype='bfloat16',
            first_s=timing.first_s,
            note=f'peak {peak:.1f} GB, attention {preferred or "default"} ({words})',
        )


def register_step(task: str, size: str, limit_s: float) -> None:
    """Add a row: the training step of a task and a size."""

    @benchmark(
        f'gpu-train-{task}-{size}',
        work=f'training step, {task}, {size.upper()}, 1024x768, bfloat16',
        against=RATE,
        side='training',
        devices=('cuda',),
        limit_s=limit_s,
    )
    def _row(settings: Settings) -> Iterator[Measurement]:
        yield from _steps(task, size, settings)


register_step('pose', '0.3b', 75)
register_step('pose', '1b', 75)
