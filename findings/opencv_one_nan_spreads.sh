#!/usr/bin/env bash
# One NaN (or infinite) pixel in a float map: which OpenCV filters keep it local, and which lose the rest of the map.
#
# What: a value of a k x k filter depends on k x k pixels, so one NaN can spoil k * k values at most.
# GaussianBlur, sepFilter2D and filter2D with a small kernel keep to that. cv2.blur and cv2.boxFilter do not:
# they add the entering and subtract the leaving pixel of a running sum, and NaN - NaN is NaN. Every value to the right
# of and below the pixel is gone (with 3 x 3 and 5 x 5 "only" the columns below). stackBlur loses a cross.
# filter2D changes its algorithm: with 11 x 11 it spoils 121 values, with 13 x 13 it takes a Fourier transform and
# loses whole tiles, above and to the left too. So a larger kernel or another size breaks code that was tested with a small one.
# Infinity does the same. Nothing is raised; a later mean over "valid" pixels hides it.
#
# Who is hit: depth, normals and disparity with NaN or inf as holes or sky (stereo cameras, renderers, EXR and TIFF maps):
# smoothing, local mean and variance, guided filters and local SSIM built upon box filters.
#
# Instead: fill the holes with 0, filter the map and the mask of valid pixels with the same kernel, divide.
# Remark: where filter2D switches depends on the processor (here about 130 kernel values; 50 without SSE3).
set -eu
export OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/venv"
install() { "$tmp/venv/bin/pip" install -q "$@" 2>"$tmp/pip.log" || { cat "$tmp/pip.log"; exit 2; }; }
cat > "$tmp/run.py" <<'PY'
import sys

import cv2
import numpy as np

print('opencv', cv2.__version__, 'numpy', np.__version__)
depth = 3 + np.random.default_rng(0).random((480, 640), dtype=np.float32)
Y, X = 100, 200
good = []


def lost(filter_, hole):
    holed = depth.copy()
    holed[Y, X] = hole
    y, x = np.nonzero(~np.isfinite(filter_(holed)))
    return len(y), (y.min(), y.max(), x.min(), x.max())


def box(k):
    return lambda a: cv2.blur(a, (k, k))


def general(k):
    return lambda a: cv2.filter2D(a, -1, np.full((k, k), 1 / k ** 2, np.float32))


one = np.ones(15, np.float32) / 15
rows = [  # name, filter, kernel size, does it keep to its window?
    ('GaussianBlur 15', lambda a: cv2.GaussianBlur(a, (15, 15), 0), 15, True),
    ('sepFilter2D 15', lambda a: cv2.sepFilter2D(a, -1, one, one), 15, True),
    ('filter2D 5', general(5), 5, True),
    ('blur 3', box(3), 3, False),
    ('blur 5', box(5), 5, False),
    ('blur 9', box(9), 9, False),
    ('blur 15', box(15), 15, False),
    ('boxFilter 9, sum', lambda a: cv2.boxFilter(a, -1, (9, 9), normalize=False), 9, False),
    ('stackBlur 9', lambda a: cv2.stackBlur(a, (9, 9)), 9, False),
    ('filter2D 13', general(13), 13, False),
]
print(f'map of 480 x 640 = {depth.size} values, one hole at row {Y}, column {X}')
print(f'{"filter":18s} {"expected":>9s} {"NaN: lost":>10s}  rows and columns reached      inf: lost')
for name, filter_, k, local in rows:
    count, (top, bottom, left, right) = lost(filter_, np.nan)
    with_inf = lost(filter_, np.inf)[0]
    print(f'{name:18s} {"<= %d" % k ** 2:>9s} {count:>10d}  {top} to {bottom}, {left} to {right}'.ljust(68), with_inf)
    good += [(count <= k ** 2) == local, (with_inf <= k ** 2) == local]
count, reach = lost(box(9), np.nan)
good.append(count == (480 - Y + 4) * (640 - X + 4) and reach == (Y - 4, 479, X - 4, 639))   # all to the right and below

holed = depth.copy()
holed[Y, X] = np.nan
valid = np.isfinite(holed)
mean = cv2.blur(np.where(valid, holed, 0), (9, 9)) / cv2.blur(valid.astype(np.float32), (9, 9))
window = holed[Y - 4:Y + 5, X - 4:X + 5]
error = abs(mean[Y, X] - np.nanmean(window.astype(float)))
print(f'remedy (both filtered, then divided): {np.sum(~np.isfinite(mean))} lost, error at the hole {error:.1e}')
good += [np.isfinite(mean).all(), error < 1e-5]
print('as documented above\n' if all(good) else f'CHANGED: {good}\n')
sys.exit(not all(good))
PY
install numpy==2.4.6 opencv-python-headless==4.14.0.94
"$tmp/venv/bin/python" "$tmp/run.py"
install opencv-python-headless==5.0.0.93
"$tmp/venv/bin/python" "$tmp/run.py"
