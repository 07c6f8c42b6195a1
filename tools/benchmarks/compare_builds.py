"""Speed and memory of two builds of the package, side by side.

    compare_builds.py OLD_ROOT NEW_ROOT WEIGHTS PHOTOS [--rounds N] [--video]

WEIGHTS is a folder of tests/golden/make_weights.py, PHOTOS one with images and a COCO file
of their people. 48 photographs are made of them. Each round runs `mmsapiens
infer` with four tiny networks, the old build first, then the new one, each in a
process of its own, and prints a table of medians. Linux only.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np

TASKS = ('pose-308', 'seg-28', 'depth', 'normal')
SUFFIXES = {'pose': '.json', 'seg': '.npy', 'depth': '.npy', 'normal': '.npy'}
COUNT = 48
LONGER_SIDE = 640
MIN_SIDE = 16
VIDEO_WH = (320, 240)
SHARES = (0.1, 0.5, 1.0)


def parse_args():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('old', type=Path, help='checkout of the old build')
    parser.add_argument('new', type=Path, help='checkout of the new build')
    parser.add_argument('weights', type=Path, help='folder of make_weights.py')
    parser.add_argument('photos', type=Path, help='folder with images and their COCO file')
    parser.add_argument('--people', default='test_coco.json', help='name of the COCO file')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--video', action='store_true', help='memory during a long video, too')
    parser.add_argument('--frames', type=int, default=2000, help='of that video')
    return parser.parse_args()


def make_photos(folder, photos, people):
    """Crops and mirror images of photographs, and a COCO file of their boxes.

    Args:
        folder (Path): Where to; gets `photos/` and `people.json`.
        photos (Path): Folder with the photographs.
        people (str): Name of their COCO file.
    """
    rng = np.random.default_rng(0)
    document = json.loads((photos / people).read_text())
    boxes = {image['id']: [] for image in document['images']}
    for entry in document['annotations']:
        if not entry.get('iscrowd'):
            boxes[entry['image_id']].append(entry['bbox'])
    (folder / 'photos').mkdir()
    images, annotations = [], []
    for number in range(1, COUNT + 1):
        source = document['images'][number % len(document['images'])]
        image = cv2.imread(str(photos / source['file_name']))
        is_mirrored = bool(number // len(document['images']) % 2)
        image, found = vary(image, boxes[source['id']], is_mirrored, rng)
        height, width = image.shape[:2]
        name = f'{number:012d}.jpg'
        cv2.imwrite(str(folder / 'photos' / name), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
        images.append(dict(id=number, file_name=name, width=width, height=height))
        for box in found:
            annotations.append(
                dict(id=len(annotations) + 1, image_id=number, category_id=1, iscrowd=0, bbox=box)
            )
    categories = [dict(id=1, name='person')]
    (folder / 'people.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=categories))
    )


def vary(image, boxes, is_mirrored, rng):
    """A crop of an image, and the boxes x, y, w, h that are left in it."""
    height, width = image.shape[:2]
    left, top = (int(side * rng.uniform(0, 0.08)) for side in (width, height))
    right, bottom = (int(side * rng.uniform(0.92, 1)) for side in (width, height))
    image = image[top:bottom, left:right]
    height, width = image.shape[:2]
    factor = LONGER_SIDE / max(height, width)
    size_wh = round(width * factor), round(height * factor)
    image = cv2.resize(image, size_wh, interpolation=cv2.INTER_LINEAR)
    found = []
    for x, y, box_width, box_height in boxes:
        corners = np.array([[x, y], [x + box_width, y + box_height]])
        corners = ((corners - [left, top]) * factor).clip(0, size_wh)
        if is_mirrored:
            corners[:, 0] = size_wh[0] - corners[::-1, 0]
        if (corners[1] - corners[0] >= MIN_SIDE).all():
            found.append([*corners[0].tolist(), *(corners[1] - corners[0]).tolist()])
    return (image[:, ::-1] if is_mirrored else image), found


def make_video(path, frames):
    """A small video of a disc that moves over noise."""
    rng = np.random.default_rng(0)
    width, height = VIDEO_WH
    background = rng.integers(0, 120, (height, width, 3), dtype=np.uint8)
    background = cv2.blur(background, (9, 9))
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast'))
        stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
        for number in range(frames):
            center = int(width * (0.5 + 0.4 * np.sin(number / 30))), height // 2
            image = cv2.circle(background.copy(), center, 50, (90, 160, 220), -1)
            frame = av.VideoFrame.from_ndarray(image, format='bgr24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def start(root, weights, inputs, out, tasks, people):
    """Start `mmsapiens infer` of a checkout; what it says goes to OUT.txt."""
    command = [sys.executable, '-m', 'mmsapiens', 'infer', str(inputs), '--out', str(out)]
    command += ['--model', 'sapiens-tiny', '--tasks', ','.join(tasks), '--device', 'cpu']
    command += ['--people', str(people), '--quiet']
    for task in tasks:
        command += ['--weights', f'{task}={weights / task}.pth']
    env = dict(os.environ, PYTHONPATH=str(root), PYTHONWARNINGS='ignore')
    with open(out.with_suffix('.txt'), 'w') as log:
        return subprocess.Popen(command, env=env, cwd=out.parent, stdout=log, stderr=log)


def finish(process, out):
    """Wait for a process; its use of resources, children included.

    Raises:
        RuntimeError: If it failed, with what it said.
    """
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        text = out.with_suffix('.txt').read_text()[-2000:]
        raise RuntimeError(f'the exit code is {process.returncode}:\n{text}')
    return usage


def measure_many(root, weights, folder, out):
    """Figures of a run on all photographs."""
    begin = time.perf_counter()
    people = folder / 'people.json'
    process = start(root, weights, folder / 'photos', out, TASKS, people)
    usage = finish(process, out)
    seconds = time.perf_counter() - begin
    return {
        'images / s': COUNT / seconds,
        'wall clock (s)': seconds,
        'user + system (s)': usage.ru_utime + usage.ru_stime,
        'peak memory (MiB)': usage.ru_maxrss / 1024,
    }


def measure_first(root, weights, folder, out):
    """Seconds from the start of a process to its first result."""
    photo = folder / 'photos' / f'{1:012d}.jpg'
    names = [out / task / (photo.stem + SUFFIXES[task.split('-')[0]]) for task in TASKS]
    begin = time.perf_counter()
    process = start(root, weights, photo, out, TASKS, folder / 'people.json')
    while not any(os.path.exists(name) for name in names) and is_running(process.pid):
        time.sleep(0.005)
    seconds = time.perf_counter() - begin
    finish(process, out)
    missing = [name.name for name in names if not name.exists()]
    if missing:
        raise RuntimeError(f'results are missing: {missing}')
    return {'first result (s)': seconds}


def is_running(pid):
    """Whether a child has not ended; it is not reaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def check_tree(root):
    """Refuse a checkout whose package is not the one that is imported."""
    code = 'import mmsapiens; print(mmsapiens.__file__)'
    env = dict(os.environ, PYTHONPATH=str(root), PYTHONWARNINGS='ignore')
    done = subprocess.run(
        [sys.executable, '-c', code], env=env, cwd='/', capture_output=True, text=True, check=True
    )
    found = Path(done.stdout.strip()).resolve()
    if root not in found.parents:
        raise RuntimeError(f'`mmsapiens` must come from {root}, but is {found}')


