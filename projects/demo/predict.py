#!/usr/bin/env python
"""Evaluate the networks of a demo run, or show them photographs.

Writes images and `heldout.json` or `photographs.json`, which comes last.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import mmsapiens  # noqa: F401, I001  before the hosts
import cv2
import numpy as np
from four_tasks import panels
from four_tasks.heldout import evaluate
from four_tasks.networks import Network
from four_tasks.photographs import find_people
from four_tasks.stages import write_atomically
from four_tasks.variants import TASKS
from mmsapiens.io.map_io import read_map

SHOWN = 6


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('run', type=Path, help='folder of the run')
    add('--data', type=Path, required=True, help='folder of the renders')
    add('--photographs', type=Path, help='folder of photographs instead')
    add('--most', type=int, default=8, help='people in photographs')
    add('--out', type=Path, help='folder for the images of photographs')
    return parser.parse_args()


def write_png(path: Path, photo: np.ndarray) -> str:
    """Write an RGB image and give its name."""
    data = cv2.imencode('.png', photo[..., ::-1])[1]
    write_atomically(path, data.tobytes())
    return path.name


def read_rgb(path: Path) -> np.ndarray:
    """An image as RGB."""
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def load_network(run: Path, task: str) -> Network:
    """The network of a task."""
    return Network(task, run / f'configs/{task}.py', run / f'weights/{task}.pth')


def draw_heldout(task: str, data: Path, name: str, kept: dict, out: Path) -> list[dict]:
    """Draw truth, our prediction and the baseline's for an image.

    Args:
        task (str): The task.
        data (Path): Folder of the renders.
        name (str): Of the image.
        kept (dict): Way of predicting -> prediction.
        out (Path): Folder for the drawings.

    Returns:
        list[dict]: File and caption of each.
    """
    image = read_rgb(data / f'images/{name}.png')
    mask = read_rgb(data / f'masks/{name}.png')[..., 0] > 0
    entry = json.loads((data / f'samples/{name}.json').read_text('utf-8'))
    ways = list(kept)
    drawn = {}
    if task == 'pose':
        true = np.array(entry['people'][0]['keypoints_17'], dtype=float)
        drawn['truth'] = panels.draw_pose(image, true), ''
        box = np.array(entry['people'][0]['bbox'])
        for way in ways:
            points = kept[way].copy()
            points[:, 2] = 1
            miss = np.linalg.norm(points[:, :2] - true[:, :2], axis=1)
            hit = (miss < 0.1 * box[2:].min())[true[:, 2] > 0].mean()
            drawn[way] = panels.draw_pose(image, points), f'PCK {hit:.2f}'
    elif task == 'parsing':
        true = read_rgb(data / f'labels/{name}.png')[..., 0]
        drawn['truth'] = panels.draw_labels(image, true), ''
        for way in ways:
            labels = kept[way][0]
            both = ((labels > 0) & mask).sum()
            either = ((labels > 0) | mask).sum()
            text = f'IoU of the person {both / either:.2f}'
            drawn[way] = panels.draw_labels(image, labels), text
    elif task == 'depth':
        true = read_map(data / f'depths/{name}.npy', 'depth_map')
        limits = tuple(np.percentile(true[mask], (1, 99)))
        drawn['truth'] = (
            panels.draw_depth(true, mask, limits),
            (f'{limits[0]:.2f} to {limits[1]:.2f} m'),
        )
        for way in ways:
            aligned = panels.align_depth(kept[way][0], true, mask)
            error = panels.depth_error(kept[way][0], true, mask)
            drawn[way] = (panels.draw_depth(aligned, mask, limits), f'AbsRel {100 * error:.2f} %')
    else:
        true = read_map(data / f'normals/{name}.png', 'normal_map')
        drawn['truth'] = panels.draw_normals(true, mask), ''
        for way in ways:
            normals = kept[way].transpose(1, 2, 0)
            error = panels.angle_error(normals, true, mask)
            drawn[way] = panels.draw_normals(normals, mask), f'{error:.1f}°'
    figures = []
    for way, (photo, caption) in drawn.items():
        file = f'{task}-{name}-{way.replace(" ", "-")}.png'
        write_png(out / file, photo)
        figures.append(dict(file=file, way=way, caption=caption))
    return figures


def run_heldout(run: Path, data: Path) -> None:
    """Evaluate all tasks and draw some of the images."""
    lists, out = run / 'lists', run / 'heldout'
    names = (lists / 'val.txt').read_text('utf-8').split()
    places = np.linspace(0, len(names) - 1, min(SHOWN, len(names)))
    shown = [names[int(i)] for i in places]
    document: dict = dict(names=shown, count=len(names), tasks={})
    document['train_count'] = len((lists / 'train.txt').read_text().split())
    document['inputs'] = [
        dict(
            file=write_png(
                out / f'input-{name}.png', panels.enlarge(read_rgb(data / f'images/{name}.png'))
            ),
            name=name,
        )
        for name in shown
    ]
    labels = [read_rgb(data / f'labels/{name}.png')[..., 0] for name in shown]
    document['legend'] = panels.part_legend(labels)
    for task in TASKS:
        print(f'evaluating {task}', flush=True)
        network = load_network(run, task)
        figures, kept = evaluate(network, data, lists, set(shown))
        document['tasks'][task] = dict(
            figures=figures,
            rows=[draw_heldout(task, data, name, kept[name], out) for name in shown],
        )
    text = json.dumps(document, indent=1)
    write_atomically(run / 'heldout.json', text)


def run_photographs(run: Path, folder: Path, most: int, out: Path) -> None:
    """Show photographs to all networks."""
    cuts = list(find_people(folder, most))
    for cut in cuts:
        write_png(out / f'{cut.name}-input.png', cut.image[..., ::-1])
    seen: dict = {cut.name: {} for cut in cuts}
    for task in TASKS:
        print(f'predicting {task}', flush=True)
        network = load_network(run, task)
        for cut in cuts:
            path = out / f'{cut.name}-input.png'
            seen[cut.name][task] = network.see(path, cut.box)
    rows = []
    for cut in cuts:
        found, image = seen[cut.name], cut.image[..., ::-1]
        labels = found['parsing'][0]
        mask = labels > 0
        drawings = {
            'input': panels.enlarge(np.ascontiguousarray(image)),
            'pose': panels.draw_pose(image, found['pose'], 0.1),
            'parsing': panels.draw_labels(image, labels),
            'depth': panels.draw_depth(found['depth'][0], mask),
            'normal': panels.draw_normals(found['normal'].transpose(1, 2, 0), mask),
        }
        files = {
            key: write_png(out / f'{cut.name}-{key}.png', photo) for key, photo in drawings.items()
        }
        rows.append(dict(name=cut.name, files=files))
    document = dict(folder=str(folder), rows=rows)
    write_atomically(out / 'photographs.json', json.dumps(document, indent=1))


def main() -> None:
    """Evaluate, or look at photographs."""
    args = parse_args()
    if args.photographs:
        out = args.out or args.run / 'photographs'
        run_photographs(args.run, args.photographs, args.most, out)
    else:
        run_heldout(args.run, args.data)


if __name__ == '__main__':
    main()
