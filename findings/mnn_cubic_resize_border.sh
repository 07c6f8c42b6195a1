#!/usr/bin/env bash
# MNN enlarges with cubic interpolation wrongly along the top and the left border.
#
# What: ONNX Resize, mode cubic, half_pixel (what torch exports for interpolate(mode='bicubic')). When the map grows, the
# first output rows and columns lie before the center of the first pixel (source coordinate -0.25 at factor 2).
# ONNX Runtime and the formula agree there; MNN 3.6.1 gives values as far off as the data itself: at factor 2 row 0 is a copy of row 2
# and column 0 one of column 2, at factor 4 two rows and two columns are wrong. All other values agree to 1e-5. Making maps smaller,
# linear interpolation and align_corners are right. So a comparison by mean error passes.
# Along the way: Resize with antialias=1 is converted without a word and computed as antialias=0.
#
# Who is hit: exported heads that enlarge heatmaps, depth or normals by bicubic interpolation, and ViTs whose position table is
# enlarged in the graph: the tokens of the top row and the left column get a wrong position.
#
# Beware: the command `mnnconvert` (the call used here is another one) installs a logging package with the first pip on the
# PATH when it starts, so outside the virtual environment, too.
#
# Instead: resize the position table before the export, and take linear interpolation (without antialias) in the graph.
# Compare the largest, not the mean difference with ONNX Runtime.
set -eu
export OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -q numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 MNN==3.6.1 2>"$tmp/pip.log" ||
    { cat "$tmp/pip.log"; exit 2; }
cat > "$tmp/run.py" <<'PY'
import os
import sys
from importlib.metadata import version

import MNN
import _tools  # must follow MNN
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print({p: version(p) for p in ('MNN', 'onnxruntime', 'onnx', 'numpy')})
onnxruntime.set_default_logger_severity(3)
os.chdir(sys.argv[1])


def convert():
    """The converter inside the package, its report put aside (it writes to the file descriptor)."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    _tools.mnnconvert(['mnnconvert', '-f', 'ONNX', '--modelFile', 'm.onnx', '--MNNModel', 'm.mnn', '--bizCode', 'x'])
    os.dup2(kept, 1)
    os.close(kept)
    os.close(nothing)


def both(x, size, **how):
    """The same one-node file by ONNX Runtime and by MNN."""
    shape = [*x.shape[:2], *size]
    graph = helper.make_graph(
        [helper.make_node('Resize', ['x', '', '', 'size'], ['y'], **how)], 'g',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.array(shape, np.int64), 'size')])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, 'm.onnx')
    want = onnxruntime.InferenceSession('m.onnx', providers=['CPUExecutionProvider']).run(None, {'x': x})[0]
    convert()
    net = MNN.Interpreter('m.mnn')
    session = net.createSession({'numThread': 1})
    net.getSessionInput(session).copyFrom(
        MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe))
    net.runSession(session)
    host = MNN.Tensor(tuple(shape), MNN.Halide_Type_Float, np.zeros(shape, np.float32), MNN.Tensor_DimensionType_Caffe)
    net.getSessionOutput(session).copyToHostTensor(host)
    return want, np.array(host.getNumpyData()).reshape(shape)


def formula(x, size, a=-0.75):
    """Cubic convolution from its definition: half-pixel centers, border pixels repeated."""
    def weights(n, m):
        table = np.zeros((m, n))
        for i in range(m):
            source = (i + 0.5) * n / m - 0.5
            first = int(np.floor(source)) - 1
            for k in range(first, first + 4):
                t = abs(source - k)
                w = (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1 if t <= 1 else a * (t ** 3 - 5 * t ** 2 + 8 * t - 4)
                table[i, min(max(k, 0), n - 1)] += w
        return table
    return weights(x.shape[2], size[0]) @ x[0, 0].astype(float) @ weights(x.shape[3], size[1]).T


cubic = dict(mode='cubic', cubic_coeff_a=-0.75, coordinate_transformation_mode='half_pixel')
good = []
x = np.random.default_rng(0).standard_normal((1, 1, 16, 12)).astype(np.float32)
print('\nN(0, 1) of 16 x 12, cubic, half_pixel. expected: all three equal')
print('size       ort - formula   MNN - formula, largest   wrong rows      wrong columns   largest elsewhere')
for size, edge in (((32, 24), 1), ((64, 48), 2), ((20, 15), 1), ((8, 6), 0), ((16, 12), 0)):
    want, got = both(x, size, **cubic)
    true = formula(x, size)
    wrong = abs(got[0, 0] - true)
    rows = np.flatnonzero((wrong > 1e-3).mean(1) > 0.9).tolist()
    columns = np.flatnonzero((wrong > 1e-3).mean(0) > 0.9).tolist()
    inside = wrong[edge:, edge:].max()
    print(f'{str(size):10s} {abs(want[0, 0] - true).max():13.1e} {wrong.max():24.2g}   {str(rows):15s} {str(columns):15s} {inside:.1e}')
    good += [abs(want[0, 0] - true).max() < 1e-4, inside < 1e-4, rows == columns == list(range(edge)),
             (wrong.max() > 0.5) == (edge > 0)]
    if size == (32, 24):
        copied = np.allclose(got[0, 0, 0, 1:], got[0, 0, 2, 1:]) and np.allclose(got[0, 0, 1:, 0], got[0, 0, 1:, 2])
        print('           row 0 is a copy of row 2, column 0 of column 2:', copied, '- mean error only', round(wrong.mean(), 3))
        good.append(copied)

table = np.random.default_rng(1).standard_normal((1, 384, 14, 14)).astype(np.float32)   # a ViT's positions, 224 px, patches of 16
want, got = both(table, (64, 48), **cubic)
wrong = abs(want - got).max(1)[0] > 0.1
print(f'\nposition table 14 x 14 to 64 x 48: {wrong.sum()} of {wrong.size} tokens differ by more than 0.1 (expected 0)')
good.append(wrong.sum() == 2 * 64 + 2 * 48 - 4)

for name, how in (('linear', dict(mode='linear')), ('cubic, align_corners', dict(cubic, coordinate_transformation_mode='align_corners'))):
    want, got = both(x, (32, 24), **how)
    print(f'{name}: largest difference {abs(want - got).max():.1e}')
    good.append(abs(want - got).max() < 1e-4)

plain, smooth = both(x, (5, 5), mode='linear'), both(x, (5, 5), mode='linear', antialias=1)
print(f'\nlinear, 16 x 12 to 5 x 5: antialias changes ONNX Runtime by {abs(plain[0] - smooth[0]).max():.2f}, '
      f'MNN by {abs(plain[1] - smooth[1]).max():.2f} (expected the same); nothing is raised or printed as an error')
good += [abs(plain[0] - plain[1]).max() < 1e-4, abs(plain[0] - smooth[0]).max() > 0.1, np.array_equal(plain[1], smooth[1])]

print('\nas documented above' if all(good) else f'\nCHANGED: {good}')
sys.exit(not all(good))
PY
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp"
