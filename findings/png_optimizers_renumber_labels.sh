#!/usr/bin/env bash
# Lossless PNG optimizers change the class numbers of label maps.
#
# What: oxipng and zopflipng promise the same pixels in fewer bytes. A gray label map with few classes (8 bits,
# one class number a pixel) is smaller as an indexed image, so they store it as one. The colors are the same,
# the stored numbers are not, and Pillow gives the stored numbers: of the classes 0, 5, 20 the background stays 0, and
# 5 and 20 become 1 and 2 in one map, 2 and 1 in the next (the order of the palette is whatever packs best). OpenCV's
# IMREAD_UNCHANGED gives three channels for the same file. A mask of 0 and 255 becomes an image of one bit, read by
# Pillow as booleans (255 becomes True, that is 1).
# It depends on the image: within one folder some maps are changed and others are not, and all hold valid
# class numbers, so nothing fails. Training and mIoU are wrong.
#
# Who is hit: whoever shrinks a dataset with oxipng, zopflipng or a tool built on them, and reads label
# maps with np.array(Image.open(...)), as many segmentation toolboxes do.
#
# Instead: switch the reductions off (oxipng: color_type_reduction=False, bit_depth_reduction=False), or read
# by Image.open(...).convert('L') or cv2.IMREAD_GRAYSCALE if all maps were gray before. The header tells: mode P or 1.
set -eu
export OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -q numpy==2.4.6 pillow==13.0.0 opencv-python-headless==4.14.0.94 \
    pyoxipng==9.1.1 zopfli==0.4.3 2>"$tmp/pip.log" || { cat "$tmp/pip.log"; exit 2; }
cat > "$tmp/run.py" <<'PY'
import io
import sys
from importlib.metadata import version

import cv2
import numpy as np
import oxipng
import zopfli.png
from PIL import Image

print({p: version(p) for p in ('pyoxipng', 'zopfli', 'pillow', 'opencv-python-headless', 'numpy')})


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, 'PNG')
    return file.getvalue()


def label_map(numbers, seed):
    """Two discs of each class number on a background of 0."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :192]
    labels = np.zeros((256, 192), np.uint8)
    for number in numbers:
        for _ in range(2):
            cx, cy, radius = draw.integers(10, 182), draw.integers(10, 246), draw.integers(6, 30)
            labels[(x - cx) ** 2 + (y - cy) ** 2 < radius ** 2] = number
    return labels


def read(data):
    image = Image.open(io.BytesIO(data))
    buffer = np.frombuffer(data, np.uint8)
    return dict(mode=image.mode, pillow=np.array(image), gray=np.array(image.convert('L')),
                cv2=cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED), cv2_gray=cv2.imdecode(buffer, cv2.IMREAD_GRAYSCALE))


tools = {
    'oxipng': oxipng.optimize_from_memory,
    'zopflipng': lambda data: zopfli.png.optimize(data, num_iterations=1),   # the default of 15 is only slower
    'oxipng, reductions off':
        lambda data: oxipng.optimize_from_memory(data, color_type_reduction=False, bit_depth_reduction=False),
}
good = []

print('\n1. four maps with the classes 0, 5, 20')
print('   expected after a lossless tool: the same numbers, (256, 192), in every reader')
for name, tool in tools.items():
    meanings = set()
    for seed in range(4):
        labels = label_map([5, 20], seed)
        got = read(tool(png(labels)))
        meaning = {int(n): int(got['pillow'][labels == n][0]) for n in (0, 5, 20)}
        consistent = all((got['pillow'][labels == n] == meaning[n]).all() for n in meaning)
        gray = np.array_equal(got['gray'], labels) and np.array_equal(got['cv2_gray'], labels)
        meanings.add(tuple(meaning.values()))
        print(f'   {name:24s} mode {got["mode"]}, Pillow reads {meaning}, cv2 unchanged {got["cv2"].shape}; '
              f'as gray both equal: {gray}')
        good += [consistent, gray]
        if 'off' in name:
            good.append(meaning == {0: 0, 5: 5, 20: 20} and got['cv2'].shape == (256, 192))
        else:
            good.append(set(meaning.values()) == {0, 1, 2} and got['cv2'].shape == (256, 192, 3))
    if name == 'zopflipng':
        good.append(len(meanings) > 1)                  # not even the same renumbering in every map

print('\n2. 19 maps of 2 to 20 classes in one folder: how many are read with other numbers by Pillow (expected 0)')
folder = {n: label_map(np.random.default_rng(n).permutation(np.arange(1, 21))[:n - 1], n) for n in range(2, 21)}
for name, tool in tools.items():
    got = {n: read(tool(png(labels)))['pillow'] for n, labels in folder.items()}
    wrong = [n for n in folder if not np.array_equal(got[n], folder[n])]
    still_valid = sum(int(got[n].max()) <= 20 for n in wrong)
    print(f'   {name:24s} {len(wrong)} of 19, those of {wrong} classes; {still_valid} of them hold numbers up to 20 only')
    good.append(not wrong if 'off' in name else 2 <= len(wrong) < 19 and still_valid == len(wrong))

print('\n3. a mask of 0 and 255')
mask = (label_map([5, 20], 0) > 0).astype(np.uint8) * 255
for name, tool in tools.items():
    got = read(tool(png(mask)))
    print(f'   {name:24s} mode {got["mode"]}, Pillow reads {got["pillow"].dtype} with the maximum {int(got["pillow"].max())}')
    good.append((got['pillow'].dtype == bool) == ('off' not in name))

print('\nas documented above' if all(good) else f'\nCHANGED: {good}')
sys.exit(not all(good))
PY
"$tmp/venv/bin/python" "$tmp/run.py"
