"""Compare two folders of results, such as those of run_infer.sh.

    python compare.py OLD NEW

Files that a run keeps for itself (manifests, locks, logs) are reported, not
judged. Exit codes: 0 equal within the limits, 1 not equal.
"""

import argparse
import json
import os
import re
import sys
from collections import defaultdict
from pathlib import Path

os.environ['OPENCV_IO_ENABLE_OPENEXR'] = '1'  # read when OpenCV is imported

import av
import cv2
import numpy as np
from PIL import Image

BOOKKEEPING = ('manifest.json', 'manifest.jsonl', 'done.jsonl', '.run.lock', 'logs/')
VOLATILE = ('seconds', 'folder')
"""Keys of printed documents that differ from run to run."""
PIXELS = 0.01
SCORES = 1e-3
NUMBERS = 2e-3  # boxes and times: files have three digits
DEPTH = 1e-5
RADIANS = 1e-3
FEATURES = 1e-4
UNEQUAL = 1e-4  # share of pixels of another class
COLORS = 0.5  # mean difference of images, of 255
VIDEO_COLORS = 2.0
LIMITS = {
    'keypoints (px)': PIXELS,
    'scores': SCORES,
    'other numbers': NUMBERS,
    'depth': DEPTH,
    'depth, 16 bits (steps)': 1,
    'normals (rad)': RADIANS,
    'parsing (share unequal)': UNEQUAL,
    'features': FEATURES,
    'images (of 255)': COLORS,
    'videos (of 255)': VIDEO_COLORS,
}


def parse_args():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('old', type=Path)
    parser.add_argument('new', type=Path)
    parser.add_argument(
        '--peak',
        type=float,
        default=0.1,
        help='score from which on a heatmap has a peak; keypoints with less are counted only',
    )
    parser.add_argument(
        '--max-exceptions',
        type=int,
        default=0,
        help='keypoints with a peak that may deviate, such as those of two equal peaks',
    )
    parser.add_argument('--shown', type=int, default=20, help='most lines of each list')
    return parser.parse_args()


class Report:
    """Deviations by run and kind, faults, and keypoints that deviate.

    Args:
        peak (float): Score from which on a heatmap has a peak.
    """

    def __init__(self, peak):
        self.peak = peak
        self.worst = defaultdict(float)
        self.files = defaultdict(set)
        self.faults = []
        self.notes = []
        self.keypoints = 0
        self.exceptions = []
        self.flat = []

    def add(self, file, kind, deviation):
        """Note a deviation of a file, not a number if it has none."""
        run = file.split('/')[0] if '/' in file else '.'
        self.files[run, kind].add(file)
        deviation = float(deviation)
        self.worst[run, kind] = max(
            self.worst[run, kind], np.inf if np.isnan(deviation) else deviation
        )

    def fault(self, file, text):
        """Note something that must not differ at all."""
        self.faults.append(f'{file}: {text}')

    def add_keypoints(self, file, old, new, old_scores, new_scores):
        """Compare keypoints (K, 2) whose scores are (K,)."""
        self.add(file, 'scores', np.abs(old_scores - new_scores).max(initial=0))
        distances = np.abs(old - new).max(1, initial=0)
        scores = np.minimum(old_scores, new_scores)
        self.keypoints += len(scores)
        near = distances <= PIXELS + 1e-9
        self.add(file, 'keypoints (px)', distances[near].max(initial=0))
        for index in np.flatnonzero(~near):
            kind = self.exceptions if scores[index] >= self.peak else self.flat
            kind.append(
                f'{file}: keypoint {index}, score {scores[index]:.4f}, {distances[index]:.3f} px'
            )


def is_bookkeeping(file):
    """Whether a run keeps a file for itself."""
    return any(file.endswith(name) or name in file for name in BOOKKEEPING)


