#!/usr/bin/env bash
# A float TIFF with NaN holes, compressed with LERC: two readers, NaN or 0.
#
# What: LERC is lossless unless an error is allowed, and it stores the pixels that are NaN in a mask of its own. rasterio (GDAL) applies
# the mask: the holes are NaN again. tifffile (by imagecodecs) does not: the holes are 0.0, all other values are right to the bit.
# This holds for files that tifffile wrote itself, so imread(imwrite(x)) is not x, and for files from GDAL. Nothing is warned.
# Other lossless codecs of the same library (deflate, zstd, lzma, jpegxl) keep NaN. The same with one hole or many, in one channel
# or three, and with imagecodecs.lerc_decode itself, which returns the mask only with masks=True.
#
# Who is hit: depth, height and normal maps with NaN as "no value". 0 is a valid number: nearest depth, sea level. A loss that
# masks by isfinite trains on it, the median of a frame jumps, a point cloud gets points at the camera.
#
# Instead: another codec (zstd, deflate with the predictor); or read by rasterio; or imagecodecs.lerc_decode(data, masks=True).
set -eu
export OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -q numpy==2.4.6 tifffile==2026.3.3 imagecodecs==2026.3.6 rasterio==1.4.4 2>"$tmp/pip.log" ||
    { cat "$tmp/pip.log"; exit 2; }
cat > "$tmp/run.py" <<'PY'
import os
import sys
import warnings
from importlib.metadata import version

import imagecodecs
import numpy as np
import rasterio
import tifffile

warnings.simplefilter('ignore', rasterio.errors.NotGeoreferencedWarning)   # the only warning, on a missing map projection
print({p: version(p) for p in ('tifffile', 'imagecodecs', 'rasterio', 'numpy')}, 'GDAL', rasterio.__gdal_version__)
os.chdir(sys.argv[1])
H, W = 480, 640
y, x = np.mgrid[:H, :W]
depth = (1.5 + x / 900 + y / 1300).astype(np.float32)
hole = (x - 320) ** 2 + (y - 240) ** 2 < 100 ** 2
depth[hole] = np.nan
good = []


def report(title, read, lost):
    holes = int(np.isnan(read).sum())
    inside = np.unique(read[hole])[:1].tolist()
    others = np.array_equal(read[~hole], depth[~hole])
    print(f'  {title:52s} {holes:6d} NaN, in the hole {inside}, others equal {others}, median {np.nanmedian(read):.3f}')
    good.extend([others, holes == (0 if lost else hole.sum()), not lost or inside == [0.0]])


def by_rasterio(name):
    with rasterio.open(name) as file:
        return file.read(1)


print(f'\nexpected in every line: {hole.sum()} NaN, median {np.nanmedian(depth):.3f} (the codec is lossless by default)')
print('written by tifffile')
for codec in ('lerc', 'zlib', 'zstd', 'lzma', 'jpegxl'):
    tifffile.imwrite('a.tif', depth, compression=codec)
    report(f'{codec}, read by tifffile', tifffile.imread('a.tif'), codec == 'lerc')
    if codec == 'lerc':
        report('lerc, the same file read by rasterio', by_rasterio('a.tif'), False)
print('written by rasterio')
for codec in ('LERC', 'LERC_ZSTD', 'LERC_DEFLATE', 'DEFLATE'):
    with rasterio.open('b.tif', 'w', driver='GTiff', width=W, height=H, count=1, dtype='float32', compress=codec) as file:
        file.write(depth, 1)
    report(f'{codec}, read by rasterio', by_rasterio('b.tif'), False)
    report(f'{codec}, read by tifffile', tifffile.imread('b.tif'), codec.startswith('LERC'))

three = np.dstack([depth] * 3)
tifffile.imwrite('c.tif', three, compression='lerc')
read = tifffile.imread('c.tif')
print(f'three channels, by tifffile twice: {np.isnan(three).sum()} NaN written, {np.isnan(read).sum()} read')
good.append(not np.isnan(read).any())

code = imagecodecs.lerc_encode(depth)
plain = imagecodecs.lerc_decode(code)
values, mask = imagecodecs.lerc_decode(code, masks=True)
values = np.where(np.asarray(mask).reshape(H, W) > 0, values, np.nan)
print(f'imagecodecs.lerc_decode: {np.isnan(plain).sum()} NaN; with masks=True and applied: '
      f'{np.isnan(values).sum()}, equal to the original {np.array_equal(values, depth, equal_nan=True)}')
good += [not np.isnan(plain).any(), np.array_equal(values, depth, equal_nan=True)]

print('\nas documented above' if all(good) else f'\nCHANGED: {good}')
sys.exit(not all(good))
PY
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp"
