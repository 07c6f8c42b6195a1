"""The losses of the first steps of every tiny training config.

    python losses.py ROOT OUT.json                      writes them
    python losses.py ROOT --compare FILE --rtol 1e-4    compares with them

Data are made in a temporary folder. Seeds are fixed and everything runs in one
thread of the CPU, so a change of the package that is not meant to change the
training changes nothing here. Exit codes: 0 equal, 1 not equal.
"""

import argparse
import json
import math
import sys
import tempfile
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from trees import tiny_config, use_tree

EPOCHS = 2
STEPS_PER_EPOCH = 10
SIZE_WH = (216, 288)
CONFIGS = (
    ('pretrain/sapiens-tiny_*.py', 4),
    ('pose/coco/sapiens-tiny_*.py', 2),
    ('pose/coco_wholebody/sapiens-tiny_*.py', 2),
    ('pose/goliath308/sapiens-tiny_*.py', 2),
    ('dense/parsing/sapiens-tiny_*bodyparts28*.py', 2),
    ('dense/depth/sapiens-tiny_*.py', 2),
    ('dense/normal/sapiens-tiny_*.py', 2),
)
"""Pattern of a config and samples of a step."""
SAMPLES = STEPS_PER_EPOCH * max(batch for _, batch in CONFIGS)
KEYPOINT_FIELDS = {
    'keypoints': 17,
    'foot_kpts': 6,
    'face_kpts': 68,
    'lefthand_kpts': 21,
    'righthand_kpts': 21,
    'goliath_wholebody_kpts': 308,
}
JUDGED = ('loss', 'grad_norm')
"""What names of figures contain that must agree; others have steps."""


def parse_args():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', type=Path, help='checkout whose package and configs are used')
    parser.add_argument('out', type=Path, nargs='?', help='file to write')
    parser.add_argument('--compare', type=Path, help='file to compare with')
    parser.add_argument('--rtol', type=float, default=1e-4)
    args = parser.parse_args()
    if (args.out is None) == (args.compare is None):
        parser.error('give either a file to write, or one to compare with')
    return args


def smooth_noise(rng, channels, blur):
    """Noise between 0 and 1, float32 (H, W, channels)."""
    width, height = SIZE_WH
    field = rng.random((height // blur, width // blur, channels), dtype=np.float32)
    field = cv2.resize(field, SIZE_WH, interpolation=cv2.INTER_CUBIC)
    return field.reshape(height, width, channels).clip(0, 1)


def make_person(rng):
    """An image of a person with all dense maps and the box x, y, w, h."""
    width, height = SIZE_WH
    center = np.array([width, height]) * rng.uniform(0.45, 0.55, 2)
    axes = np.array([width, height]) * rng.uniform(0.3, 0.4, 2)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (tuple(center), tuple(2 * axes), 0), 255, -1)
    inside = mask > 0
    normals = np.concatenate([smooth_noise(rng, 2, 24) - 0.5, smooth_noise(rng, 1, 24)], axis=2)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True) + 1e-6
    normals[~inside] = 0
    depth = 2 + smooth_noise(rng, 1, 24)[..., 0]
    parts = 1 + np.floor(smooth_noise(rng, 1, 24)[..., 0] * 26.99)
    image = 255 * (0.7 * smooth_noise(rng, 3, 8) + 0.3 * rng.random((height, width, 3)))
    return dict(
        images=image.astype(np.uint8),
        masks=mask,
        depths=depth.astype(np.float32),
        normals=normals.astype(np.float32),
        labels=np.where(inside, parts, 0).astype(np.uint8),
        box=[*(center - axes), *(2 * axes)],
    )


def make_annotation(rng, number, box):
    """The keypoints of a person, of all sets."""
    x, y, width, height = box
    fields = {}
    for name, count in KEYPOINT_FIELDS.items():
        points = rng.uniform(0.05, 0.95, (count, 2)) * [width, height] + [x, y]
        seen = np.where(rng.random(count) < 0.9, 2, 0)
        points[seen == 0] = 0
        fields[name] = np.column_stack([points, seen]).round(2).ravel().tolist()
    return dict(
        id=1000 + number,
        image_id=number,
        category_id=1,
        iscrowd=0,
        bbox=[round(float(value), 2) for value in box],
        area=round(float(width * height) * 0.6, 2),
        segmentation=[],
        num_keypoints=sum(value > 0 for value in fields['keypoints'][2::3]),
        **fields,
    )


