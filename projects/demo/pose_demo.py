#!/usr/bin/env python
"""Fine-tune a tiny Sapiens pose model, evaluate it and draw what it sees.

Without `--data` it uses one public-domain portrait that ships with matplotlib. The figures are
those of the training images themselves: the demo shows that the parts work together, not how well
a model generalises.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from four_tasks.photographs import use_portrait

from mmsapiens.keypoints.annotation_files import AnnotationFile
from mmsapiens.keypoints.keypoint_sets import get_keypoint_set

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py'
SAMPLES_PER_EPOCH = 14
QUICK_EPOCHS = 120


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--data',
        type=Path,
        help='folder with images and COCO person keypoints instead of the portrait',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument('--processes', type=int, default=2)
    parser.add_argument('--epochs', type=int, help='training epochs')
    return parser.parse_args()


def find_annotations(folder: Path) -> AnnotationFile:
    """The file with COCO person keypoints (17) of a folder.

    Args:
        folder (Path): Searched with its sub-folders.

    Returns:
        AnnotationFile: The smallest one, which is that of the validation set where there are
        several.

    Raises:
        FileNotFoundError: If there is none.
    """
    names = get_keypoint_set('coco').keypoint_names
    others = []
    for path in sorted(folder.rglob('*.json'), key=os.path.getsize):
        try:
            found = AnnotationFile(path, fields=dict(keypoints=len(names)), names=names)
        except (OSError, ValueError) as error:
            others.append(str(error))
            continue
        people = [person for person in found.people if person['num_keypoints']]
        if people and 'face_kpts' not in people[0]:
            print('\n'.join(found.messages()))
            return found
        others.append(f'{path} has no person with keypoints')
    raise FileNotFoundError(
        f'no COCO person keypoints under {folder}: a .json file with `annotations` that have 17 '
        f'`keypoints` (x, y, v) each is needed. {"; ".join(others)}'
    )


def find_images(folder: Path, annotations: AnnotationFile) -> Path:
    """The folder that the file names of an annotation file refer to.

    Args:
        folder (Path): Searched with its sub-folders.
        annotations (AnnotationFile): The annotation file.

    Returns:
        Path: The folder.

    Raises:
        FileNotFoundError: If an image is missing.
    """
    names = [image['file_name'] for image in annotations.images.values()]
    missing = names
    for candidate in (folder, *(p for p in folder.rglob('*') if p.is_dir())):
        absent = [n for n in names if not (candidate / n).is_file()]
        if not absent:
            return candidate
        missing = min(missing, absent, key=len)
    raise FileNotFoundError(
        f'{len(missing)} of {len(names)} images of {annotations.path} are in no '
        f'folder under {folder}, for instance {missing[0]}'
    )


def write_config(
    path: Path, images: Path, annotations: Path, num_people: int, epochs: int | None
) -> None:
    """Write the config of this run: the tiny one, with the data filled in.

    Args:
        path (Path): The file to write.
        images (Path): Folder of the images.
        annotations (Path): The annotation file.
        num_people (int): People in it.
        epochs (int, optional): Training epochs; if None, those of the tiny config for several
            people, fewer for one.
    """
    times = max(1, round(SAMPLES_PER_EPOCH / num_people))
    if epochs is None and num_people == 1:
        epochs = QUICK_EPOCHS
    lines = [
        f'_base_ = {str(CONFIG)!r}',
        '',
        'people = dict(',
        f'    ann_file={str(annotations)!r},',
        "    data_root='',",
        f'    data_prefix=dict(img={str(images) + "/"!r}))',
        'train_dataloader = dict(dataset=dict(',
        f"    _delete_=True, type='RepeatDataset', times={times},",
        "    dataset=dict(type='mmsapiens.CheckedCocoDataset',",
        "                 data_mode='topdown',",
        '                 pipeline={{_base_.train_pipeline}}, **people)))',
        'val_dataloader = dict(dataset=dict(bbox_file=None, **people))',
        'test_dataloader = val_dataloader',
        f'val_evaluator = dict(ann_file={str(annotations)!r})',
        'test_evaluator = val_evaluator',
        "log_level = 'WARNING'",
        "custom_hooks = [dict(type='mmsapiens.CheckpointGuardHook'),",
        "                dict(type='mmsapiens.PoseDataCheckHook'),",
        "                dict(type='mmsapiens.ProgressHook')]",
    ]
    if epochs is not None:
        lines += [
            f'train_cfg = dict(max_epochs={epochs}, val_interval={epochs})',
            "param_scheduler = [dict(type='LinearLR', by_epoch=False, begin=0,"
            ' end=20, start_factor=1e-2), '
            "dict(type='CosineAnnealingLR', by_epoch=True, begin=0, "
            f'end={epochs}, T_max={epochs}, eta_min=1e-5, '
            'convert_to_iter_based=True)]',
            f'default_hooks = dict(checkpoint=dict(interval={epochs}))',
        ]
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def run(title: str, command: list[str], log: Path) -> float:
    """Run a command, show its output, and stop the demo if it fails.

    Args:
        title (str): What it does.
        command (list[str]): The command.
        log (Path): File for what it writes to the error stream.

    Returns:
        float: Seconds taken.
    """
    print(f'\n== {title}\n$ {shlex.join(command)}', flush=True)
    start = time.perf_counter()
    env = dict(os.environ, PYTHON=sys.executable, PYTHONWARNINGS='ignore')
    with log.open('w', encoding='utf-8') as errors:
        code = subprocess.call(command, env=env, cwd=ROOT, stderr=errors)
    if code:
        tail = log.read_text(encoding='utf-8').splitlines()[-40:]
        print('\n'.join(tail), file=sys.stderr)
        raise SystemExit(f'{title} failed with exit code {code}; {log} has the whole output')
    return time.perf_counter() - start


def newest(folder: Path, pattern: str) -> Path:
    """The newest file of a folder that matches a pattern."""
    files = sorted(folder.rglob(pattern), key=os.path.getmtime)
    if not files:
        raise FileNotFoundError(f'no {pattern} in {folder}')
    return files[-1]


def draw(config: Path, checkpoint: Path, images: Path, doc: dict, out_dir: Path) -> list[Path]:
    """Draw annotation and prediction of each image side by side.

    Args:
        config (Path): Config of the run.
        checkpoint (Path): Its weights.
        images (Path): Folder of the images.
        doc (dict): The annotation file; its boxes are given to the model.
        out_dir (Path): Folder for the drawings.

    Returns:
        list[Path]: The drawings.
    """
    import mmsapiens  # noqa: F401, I001  before mmpose
    import numpy as np
    from mmcv import imread, imwrite
    from mmengine.structures import InstanceData
    from mmpose.apis import inference_topdown, init_model
    from mmpose.structures import PoseDataSample, merge_data_samples
    from mmsapiens.pose import GroupedPoseVisualizer
    from rich.progress import track

    model = init_model(str(config), str(checkpoint), device='cpu')
    visualizer = GroupedPoseVisualizer()
    out_dir.mkdir(parents=True, exist_ok=True)
    drawings = []
    for image in track(doc['images'], 'drawing', disable=None):
        people = [
            a for a in doc['annotations'] if a['image_id'] == image['id'] and a.get('num_keypoints')
        ]
        if not people:
            continue
        path = images / image['file_name']
        img = imread(str(path), channel_order='rgb')
        boxes = np.array([a['bbox'] for a in people], dtype=np.float32)
        boxes[:, 2:] += boxes[:, :2]
        points = np.array([a['keypoints'] for a in people], dtype=np.float32).reshape(
            len(people), -1, 3
        )
        truth = PoseDataSample(
            pred_instances=InstanceData(
                keypoints=points[..., :2],
                keypoints_visible=(points[..., 2] > 0).astype(np.float32),
                bboxes=boxes,
            )
        )
        found = merge_data_samples(inference_topdown(model, str(path), boxes))
        panels = []
        for sample in (truth, found):
            visualizer.add_datasample(
                'panel', img, sample, draw_gt=False, draw_bbox=True, kpt_thr=0.3
            )
            panels.append(visualizer.get_image())
        target = out_dir / f'{Path(image["file_name"]).stem}.png'
        imwrite(np.concatenate(panels, axis=1)[..., ::-1], str(target))
        drawings.append(target)
    return drawings


def main() -> None:
    """Prepare, train, evaluate, draw, report."""
    args = parse_args()
    start = time.perf_counter()
    work_dir = args.work_dir.resolve()
    folder = args.data.expanduser().resolve() if args.data else use_portrait(work_dir / 'data')
    if not folder.is_dir():
        raise SystemExit(f'--data must be a folder, but got {folder}')
    annotations = find_annotations(folder)
    images, doc = find_images(folder, annotations), annotations.document()
    num_people = sum(bool(person['num_keypoints']) for person in annotations.people)
    count = len(annotations.images)
    print(f'{num_people} annotated people in {count} images ({annotations.path})')
    config = work_dir / 'demo_config.py'
    config.parent.mkdir(parents=True, exist_ok=True)
    write_config(config, images, Path(annotations.path), num_people, args.epochs)

    train_dir, test_dir = work_dir / 'train', work_dir / 'test'
    processes = str(args.processes)
    train_s = run(
        'fine-tuning',
        ['tools/dist_train.sh', str(config), processes, '--work-dir', str(train_dir)],
        work_dir / 'train.log',
    )
    checkpoint = Path((train_dir / 'last_checkpoint').read_text(encoding='utf-8'))
    test_s = run(
        'evaluation (CocoMetric, boxes of the annotation)',
        [
            'tools/dist_test.sh',
            str(config),
            str(checkpoint),
            processes,
            '--work-dir',
            str(test_dir),
        ],
        work_dir / 'test.log',
    )
    metrics = json.loads(newest(test_dir, '[0-9]*.json').read_text())
    print('\n== drawing: annotation left, prediction right')
    drawings = draw(config, checkpoint, images, doc, work_dir / 'images')

    total = time.perf_counter() - start
    print(
        f'\nAP {metrics["coco/AP"]:.3f}, AP50 {metrics["coco/AP .5"]:.3f} '
        'on the images it was trained on'
    )
    print(f'training {train_s:.0f} s, evaluation {test_s:.0f} s, in all {total:.0f} s')
    print('images:')
    for path in drawings:
        print(f'  {path}')


if __name__ == '__main__':
    try:
        main()
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
