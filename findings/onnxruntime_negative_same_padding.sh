#!/usr/bin/env bash
# ONNX convolutions with `auto_pad` SAME_UPPER whose stride is much larger than the kernel: onnxruntime reads other pixels.
#
# What: SAME pads so that ceil(W / stride) outputs come out. Where the kernel is smaller than the stride that sum is negative, and
# nothing has to be padded: the onnx reference and OpenVINO begin at pixel 0, as TensorFlow's SAME does. The CPU kernel of onnxruntime
# begins later, by about half of the sum: kernel 1, stride 4 on 8 pixels reads 1 and 5, not 0 and 4; kernel 2, stride 5 on 10 reads
# 1 and 6. Nothing is warned, shapes are right. It depends on the size of the input: on 9 pixels the same network is right.
# SAME_LOWER is right, and so is a sum of -1 or -2 (a 1x1 kernel with stride 2 or 3, 2x2 with 4).
# Max and average pools with the same attributes raise "padding values must be non-negative" instead.
#
# Who is hit: networks converted from TensorFlow, TFJS or TFLite (their padding becomes SAME_UPPER) that skip pixels: subsampling
# shortcuts, pruned stems, sparse heads of detectors. Outputs shift by a pixel of the input, and only at some sizes.
#
# Instead: write `pads` of zero (auto_pad VALID) for kernels that are smaller than the stride.
set -eu
export OMP_NUM_THREADS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -q onnxruntime==1.32.0 onnx==1.23.2 openvino==2026.4.0 numpy==2.4.6 2>"$tmp/pip.log" || { cat "$tmp/pip.log"; exit 2; }
cat > "$tmp/run.py" <<'PY'
import sys
from importlib.metadata import version

import numpy as np
import onnxruntime as ort
import openvino as ov
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

print({name: version(name) for name in ('onnxruntime', 'onnx', 'openvino')})
ort.set_default_logger_severity(4)
core = ov.Core()


def network(op, kernel, stride, width, mode):
    """One node; the convolution gives the first pixel that each output reads."""
    names, weights = ['x'], []
    if op == 'Conv':
        taps = np.zeros((1, 1, kernel, kernel), np.float32)
        taps[0, 0, 0, 0] = 1
        names, weights = ['x', 'w'], [helper.make_tensor('w', TensorProto.FLOAT, taps.shape, taps.ravel())]
    node = helper.make_node(op, names, ['y'], kernel_shape=[kernel] * 2, strides=[stride] * 2, auto_pad=mode)
    given = helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 1, width, width])
    result = helper.make_tensor_value_info('y', TensorProto.FLOAT, None)
    graph = helper.make_graph([node], 'g', [given], [result], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)


def run(op, kernel, stride, width, mode):
    """The last row of the output in onnxruntime, the onnx reference and OpenVINO, for the pixels' own columns as values."""
    model = network(op, kernel, stride, width, mode)
    x = np.tile(np.arange(width, dtype=np.float32), (width, 1))[None, None]
    content = model.SerializeToString()
    try:
        ours = ort.InferenceSession(content, providers=['CPUExecutionProvider']).run(None, {'x': x})[0][0, 0, -1].tolist()
    except ort.capi.onnxruntime_pybind11_state.RuntimeException as error:
        return str(error).rpartition(':')[2].strip(), None, None
    reference = ReferenceEvaluator(model).run(None, {'x': x})[0][0, 0, -1].tolist()
    openvino = core.compile_model(core.read_model(content), 'CPU')(x)[0][0, 0, -1].tolist()
    return ours, reference, openvino


good = []
for kernel, stride, width, mode, seen in (
    (1, 2, 8, 'SAME_UPPER', None), (1, 3, 9, 'SAME_UPPER', None), (2, 4, 8, 'SAME_UPPER', None), (1, 4, 9, 'SAME_UPPER', None),
    (1, 4, 8, 'SAME_LOWER', None), (2, 5, 10, 'SAME_LOWER', None),
    (1, 4, 8, 'SAME_UPPER', [1.0, 5.0]), (2, 5, 10, 'SAME_UPPER', [1.0, 6.0]),
    (1, 8, 64, 'SAME_UPPER', [float(3 + 8 * i) for i in range(8)]),
):
    ours, reference, openvino = run('Conv', kernel, stride, width, mode)
    expected = [float(i * stride) for i in range(-(-width // stride))]
    good.append(ours == (seen or expected) and reference == openvino == expected)
    print(f'Conv {kernel}x{kernel}, stride {stride}, {width} px, {mode}: onnxruntime {ours}, onnx reference {reference}, OpenVINO {openvino}')
for op in ('MaxPool', 'AveragePool'):
    told = run(op, 1, 4, 8, 'SAME_UPPER')[0]
    good.append(told == 'padding values must be non-negative' if isinstance(told, str) else False)
    print(f'{op} 1x1, stride 4, 8 px, SAME_UPPER: onnxruntime: {told}')
print('as documented above' if all(good) else f'CHANGED: {good}')
sys.exit(not all(good))
PY
"$tmp/venv/bin/python" "$tmp/run.py"