def list_files(folder):
    """Paths of all files below a folder, relative to it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()}


def compare_values(report, file, old, new, where=''):
    """Compare documents of JSON: structure and text exactly, numbers nearly."""
    both_numbers = is_number(old, new)
    if type(old) is not type(new) and not both_numbers:
        report.fault(file, f'{where or "the document"} is {new!r:.80}, was {old!r:.80}')
        return
    if isinstance(old, dict):
        if list(old) != list(new):
            report.fault(file, f'{where} has the keys {list(new)}, had {list(old)}')
            return
        done = compare_person(report, file, old, new) if 'keypoints' in old else ()
        for key in old:
            if key not in done and not (not where and key in VOLATILE):
                compare_values(report, file, old[key], new[key], f'{where}/{key}')
    elif isinstance(old, list):
        if len(old) != len(new):
            report.fault(file, f'{where} has {len(new)} entries, had {len(old)}')
            return
        for index, pair in enumerate(zip(old, new)):
            compare_values(report, file, *pair, f'{where}/{index}')
    elif both_numbers:
        kind = 'scores' if where.endswith('score') else 'other numbers'
        if isinstance(old, int) and isinstance(new, int):
            if old != new:
                report.fault(file, f'{where} is {new}, was {old}')
        else:
            report.add(file, kind, abs(old - new))
    elif old != new:
        report.fault(file, f'{where} is {new!r:.80}, was {old!r:.80}')


def is_number(*values):
    """Whether all values are numbers, not truth values."""
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def compare_person(report, file, old, new):
    """Compare the keypoints of a person; the keys that have been dealt with."""
    points = [np.asarray(each['keypoints'], dtype=object) for each in (old, new)]
    if points[0].shape != points[1].shape:
        report.fault(file, f'keypoints are {points[1].shape}, were {points[0].shape}')
        return ('keypoints', 'keypoint_scores')
    if points[0].size == 0 or isinstance(points[0].flat[0], str):
        return ()  # names of a category
    points = [np.asarray(each, dtype=float) for each in points]
    if 'keypoint_scores' in old:
        scores = [np.asarray(each['keypoint_scores'], dtype=float) for each in (old, new)]
    else:
        triples = [each.reshape(-1, 3) for each in points]
        points = [each[:, :2] for each in triples]
        scores = [each[:, 2] for each in triples]
    if {len(each) for each in scores} != {len(points[0])}:
        report.fault(file, f'there are {[len(each) for each in scores]} scores')
    else:
        report.add_keypoints(file, *points, *scores)
    return ('keypoints', 'keypoint_scores')


def angles(old, new):
    """Angles between vectors (..., 3) in radians; pi where only one is 0."""
    old, new = old.astype(float), new.astype(float)
    lengths = np.linalg.norm(old, axis=-1), np.linalg.norm(new, axis=-1)
    between = np.arctan2(np.linalg.norm(np.cross(old, new), axis=-1), (old * new).sum(-1))
    empty = [length < 1e-6 for length in lengths]
    between[empty[0] & empty[1]] = 0
    between[empty[0] ^ empty[1]] = np.pi
    return between


def compare_map(report, file, old, new):
    """Compare arrays of class ids, depth, normals or features."""
    if (old.shape, old.dtype) != (new.shape, new.dtype):
        report.fault(file, f'{new.shape} {new.dtype}, was {old.shape} {old.dtype}')
        return
    folder = file.split('/')[1] if '/' in file else ''
    difference = np.abs(old.astype(float) - new.astype(float))
    if folder.startswith('seg') or folder == 'mask':
        report.add(file, 'parsing (share unequal)', (difference > 0).mean())
    elif folder.startswith('normal') and old.dtype == np.uint16:
        empty = [(each == 0).all(-1, keepdims=True) for each in (old, new)]
        vectors = [np.where(no, 0, each / 32767.5 - 1) for no, each in zip(empty, (old, new))]
        report.add(file, 'normals (rad)', angles(*vectors).max())
    elif folder.startswith('normal'):
        report.add(file, 'normals (rad)', angles(old, new).max())
    elif folder.startswith('depth') and old.dtype == np.uint16:
        report.add(file, 'depth, 16 bits (steps)', difference.max())
    elif folder.startswith('depth'):
        report.add(file, 'depth', difference.max())
    else:
        report.add(file, 'features', difference.max())


def compare_npy(report, file, paths):
    """Compare npy files."""
    compare_map(report, file, *(np.load(path, allow_pickle=False) for path in paths))


def compare_images(report, file, paths):
    """Compare jpg, png and exr files."""
    old, new = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths)
    if old is None or new is None:
        report.fault(file, 'cannot be read')
    elif Path(file).suffix == '.jpg':
        if old.shape != new.shape:
            report.fault(file, f'{new.shape}, was {old.shape}')
        else:
            report.add(file, 'images (of 255)', cv2.absdiff(old, new).mean())
    else:
        compare_map(report, file, old, new)
    if Path(file).suffix == '.png':
        texts = [getattr(Image.open(path), 'text', {}) for path in paths]
        compare_texts(report, file, *texts)


def compare_texts(report, file, old, new):
    """Compare the texts in png files, whose numbers are the range of a map."""
    if old.keys() != new.keys():
        report.fault(file, f'has the texts {sorted(new)}, had {sorted(old)}')
        return
    number = re.compile(r'-?\d+\.?\d*(?:e[-+]?\d+)?')
    for key in old:
        if number.sub('#', old[key]) != number.sub('#', new[key]):
            report.fault(file, f'text {key} is {new[key]!r:.80}, was {old[key]!r:.80}')
            continue
        for a, b in zip(number.findall(old[key]), number.findall(new[key])):
            report.add(file, 'depth', abs(float(a) - float(b)))


def compare_videos(report, file, paths):
    """Compare videos frame by frame."""
    containers = [av.open(str(path)) for path in paths]
    counts = []
    for container in containers:
        stream = container.streams.video[0]
        counts.append((stream.width, stream.height, stream.codec_context.name))
    if counts[0] != counts[1]:
        report.fault(file, f'is {counts[1]}, was {counts[0]}')
        return
    frames = [container.decode(video=0) for container in containers]
    worst, times = 0.0, 0
    while True:
        pair = [next(each, None) for each in frames]
        if None in pair:
            break
        times += pair[0].pts * pair[0].time_base != pair[1].pts * pair[1].time_base
        images = [frame.to_ndarray(format='rgb24') for frame in pair]
        worst = max(worst, cv2.absdiff(*images).mean())
    if pair != [None, None]:
        report.fault(file, 'has another number of frames')
    if times:
        report.fault(file, f'{times} frames have another time')
    report.add(file, 'videos (of 255)', worst)


def note_bookkeeping(report, file, paths):
    """Report how files that a run keeps for itself differ."""
    contents = [path.read_bytes() for path in paths]
    if contents[0] == contents[1]:
        return
    if not file.endswith('.json'):
        report.notes.append(f'{file}: differs')
        return
    found = sorted(set(changed_keys(*(json.loads(content) for content in contents))))
    report.notes.append(f'{file}: differs in {", ".join(found) or "layout"}')


def changed_keys(old, new, where=''):
    """Paths of values that differ, entries of lists and files under one name."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            name = '*' if re.search(r'[/\d]', key) else key
            if key not in old or key not in new:
                yield f'{where}/{name} (only in {"new" if key in new else "old"})'
            else:
                yield from changed_keys(old[key], new[key], f'{where}/{name}')
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for pair in zip(old, new):
            yield from changed_keys(*pair, f'{where}/*')
    elif old != new:
        yield where


