#!/usr/bin/env bash
# onnxslim multiplies the wrong axis when a row of factors happens to be as long as the number of channels.
#
# What: a convolution followed by a multiplication by a constant is folded into the weights of the convolution. ONNX aligns
# the shapes from the right, as NumPy does: on a map (N, C, H, W) a constant (W,) or (1, 1, 1, W) is one factor a column, (H, 1) one a row.
# onnxslim 0.1.98 strips the ones and asks only whether the length equals the number of output channels. If it does, the factors
# land on the channels. With one channel more the same network is right. The same for transposed convolutions.
# Neither slim() nor the command says anything unless the check is asked for, and the simplified file is valid.
# onnxsim and onnxruntime's own optimizer leave such a pair alone.
#
# Who is hit: exports that weight a map by its coordinates right behind a convolution (soft-argmax and integral pose heads, windows,
# vignettes, masks by row or column) whose channels equal the width or height: 48 channels on 64 x 48, 64 on 64 x 64 ...
# Some exporters call onnxslim by default to simplify.
#
# Instead: model_check=True (or --model-check) and read what it prints; or skip_fusion_patterns=['FusionConvMul',
# 'FusionConvTransposeMul']; and compare outputs at the real size before and after.
set -eu
export OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -q numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 onnxslim==0.1.98 onnxsim==0.8.1 2>"$tmp/pip.log" ||
    { cat "$tmp/pip.log"; exit 2; }
cat > "$tmp/run.py" <<'PY'
import copy
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
import onnxsim
import onnxslim
from onnx import TensorProto, helper, numpy_helper

print({p: version(p) for p in ('onnxslim', 'onnxsim', 'onnxruntime', 'onnx', 'numpy')})
onnxruntime.set_default_logger_severity(3)
H, W = 64, 48
draw = np.random.default_rng(0)
x = draw.standard_normal((1, 3, H, W)).astype(np.float32)
good = []


def network(channels, factors, op='Conv', tail=(), out=None):
    shape = (channels, 3, 3, 3) if op == 'Conv' else (3, channels, 3, 3)
    weight = draw.standard_normal(shape).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node(op, ['x', 'w'], ['a'], pads=[1] * 4), helper.make_node('Mul', ['a', 'f'], ['y']), *tail], 'g',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info('z' if tail else 'y', TensorProto.FLOAT, out or [1, channels, H, W])],
        [numpy_helper.from_array(weight, 'w'), numpy_helper.from_array(factors.astype(np.float32), 'f'),
         numpy_helper.from_array(np.array([2, 3]), 'axes')][:3 if tail else 2])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model, optimize=False):
    options = onnxruntime.SessionOptions()
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider']).run(None, {'x': x})[0]


def error(model, want, **kwargs):
    return abs(run(onnxslim.slim(copy.deepcopy(model), **kwargs)) - want).max() / abs(want).max()


columns, rows = np.linspace(-1, 1, W), np.linspace(-1, 1, H)
print(f'\nlargest difference to the network as it was, of its largest value, map {H} x {W}; expected 0 everywhere')
print(f'{"":46s} onnxslim  without that fusion  onnxsim  onnxruntime')
for title, channels, factors, op, wrong in (
        ('Conv, 48 channels, a factor a column (48,)', 48, columns, 'Conv', True),
        ('Conv, 48 channels, (1, 1, 1, 48)', 48, columns.reshape(1, 1, 1, -1), 'Conv', True),
        ('Conv, 64 channels, a factor a row (64, 1)', 64, rows[:, None], 'Conv', True),
        ('ConvTranspose, 48 channels, (48,)', 48, columns, 'ConvTranspose', True),
        ('Conv, 47 channels, (48,)', 47, columns, 'Conv', False),
        ('Conv, 49 channels, (48,)', 49, columns, 'Conv', False),
        ('Conv, 48 channels, a factor a channel (48, 1, 1)', 48, columns[:, None, None], 'Conv', False)):
    model = network(channels, factors, op)
    want = run(model)
    full = run(copy.deepcopy(model), optimize=True)
    network_part = copy.deepcopy(model)   # by the definition: convolution, then broadcasting as NumPy does
    del network_part.graph.node[1]
    network_part.graph.output[0].name = 'a'
    by_hand = run(network_part) * factors.astype(np.float32)
    e = error(model, want)
    skipped = error(model, want, skip_fusion_patterns=['FusionConvMul', 'FusionConvTransposeMul'])
    sim = abs(run(onnxsim.simplify(copy.deepcopy(model))[0]) - want).max() / abs(want).max()
    ort = abs(full - want).max() / abs(want).max()
    print(f'{title:48s} {e:7.2g} {skipped:19.1g} {sim:9.1g} {ort:11.1g}')
    good += [(e > 0.1) == wrong, max(skipped, sim, ort) < 1e-5, np.allclose(by_hand, want, atol=1e-5)]

model = network(48, columns, tail=[helper.make_node('ReduceSum', ['y', 'axes'], ['z'], keepdims=0)], out=[1, 48])
want, got = run(model)[0], run(onnxslim.slim(copy.deepcopy(model)))[0]
print('\nweighted by the column and added up (the x of a soft-argmax), first three channels')
print('  expected', want[:3].round(2).tolist(), '\n  onnxslim', got[:3].round(2).tolist())
print(f'  correlation over 48 channels {np.corrcoef(want, got)[0, 1]:.2f}')
good.append(abs(want - got).max() > 1)

print('\nas documented above' if all(good) else f'\nCHANGED: {good}')
sys.exit(not all(good))
PY
"$tmp/venv/bin/python" "$tmp/run.py"