def compare_builds(roots, weights, folder, rounds):
    """Measure both builds by turns; name -> figure -> values of the rounds."""
    found = {name: {} for name in roots}
    for number in range(-1, rounds):  # the first one only compiles modules
        for name, root in roots.items():
            out = folder / f'{name}_{number}'
            figures = measure_first(root, weights, folder, out.with_name(out.name + '_first'))
            if number < 0:
                continue
            figures.update(measure_many(root, weights, folder, out))
            for key, value in figures.items():
                found[name].setdefault(key, []).append(value)
            text = ', '.join(f'{key} {value:.2f}' for key, value in figures.items())
            print(f'round {number + 1}, {name}: {text}', file=sys.stderr, flush=True)
    return found


def show_table(found, rounds):
    """Print medians as a table in Markdown."""
    print(f'\n| median of {rounds} | old | new | new / old | range of new / old |')
    print('|---|---|---|---|---|')
    for key in found['old']:
        old, new = (statistics.median(found[name][key]) for name in ('old', 'new'))
        ratios = [b / a for a, b in zip(found['old'][key], found['new'][key])]
        spread = f'{min(ratios):.3f} to {max(ratios):.3f}'
        print(f'| {key} | {old:.2f} | {new:.2f} | {new / old:.3f} | {spread} |')


def resident(pid):
    """Memory of a process and those below it in MiB."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
        children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith('VmRSS:')]
    own = int(lines[0].split()[1]) / 1024 if lines else 0.0
    return own + sum(resident(child) for child in children)


def count_files(folder):
    """Results in a folder so far."""
    try:
        return sum(entry.name[0] != '.' for entry in os.scandir(folder))
    except OSError:
        return 0


def measure_video(root, weights, folder, frames):
    """Memory of a run on a long video: samples of (frames done, MiB), and the peak."""
    video, out = folder / 'long.mp4', folder / 'video'
    make_video(video, frames)
    process = start(root, weights, video, out, ['pose-17'], 'image')
    samples = []
    while is_running(process.pid):
        memory = resident(process.pid)
        if memory:
            samples.append((count_files(out / 'pose-17' / video.stem), memory))
        time.sleep(0.2)
    usage = finish(process, out)
    done = count_files(out / 'pose-17' / video.stem)
    if done != frames:
        raise RuntimeError(f'{done} of {frames} frames are done')
    return samples, usage.ru_maxrss / 1024


def show_video(samples, peak, frames):
    """Print the memory at some shares of a video as a table in Markdown."""
    print(f'\n| frames of {frames} | memory (MiB) |')
    print('|---|---|')
    for share in SHARES:
        at = next((memory for done, memory in samples if done >= share * frames), samples[-1][1])
        print(f'| {share:.0%} | {at:.0f} |')
    print(f'| peak | {peak:.0f} |')


def main():
    """Measure and print."""
    args = parse_args()
    roots = dict(old=args.old.resolve(), new=args.new.resolve())
    weights = args.weights.resolve()
    for root in roots.values():
        check_tree(root)
    with tempfile.TemporaryDirectory(prefix='bench-') as name:
        folder = Path(name)
        make_photos(folder, args.photos, args.people)
        if args.rounds:
            show_table(compare_builds(roots, weights, folder, args.rounds), args.rounds)
        if args.video:
            show_video(*measure_video(roots['new'], weights, folder, args.frames), args.frames)


if __name__ == '__main__':
    main()
