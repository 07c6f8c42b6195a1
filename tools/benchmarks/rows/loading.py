"""Row: from a file to a model that can run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from harness import Measurement, Settings, benchmark
from harness.children import run_in_child
from harness.memory import available_bytes, status_bytes

CONFIGS = Path(__file__).resolve().parents[3] / 'configs/pose/goliath308'
CONFIG = CONFIGS / 'sapiens-{size}_8xb64-210e_goliath308-1024x768.py'
TINY = CONFIGS / 'sapiens-tiny_2xb7-300e_goliath308-256x192.py'
RESERVE_BYTES = 2 * 2**30
"""Memory beyond two copies of the weights that stock needs."""


def write_files(config: Path, folder: Path) -> dict[str, Path]:
    """Random weights of a model, as safetensors and as a file of torch."""
    import torch
    from mmsapiens.utils.ready_model import build_without_weights
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        'ours': folder / f'{config.stem}.safetensors',
        'stock': folder / f'{config.stem}.pth',
    }
    if all(path.is_file() for path in paths.values()):
        return paths
    model = build_without_weights(config)
    weights = {
        name: torch.full(tensor.shape, 0.01)
        for name, tensor in model.state_dict().items()
    }
    save_file(weights, paths['ours'])
    torch.save(dict(state_dict=weights), paths['stock'])
    return paths


def load(side: str, config: str, checkpoint: str) -> dict[str, float]:
    """Load once in this process; seconds and the peak of its memory."""
    import mmsapiens  # noqa: F401  before the hosts
    import mmpose.models  # noqa: F401  not a part of the comparison
    import torch
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmengine.runner import load_checkpoint
    from mmpose.registry import MODELS
    from mmsapiens.utils import ready_model

    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    MODELS.get('mmsapiens.InstanceNormHeatmapHead')  # imports its part
    before = status_bytes('VmRSS')
    start = time.perf_counter()
    if side == 'ours':
        model = ready_model(cfg, checkpoint)
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
    """Each side in a new process; the files are in the page cache of both."""
    size, config = choose_config(settings)
    paths = write_files(config, settings.scratch)
    try:
        results = {
            side: run_in_child('rows.loading', 'load', side, config, path)
            for side, path in paths.items()
        }
    finally:
        for path in paths.values():
            path.unlink()
    ours, stock = results['ours'], results['stock']
    if ours['total'] != stock['total']:
        raise RuntimeError('the two sides have other weights')
    weights = ours['weights']
    note = f'{size}, {weights / 2**30:.3g} GiB'
    yield Measurement(
        ours['ready_s'],
        's',
        stock['ready_s'],
        mode='mapped',
        target=5,
        note=note,
        error='none',
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