def compare_file(report, file, paths):
    """Compare a file of both folders."""
    suffix = Path(file).suffix
    if is_bookkeeping(file):
        note_bookkeeping(report, file, paths)
    elif suffix == '.json':
        compare_values(report, file, *(json.loads(path.read_bytes()) for path in paths))
    elif suffix == '.npy':
        compare_npy(report, file, paths)
    elif suffix in ('.jpg', '.png', '.exr'):
        compare_images(report, file, paths)
    elif suffix == '.mp4':
        compare_videos(report, file, paths)
    elif paths[0].read_bytes() != paths[1].read_bytes():
        report.fault(file, 'differs')


def compare_folders(old, new, peak):
    """Compare all files of two folders.

    Args:
        old (Path): A folder of results.
        new (Path): Another one.
        peak (float): As in :class:`Report`.

    Returns:
        Report: What was found.
    """
    report = Report(peak)
    found = list_files(old), list_files(new)
    for file in sorted(found[0] ^ found[1]):
        text = f'only in {old if file in found[0] else new}'
        if is_bookkeeping(file):
            report.notes.append(f'{file}: {text}')
        else:
            report.fault(file, text)
    for file in sorted(found[0] & found[1]):
        compare_file(report, file, (old / file, new / file))
    if not any(not is_bookkeeping(file) for file in found[0] & found[1]):
        report.fault('.', 'the folders have no result in common')
    return report


def show_list(title, lines, shown):
    """Print the first lines of a list."""
    if lines:
        print(f'\n{title}: {len(lines)}')
        for line in lines[:shown]:
            print(f'  {line}')
        if len(lines) > shown:
            print(f'  ... and {len(lines) - shown} more')


def show(report, max_exceptions, shown):
    """Print a report; whether everything is within the limits."""
    is_equal = not report.faults and len(report.exceptions) <= max_exceptions
    print(f'{"run":<20} {"kind":<26} {"files":>5} {"deviation":>10} {"limit":>8}')
    for (run, kind), worst in sorted(report.worst.items()):
        is_within = worst <= LIMITS[kind] * (1 + 1e-6)
        is_equal &= is_within
        count = len(report.files[run, kind])
        verdict = '' if is_within else '  ABOVE'
        print(f'{run:<20} {kind:<26} {count:>5} {worst:>10.2e} {LIMITS[kind]:>8.0e}{verdict}')
    print(f'\n{report.keypoints} keypoints; more than {PIXELS} px away: ', end='')
    print(
        f'{len(report.exceptions)} with a peak, {len(report.flat)} without '
        f'(score below {report.peak})'
    )
    show_list('keypoints with a peak that deviate', report.exceptions, shown)
    show_list('keypoints without a peak that deviate (not judged)', report.flat, shown)
    show_list('bookkeeping (not judged)', report.notes, shown)
    show_list('FAULTS', report.faults, shown)
    print('\nequal' if is_equal else '\nNOT EQUAL')
    return is_equal


def main():
    """Compare."""
    args = parse_args()
    for folder in (args.old, args.new):
        if not folder.is_dir():
            sys.exit(f'{folder} is no folder')
    report = compare_folders(args.old, args.new, args.peak)
    return 0 if show(report, args.max_exceptions, args.shown) else 1


if __name__ == '__main__':
    sys.exit(main())
