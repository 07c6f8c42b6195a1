#!/usr/bin/env bash
# Keypoints exported to COCO by Label Studio: the names of the category and the points are in two orders.
#
# What: the converter of label-studio-sdk writes an entry's `keypoints` in the order of the labels' `model_index`, and the category's
# `keypoints` (their names) in the order in which the labels stand in the labeling config. Nothing ties the two, and nothing is warned:
# with labels that stand in the order of the alphabet, or grouped by side, name i does not belong to point i. With labels that stand
# in the order of `model_index` the file is right, so one project's export is right and the next one's wrong.
# Rectangles as parents, which the tool's documentation asks for, change nothing.
#
# Who is hit: whoever reads the points by the names in the file (COCO says that both have one order): importers of annotation tools,
# drawings, conversions between sets of keypoints. Left and right, or nose and ankle, are exchanged in every image.
#
# Instead: sort the <Label> tags of the config by `model_index` before the export; or sort the names afterwards.
set -eu
export OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -q label-studio-sdk==2.1.2 2>"$tmp/pip.log" || { cat "$tmp/pip.log"; exit 2; }
cat > "$tmp/run.py" <<'PY'
import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

from label_studio_sdk.converter import Converter

print('label-studio-sdk', version('label-studio-sdk'))
folder = Path(sys.argv[1])
POINTS = dict(nose=(50, 10), left_eye=(54, 8), right_eye=(46, 8), left_ankle=(58, 90), right_ankle=(42, 90))
INDEX = {name: index for index, name in enumerate(POINTS)}
good = []


def export(title, order, with_box):
    """The names and the points of one person, as the converter writes them."""
    labels = ''.join(f'<Label value="{name}" model_index="{INDEX[name]}"/>' for name in order)
    config = (f'<View><Image name="image" value="$image"/><RectangleLabels name="boxes" toName="image"><Label value="person"/>'
              f'</RectangleLabels><KeyPointLabels name="points" toName="image">{labels}</KeyPointLabels></View>')
    size = dict(original_width=100, original_height=100, to_name='image')
    box = dict(x=35, y=2, width=30, height=94, rotation=0, rectanglelabels=['person'])
    result = [dict(**size, id='box', from_name='boxes', type='rectanglelabels', value=box)] if with_box else []
    for name, (x, y) in POINTS.items():
        value = dict(x=x, y=y, width=1, keypointlabels=[name])
        point = dict(**size, id=name, from_name='points', type='keypointlabels', value=value)
        result.append(point | dict(parentID='box') if with_box else point)
    task = dict(id=1, data=dict(image='photo.png'), annotations=[dict(id=1, result=result)])
    work = folder / title.replace(' ', '_')
    work.mkdir()
    (work / 'tasks.json').write_text(json.dumps([task]))
    with warnings.catch_warnings(record=True) as told:
        Converter(config, str(work), download_resources=False).convert_to_coco(
            str(work / 'tasks.json'), str(work / 'out'), is_dir=False)
    document = json.loads((work / 'out/result.json').read_text())
    names = next(each['keypoints'] for each in document['categories'] if each.get('keypoints'))
    flat = next(each['keypoints'] for each in document['annotations'] if each.get('keypoints'))
    read = {name: tuple(map(round, flat[3 * i:3 * i + 2])) for i, name in enumerate(names)}
    wrong = [name for name in names if read[name] != POINTS[name]]
    print(f'\n{title}: names {names}\n  points {flat}\n  wrong by name: {wrong or "none"}; warnings: {len(told)}')
    return wrong


by_index, by_letter = list(POINTS), sorted(POINTS)
for with_box in (False, True):
    end = 'with a box as parent' if with_box else 'alone'
    good.append(not export(f'labels by model_index, {end}', by_index, with_box))
    good.append(len(export(f'labels by letter, {end}', by_letter, with_box)) >= 4)
print('\nas documented above' if all(good) else f'\nCHANGED: {good}')
sys.exit(not all(good))
PY
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp"
