"""Rows: memory of fine-tuning, beside what is planned for it."""

from __future__ import annotations

from collections.abc import Iterator

from harness import Measurement, Settings, benchmark

SIZES = ('0.3b', '0.6b', '1b', '2b')
CARD_GB = 80.0


@benchmark(
    'gpu-train-memory',
    work='peak memory of a pose training step, 308 keypoints, 1024x768, '
    'bfloat16 (ratio: part of 80 GB)',
    against='an 80 GB card',
    side='training',
    devices=('cuda',),
    limit_s=60,
)
def gpu_memory(settings: Settings) -> Iterator[Measurement]:
    """The second step counts, when the optimizer has its states."""
    import gc

    import torch
    from training.batches import make_batch
    from training.models import build, config_of
    from training.steps import Stepper, optimizer_of

    for size in ('tiny',) if settings.small else SIZES:
        cfg = config_of('pose', size)
        model = build(cfg, settings.device)
        wrapper = optimizer_of(model, cfg, dtype='bfloat16')
        for with_cp in (True, False):
            model.backbone.with_cp = with_cp
            for batch_size in (1, 2):
                batch = make_batch('pose', cfg, batch_size)
                step = Stepper(model, wrapper, batch)
                step()
                peak = 0
                if settings.device == 'cuda':
                    torch.cuda.reset_peak_memory_stats()
                step()
                if settings.device == 'cuda':
                    peak = torch.cuda.max_memory_allocated()
                how = 'with' if with_cp else 'without'
                yield Measurement(
                    peak / 1e9,
                    'GB',
                    mode=f'{size.upper()}, batch {batch_size}, {how} checkpointing',
                    ratio=peak / 1e9 / CARD_GB,
                    target=1.0,
                    at_most=True,
                )
        del model, wrapper, step
        gc.collect()
        if settings.device == 'cuda':
            torch.cuda.empty_cache()
