#!/usr/bin/env python
"""How long a new process takes: import, `--help`, first keypoints, a 2B model from its file."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOOLS = Path(__file__).resolve().parent


def predict(side: str, photo: str) -> dict:
    """The first keypoints of this process, tiny model without weights."""
    if side == 'ours':
        from mmsapiens import SapiensInferencer

        inferencer = SapiensInferencer('sapiens-tiny', random_weights=True, flip_test=False)
        next(iter(inferencer.stream([photo], people='image')))
        return {}
    from networks import build_ours, build_stock, config_of, stock_config
    from mmpose.apis import inference_topdown
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    cfg = config_of('pose', 'tiny')
    ours = build_ours(cfg)
    model = build_stock('pose', stock_config('pose', cfg, ours), ours).eval()
    model.cfg, model.test_cfg['flip_test'] = cfg, False
    meta = cfg.test_dataloader.dataset.get('metainfo') or dict(from_file='coco.py')
    model.dataset_meta = parse_pose_metainfo(meta)
    inference_topdown(model, photo)
    return {}


def load(side: str, path: str, config: str) -> dict:
    """From a file to a model in evaluation mode, then every weight read once."""
    import mmsapiens  # noqa: F401  before the hosts
    import mmpose.models  # noqa: F401  not a part of the comparison
    from mmengine.config import Config
    from mmengine.registry import MODELS, init_default_scope
    from mmengine.runner import load_checkpoint
    from mmsapiens.engine.build import load_model
    from timing import status_bytes

    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    before = status_bytes('VmRSS')
    start = time.perf_counter()
    if side == 'ours':
        model = load_model(cfg, path)
    else:
        cfg.model.backbone.init_cfg = None
        model = MODELS.build(cfg.model).eval()
        load_checkpoint(model, path, map_location='cpu')
    ready = time.perf_counter() - start
    total = sum(float(p.detach().sum()) for p in model.parameters())
    read = time.perf_counter() - start
    peak = status_bytes('VmHWM') - before
    return {'ready (s)': ready, 'every weight read (s)': read, 'peak (B)': peak, 'sum': total}


def in_child(function: str, *args: str) -> dict:
    """Call a function of this file in a new process; adds the wall clock."""
    code = f'import json, {Path(__file__).stem} as m, sys; '
    code += f'print(json.dumps(m.{function}(*sys.argv[1:])))'
    start = time.perf_counter()
    command = [sys.executable, '-W', 'ignore', '-c', code, *args]
    done = subprocess.run(command, cwd=TOOLS, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return {'process (s)': time.perf_counter() - start, **found}


def run_command(*args: str) -> float:
    """Seconds of a python process, best of three."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, *args], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def compare_loading(size: str, folder: Path) -> None:
    """Files of both layouts, one after the other alone in the page cache."""
    import torch
    from networks import CONFIGS
    from mmsapiens.engine.build import build_without_weights
    from safetensors.torch import save_file
    from timing import show

    (config,) = (CONFIGS / 'pose/goliath308').glob(f'sapiens-{size}_*.py')
    found = {}
    for side, suffix in (('ours', '.safetensors'), ('stock', '.pth')):
        state = build_without_weights(config).state_dict()
        weights = {name: torch.full(value.shape, 0.01) for name, value in state.items()}
        path = folder / f'weights{suffix}'
        if side == 'ours':
            save_file(weights, path)
        else:
            torch.save(dict(state_dict=weights), path)
        del weights
        found[side] = in_child('load', side, str(path), str(config))
        path.unlink()
    if found['ours']['sum'] != found['stock']['sum']:
        raise RuntimeError('the two sides have other weights')
    for key in ('ready (s)', 'every weight read (s)', 'peak (B)'):
        show(f'{size} from a file: {key}', '', found['ours'][key], found['stock'][key])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', help='also load a model of this size, such as 2b')
    args = parser.parse_args()
    stock = run_command('-c', 'import mmsapiens, mmpose.apis')
    ours = run_command('-c', 'import mmsapiens'), run_command('-m', 'mmsapiens', '--help')
    from networks import write_photos
    from timing import show, show_header

    show_header()
    show('`import mmsapiens`, against `import mmpose.apis`', 's', ours[0], stock)
    show('`mmsapiens --help`', 's', ours[1])
    with tempfile.TemporaryDirectory() as folder:
        (photo,) = write_photos(Path(folder), 1)
        sides = [in_child('predict', side, photo)['process (s)'] for side in ('ours', 'stock')]
        show('first keypoints of a new process, tiny model', 's', *sides)
        if args.size:
            compare_loading(args.size, Path(folder))


if __name__ == '__main__':
    main()
