#!/usr/bin/env bash
# sahi rewrites COCO files: crowds become single people, keypoints and masks go.
#
# What: Coco.from_coco_dict_or_path(...).json, and slice_coco on top of it, are meant to load, split, filter, merge, cut and save COCO
# files. Of an annotation they take the polygon or, failing that, the box, and the category. iscrowd=1 comes out as iscrowd=0,
# without a word, also where the crowd has a polygon. Keypoints and num_keypoints
# are gone, without a word (Coco.json drops the category's list of their names as well). A run-length mask (COCO stores every crowd so) is dropped with one line in the log, and in
# slices a full rectangle stands in its place. `area` is counted anew (of the box where there was a run-length mask).
# COCO's own rule: a crowd is no target, and what is found within it is no false alarm.
#
# Who is hit: whoever splits or tiles COCO people with it, then trains or scores. A detector that finds every single person
# perfectly loses, and one that draws one box around the group is rewarded; pose training has no keypoints left.
#
# Instead: split by image id with json alone; before slicing take the crowds out of the file (ids are numbered anew, so they
# cannot be found again later) and put them back, cut to the slices, by own code.
set -eu
export OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -q numpy==2.4.6 sahi==0.12.8 pycocotools==2.0.11 2>"$tmp/pip.log" || { cat "$tmp/pip.log"; exit 2; }
cat > "$tmp/run.py" <<'PY'
import contextlib
import io
import json
import os
import sys
from importlib.metadata import version

import numpy as np
from PIL import Image
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

os.chdir(sys.argv[1])
with contextlib.redirect_stderr(io.StringIO()):
    from sahi.slicing import slice_coco
    from sahi.utils.coco import Coco
print({p: version(p) for p in ('sahi', 'pycocotools', 'pillow', 'numpy')})
W, H = 800, 600
names = [f'point {i}' for i in range(17)]
os.mkdir('images')
images, annotations = [], []


def add(image, box, **more):
    annotations.append(dict(id=len(annotations) + 1, image_id=image, category_id=1, bbox=box, area=box[2] * box[3] * 0.5,
                            iscrowd=0, **more))


for image in range(1, 7):
    images.append(dict(id=image, file_name=f'{image}.png', width=W, height=H))
    Image.new('RGB', (W, H)).save(f'images/{image}.png')
    for i in range(2):                                            # two people, each an octagon
        x, y, w, h = 60 + 120 * i + 7 * image, 80, 90, 300
        points = [x, y + 90, x + 30, y, x + 60, y, x + w, y + 90, x + w, y + 210, x + 60, y + h, x + 30, y + h, x, y + 210]
        joints = np.column_stack([np.linspace(x + 5, x + w - 5, 17), np.linspace(y + 5, y + h - 5, 17), np.full(17, 2)])
        add(image, [x, y, w, h], segmentation=[points], num_keypoints=17, keypoints=joints.ravel().astype(int).tolist())
    crowd = np.zeros((H, W), np.uint8)                            # a group of six, marked as a crowd
    for i in range(6):
        crowd[300 + 10 * i:450, 400 + 50 * i:440 + 50 * i] = 1
    rle = masks.encode(np.asfortranarray(crowd))
    add(image, [400, 300, 290, 150], segmentation=dict(size=rle['size'], counts=rle['counts'].decode()))
    annotations[-1].update(iscrowd=1, area=int(crowd.sum()))
    add(image, [60, 450, 300, 120], segmentation=[[60, 450, 360, 450, 360, 570, 60, 570]])   # another one, with a polygon
    annotations[-1].update(iscrowd=1)
person = dict(id=1, name='person', supercategory='person', keypoints=names, skeleton=[[1, 2]])
original = dict(images=images, annotations=annotations, categories=[person])
with open('people.json', 'w') as file:
    json.dump(original, file)


def count(data):
    rows = data['annotations']
    return dict(annotations=len(rows), crowds=sum(a['iscrowd'] for a in rows),
                with_keypoints=sum('keypoints' in a for a in rows),
                run_length_masks=sum(isinstance(a['segmentation'], dict) for a in rows),
                names_of_keypoints=len(data['categories'][0].get('keypoints', [])))


log = io.StringIO()
with contextlib.redirect_stderr(log), contextlib.redirect_stdout(log):
    loaded = Coco.from_coco_dict_or_path('people.json', image_dir='images').json
    sliced, _ = slice_coco('people.json', 'images', 'cut', output_dir='cut', slice_height=W, slice_width=W,
                           overlap_height_ratio=0, overlap_width_ratio=0, verbose=False)   # one slice: the image as it is
print('\nexpected: the same counts in all rows (the slice is as large as the image)')
for title, data in (('file', original), ('Coco(...).json', loaded), ('slice_coco', sliced)):
    print(f'  {title:15s}', count(data))
good = [count(original) == dict(annotations=24, crowds=12, with_keypoints=12, run_length_masks=6, names_of_keypoints=17)]
for data, kept in ((loaded, 0), (sliced, 17)):
    good.append(count(data) == dict(annotations=24, crowds=0, with_keypoints=0, run_length_masks=0, names_of_keypoints=kept))
full = [a for a in sliced['annotations'] if a['bbox'][:2] == [400, 300]]
inside = masks.area(masks.merge(masks.frPyObjects(full[0]['segmentation'], H, W)))
print(f'  mask of the group of six: {int(crowd.sum())} px in the file, in the slice {int(inside)} (the box has {290 * 150})')
good += [len(full) == 6, abs(int(inside) - 290 * 150) < 500]

# a perfect detector: the two people, and the six of the group one by one
people = [[i['id'], a['bbox']] for i in images for a in annotations if a['image_id'] == i['id'] and not a['iscrowd']]
people += [[i['id'], [400 + 50 * k, 300 + 10 * k, 40, 150 - 10 * k]] for i in images for k in range(6)]
perfect = [dict(image_id=i, category_id=1, bbox=[float(v) for v in b], score=0.9 - 0.001 * n) for n, (i, b) in enumerate(people)]


def ap(data, results):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(data))
        truth.createIndex()
        score = COCOeval(truth, truth.loadRes(json.loads(json.dumps(results))), 'bbox')
        score.evaluate(), score.accumulate(), score.summarize()
    return float(score.stats[0])


before, after = ap(original, perfect), ap(loaded, perfect)
print(f'\nbox AP of a detector that finds all people one by one: {before:.3f} with the file, {after:.3f} after sahi (expected the same)')
good += [before > 0.999, after < 0.6]
loud = [line for line in log.getvalue().splitlines() if 'crowd' in line.lower() or 'keypoint' in line.lower()]
print('lines of its log on crowds or keypoints:', len(loud))
good.append(not loud)

print('\nas documented above' if all(good) else f'\nCHANGED: {good}')
sys.exit(not all(good))
PY
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp"
