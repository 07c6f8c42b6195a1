#!/usr/bin/env python
"""Memory and time of dense inference on a full-size photograph.

Each task runs in a process of its own, once through ours and once through the stock estimator with
the same network, on a random image. Weights are random: neither memory nor time depends on them.
"""

import argparse
import gc
import json
import multiprocessing
import time
from pathlib import Path

import mmsapiens  # noqa: F401  before mmseg

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = {
    'parsing': 'parsing/sapiens-0.3b_8xb1-200e_bodyparts28-1024x768.py',
    'depth': 'depth/sapiens-0.3b_8xb2-200e_depth-1024x768.py',
    'normal': 'normal/sapiens-0.3b_8xb2-200e_normal-1024x768.py',
}
STOCK = {'parsing': 'EncoderDecoder', 'depth': 'DepthEstimator'}
GIB = 2**30


def reset_peak() -> None:
    """Forget the largest resident set of this process so far (Linux)."""
    Path('/proc/self/clear_refs').write_text('5')


def status_bytes(name: str) -> int:
    """A figure of this process: 'VmHWM' the peak, 'VmRSS' the present."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise KeyError(f'/proc/self/status has no {name}')


def measure(task: str, side: str, size_hw: tuple[int, int], device: str):
    """Run one task once and return what it took."""
    import numpy as np
    import torch
    from mmengine.config import Config
    from mmengine.dataset import Compose, pseudo_collate
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    torch.set_num_threads(1)
    cfg = Config.fromfile(ROOT / 'configs/dense' / CONFIGS[task])
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.init_cfg = None
    if side == 'stock':
        cfg.model.type = STOCK[task]
        cfg.model.test_cfg = dict(mode='whole')
    model = MODELS.build(cfg.model).to(device).eval()
    pipeline = Compose(cfg.test_pipeline[1:])
    noise = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), 'u1')
    torch.zeros(1, device=device)
    start = time.perf_counter()
    sample = pipeline(dict(img=noise, img_path='', img_shape=size_hw, ori_shape=size_hw))
    batch = model.data_preprocessor(pseudo_collate([sample]))
    ready = time.perf_counter()
    with torch.no_grad():
        output = model(batch['inputs'], mode='tensor')
        if device == 'cuda':
            torch.cuda.synchronize()
        network = time.perf_counter()
        network_peak = status_bytes('VmHWM')
        model._forward = lambda *_: output
        model.encode_decode = lambda inputs, metas: model.decode_head.predict_by_feat(output, metas)
        gc.collect()
        reset_peak()
        before = status_bytes('VmRSS')
        restoring = time.perf_counter()
        model(batch['inputs'], batch['data_samples'], mode='predict')
        if device == 'cuda':
            torch.cuda.synchronize()
    done = time.perf_counter()
    return dict(
        task=task,
        side=side,
        prepare_s=ready - start,
        network_s=network - ready,
        restore_s=done - restoring,
        network_gib=network_peak / GIB,
        restore_gib=(status_bytes('VmHWM') - before) / GIB,
        cuda_gib=torch.cuda.max_memory_allocated() / GIB if device == 'cuda' else None,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', default='4096x3072', help='height x width')
    parser.add_argument('--tasks', nargs='+', default=list(CONFIGS))
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    parser.add_argument('--json', type=Path, help='also write figures here')
    args = parser.parse_args()
    height, width = map(int, args.size.split('x'))
    context = multiprocessing.get_context('spawn')
    rows = []
    print(
        '| task | side | prepare, s | network, s | restore, s | '
        'peak of network, GiB | more for restoring, GiB |'
    )
    print('|---|---|---|---|---|---|---|')
    for task in args.tasks:
        for side in ('ours', 'stock'):
            if side == 'stock' and task not in STOCK:
                continue  # it has no model that regresses three channels
            with context.Pool(1) as pool:
                row = pool.apply(measure, (task, side, (height, width), args.device))
            rows.append(row)
            print(
                f'| {task} | {side} | {row["prepare_s"]:.2f} | '
                f'{row["network_s"]:.1f} | {row["restore_s"]:.2f} | '
                f'{row["network_gib"]:.2f} | {row["restore_gib"]:.2f} |',
                flush=True,
            )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))


if __name__ == '__main__':
    main()