def make_data(folder):
    """Images, dense maps and keypoints of people: FOLDER/train, people.json."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for kind in ('images', 'masks', 'depths', 'normals', 'labels'):
        (folder / 'train' / kind).mkdir(parents=True)
    for number in range(1, SAMPLES + 1):
        person = make_person(rng)
        stem = f'{number:04d}'
        for kind in ('images', 'masks', 'labels'):
            cv2.imwrite(str(folder / 'train' / kind / f'{stem}.png'), person[kind])
        for kind in ('depths', 'normals'):
            np.save(folder / 'train' / kind / f'{stem}.npy', person[kind])
        images.append(dict(id=number, file_name=f'{stem}.png', width=SIZE_WH[0], height=SIZE_WH[1]))
        annotations.append(make_annotation(rng, number, person['box']))
    document = dict(images=images, annotations=annotations, categories=[dict(id=1, name='person')])
    (folder / 'people.json').write_text(json.dumps(document))


def adapt(cfg, name, batch_size, data, work_dir):
    """Let a config train a few steps on the data, without files of its own."""
    kind = name.split('/')[0]
    dataset = cfg.train_dataloader.dataset
    if kind == 'pose':
        dataset.update(
            data_root=str(data), ann_file='people.json', data_prefix=dict(img='train/images/')
        )
    else:
        dataset.data_root = str(data / 'train/images' if kind == 'pretrain' else data)
    dataset.indices = STEPS_PER_EPOCH * batch_size
    cfg.train_dataloader.update(batch_size=batch_size, num_workers=0, persistent_workers=False)
    cfg.train_cfg.max_epochs = EPOCHS
    for part in ('val', 'test'):
        cfg[f'{part}_cfg'] = cfg[f'{part}_dataloader'] = cfg[f'{part}_evaluator'] = None
    cfg.default_hooks.checkpoint.update(interval=1000, save_last=False)
    cfg.default_hooks.checkpoint.pop('save_best', None)
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.randomness = dict(seed=0)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'losses_{kind}_{Path(name).stem}'
    cfg.log_level = 'ERROR'


def record_hook(figures):
    """A hook that adds the figures of each step to lists."""
    from mmengine.hooks import Hook

    class RecordHook(Hook):
        """Records the output of each step and the norm of the gradient."""

        priority = 'LOWEST'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            """Record a step."""
            scalars = runner.message_hub.log_scalars
            found = {key: float(value) for key, value in outputs.items()}
            if 'train/grad_norm' in scalars:
                found['grad_norm'] = float(scalars['train/grad_norm'].current())
            for key, value in found.items():
                figures.setdefault(key, []).append(value)

    return RecordHook()


def train(configs, name, batch_size, data, work_dir):
    """The figures of each step of a config, name -> list."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    cfg = Config.fromfile(configs / name)
    adapt(cfg, name, batch_size, data, work_dir)
    runner = Runner.from_cfg(cfg)
    figures = {}
    runner.register_hook(record_hook(figures), 'LOWEST')
    runner.train()
    wrong = {key: len(v) for key, v in figures.items() if len(v) != EPOCHS * STEPS_PER_EPOCH}
    if wrong or not figures:
        raise RuntimeError(
            f'{name} must have {EPOCHS * STEPS_PER_EPOCH} steps, but has {wrong or "none"}'
        )
    return figures


def train_all(root):
    """The figures of every config, path below configs -> name -> list."""
    configs = use_tree(root)
    torch.set_num_threads(1)
    warnings.simplefilter('ignore')
    found = {}
    with tempfile.TemporaryDirectory(prefix='losses-') as folder:
        data = Path(folder) / 'data'
        make_data(data)
        for pattern, batch_size in CONFIGS:
            name = tiny_config(configs, pattern).relative_to(configs).as_posix()
            start = time.perf_counter()
            work_dir = Path(folder) / f'work{len(found)}'
            found[name] = train(configs, name, batch_size, data, work_dir)
            seconds = time.perf_counter() - start
            loss = found[name]['loss']
            print(f'{name}: {loss[0]:.4g} to {loss[-1]:.4g} in {seconds:.1f} s', flush=True)
    return found


def relative(new, old):
    """The largest relative deviation of two series."""
    if len(new) != len(old):
        return math.inf
    pairs = zip(new, old)
    return max(abs(a - b) / max(abs(a), abs(b), 1e-12) if a != b else 0.0 for a, b in pairs)


def compare(new, old, rtol):
    """Print the deviations of two results of `train_all`; whether all are small."""
    is_equal = set(new) == set(old)
    if not is_equal:
        print(f'other configs: {sorted(set(new) ^ set(old))}')
    print(f'\n{"config and figure":<72} {"deviation":>10}')
    for name in sorted(set(new) & set(old)):
        for key in sorted(set(new[name]) | set(old[name])):
            deviation = relative(new[name].get(key, []), old[name].get(key, []))
            verdict = ''
            if not any(word in key for word in JUDGED):
                verdict = ' not judged'
            elif not deviation <= rtol:
                verdict, is_equal = f' above {rtol:g}', False
            print(f'{Path(name).stem + " " + key:<72} {deviation:10.2e}{verdict}')
    print('equal' if is_equal else 'NOT EQUAL')
    return is_equal


def main():
    """Write or compare."""
    args = parse_args()
    old = json.loads(args.compare.read_text()) if args.compare else None
    new = train_all(args.root)
    if old is not None:
        return 0 if compare(new, old, args.rtol) else 1
    args.out.write_text(json.dumps(new, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
