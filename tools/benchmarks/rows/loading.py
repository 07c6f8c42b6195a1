"""Row: from a file to a model that can run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import Measurement, Settings, benchmark
from harness.children import run_in_child
from harness.memory import available_bytes, status_bytes

CONFIGS = Path(__file__).resolve().parents[3] / 'configs/pose/goliath308'
CONFIG = CONFIGS / 'sapiens-{size}_8xb64-210e_goliath308-1024x768.py'
TINY = CONFIGS / 'sapiens-tiny_2xb7-300e_goliath308-256x192.py'
SUFFIXES = {'ours': '.safetensors', 'stock': '.pth'}
RESERVE_BYTES = 2 * 2**30
"""Memory beyond two copies of the weights that stock needs."""


@contextmanager
def weights_file(side: str, config: Path, folder: Path) -> Iterator[Path]:
    """Weights of a model in a file, which is gone after the block.

    Only that file is in the page cache: that of the other side could push it out, and the disk
    would be measured.

    Args:
        side (str): 'ours' has safetensors, 'stock' a file of torch.
        config (Path): Of the model.
        folder (Path): Where the file is made.
    """
    import torch
    from mmsapiens.engine.build import build_without_weights
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: torch.full(tensor.shape, 0.01)
        for name, tensor in build_without_weights(config).state_dict().items()
    }
    path = folder / f'{config.stem}{SUFFIXES[side]}'
    try:
        if side == 'ours':
            save_file(weights, path)
        else:
            torch.save(dict(state_dict=weights), path)
        del weights
        with open(path, 'rb') as file:
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def load(side: str, config: str, checkpoint: str) -> dict[str, float]:
    """Load once in this process; seconds and the peak of its memory."""
    import mmsapiens  # noqa: F401  before the hosts
    import mmpose.models  # noqa: F401  not a part of the comparison
    import torch
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmengine.runner import load_checkpoint
    from mmpose.registry import MODELS
    from mmsapiens.engine.build import load_model

    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    MODELS.get('mmsapiens.InstanceNormHeatmapHead')  # imports its part
    before = status_bytes('VmRSS')
    start = time.perf_counter()
    if side == 'ours':
        model = load_model(cfg, checkpoint)
    else:
        cfg.model.backbone.init_cfg = None
        model = MODELS.build(cfg.model)
        load_checkpoint(model, checkpoint, map_location='cpu')
        model.eval()
    ready = time.perf_counter()
    with torch.no_grad():
        total = sum(float(p.sum()) for p in model.parameters())
    done = time.perf_counter()
    return dict(
        ready_s=ready - start,
        touched_s=done - start,
        peak=status_bytes('VmHWM') - before,
        weights=4 * sum(p.numel() for p in model.parameters()),
        total=total,
    )


def choose_config(settings: Settings) -> tuple[str, Path]:
    """The largest size whose weights fit into memory twice."""
    if settings.small:
        return 'tiny', TINY
    sizes = {'2b': 8.9e9, '1b': 4.9e9, '0.6b': 2.8e9}
    for size, weights in sizes.items():
        if available_bytes() > 2 * weights + RESERVE_BYTES:
            return size, Path(str(CONFIG).format(size=size))
    return '0.3b', Path(str(CONFIG).format(size='0.3b'))


@benchmark(
    'load-2b',
    work='2B from a file to a model in evaluation mode',
    against='stock build and `load_checkpoint` of a .pth',
    side='inference',
    limit_s=400,
)
def load_2b(settings: Settings) -> Iterator[Measurement]:
    """Each side in a new process, its file in the page cache."""
    size, config = choose_config(settings)
    results = {}
    for side in SUFFIXES:
        with weights_file(side, config, settings.scratch) as path:
            results[side] = run_in_child('rows.loading', 'load', side, config, path)
    ours, stock = results['ours'], results['stock']
    if ours['total'] != stock['total']:
        raise RuntimeError('the two sides have other weights')
    weights = ours['weights']
    note = f'{size}, {weights / 2**30:.3g} GiB'
    yield Measurement(
        ours['ready_s'], 's', stock['ready_s'], mode='mapped', target=5, note=note, error='none'
    )
    yield Measurement(
        ours['touched_s'],
        's',
        stock['touched_s'],
        mode='and every weight read once',
        target=5,
        num_bytes=weights,
        error='none',
    )
    yield Measurement(
        ours['peak'] / 2**30,
        'GiB',
        stock['peak'] / 2**30,
        mode='peak memory, share of the weights',
        ratio=ours['peak'] / weights,
        target=1.2,
        at_most=True,
    )
