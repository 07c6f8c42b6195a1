"""A TensorFlow.js graph model of a person detector, as ONNX.

For the CenterNet in the npm package ``@vladmandic/human``: the outputs of the file are the heat map
(N, 128, 128, 80), a place of COCO's classes each, and the reach (N, 128, 128, 4) of a box to the
left, top, right and bottom in pixels of the input. The selection of the best 100 is left out.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

HEAT, REACH = 'tower_0/keypoints', 'tower_0/wh'
SIDE, GRID, CLASSES = 512, 128, 80
_SAME = ('Add', 'Mul', 'Sub', 'Relu', 'Sigmoid', 'Identity')


def read_weights(manifest: list[dict[str, Any]], content: bytes) -> dict[str, NDArray]:
    """Arrays by name out of the ``.bin`` file.

    Raises:
        ValueError: If the file has another length than the manifest says.
    """
    weights, start = {}, 0
    for entry in (weight for group in manifest for weight in group['weights']):
        stored = np.dtype(entry.get('quantization', entry)['dtype'])
        count = int(np.prod(entry['shape']))
        if start + count * stored.itemsize > len(content):
            raise ValueError(f'the weights end at {len(content)} bytes, in {entry["name"]!r}')
        values = np.frombuffer(content, stored, count, start)
        start += count * stored.itemsize
        weights[entry['name']] = values.astype(entry['dtype']).reshape(entry['shape'])
    if start != len(content):
        raise ValueError(f'the weights have {len(content)} bytes, but the manifest {start}')
    return weights


@dataclass
class Graph:
    """An ONNX graph in the making.

    Args:
        nodes (list): Nodes.
        constants (list): Tensors.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def const(self, name: str, array: NDArray) -> str:
        """Add a tensor; returns its name."""
        array = np.asarray(array)
        self.constants.append(numpy_helper.from_array(array.copy(order='C'), name))
        return name

    def add(self, kind: str, inputs: list[str], name: str, **attributes: object) -> str:
        """Add a node; returns the name of its output."""
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name


def convert(model: dict[str, Any], content: bytes) -> onnx.ModelProto:
    """The ONNX model.

    Args:
        model (dict): The ``.json`` file.
        content (bytes): The ``.bin`` file.

    Raises:
        ValueError: If the graph has operators that this detector has not.
    """
    weights = read_weights(model['weightsManifest'], content)
    source = {node['name']: node for node in model['modelTopology']['node']}
    graph, done = Graph(), set[str]()

    def visit(name: str) -> str:
        if name not in done:
            done.add(name)
            node = source[name]
            inputs = [i if i in weights else visit(i) for i in node.get('input', [])]
            _translate(graph, node, inputs, weights)
        return name

    for name in (HEAT, REACH):
        visit(name)
    used = {name for node in graph.nodes for name in node.input}
    for name in sorted(used & set(weights)):
        graph.const(name, weights[name])
    tensor = helper.make_tensor_value_info
    inputs = [tensor('tower_0/images', TensorProto.FLOAT, ['n', SIDE, SIDE, 3])]
    outputs = [
        tensor(name, TensorProto.FLOAT, ['n', GRID, GRID, depth])
        for name, depth in ((HEAT, CLASSES), (REACH, 4))
    ]
    made = helper.make_model(
        helper.make_graph(graph.nodes, 'person', inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid('', 18)],
        ir_version=9,
    )
    onnx.checker.check_model(made)
    return made


def _translate(
    graph: Graph, node: dict[str, Any], inputs: list[str], weights: dict[str, NDArray]
) -> None:
    """Add what one TensorFlow node does; images are NHWC before and after."""
    kind, name = node['op'], node['name']
    if kind in _SAME:
        graph.add(kind, inputs, name)
    elif 'Conv2' in kind:
        _convolve(graph, node, inputs, weights)
    elif kind == 'ResizeBilinear':  # all of them double the size
        x = graph.add('Transpose', [inputs[0]], f'{name}/x', perm=[0, 3, 1, 2])
        scale = graph.const(f'{name}/scale', np.float32([1, 1, 2, 2]))
        y = graph.add('Resize', [x, '', scale], f'{name}/y', mode='linear',
                      coordinate_transformation_mode='asymmetric')  # fmt: skip
        graph.add('Transpose', [y], name, perm=[0, 2, 3, 1])
    elif kind == 'Mean':
        axes = graph.const(f'{name}/axes', weights[inputs[1]].astype(np.int64).ravel())
        graph.add('ReduceMean', [inputs[0], axes], name, keepdims=1)
    elif kind == 'ConcatV2':
        graph.add('Concat', inputs[:-1], name, axis=int(weights[inputs[-1]]))
    elif kind == 'Relu6':
        limits = [graph.const(f'{name}/{v}', np.float32(v)) for v in (0, 6)]
        graph.add('Clip', [inputs[0], *limits], name)
    elif kind != 'Placeholder':
        raise ValueError(f'the operator {kind} of {name} is not known')


def _convolve(
    graph: Graph, node: dict[str, Any], inputs: list[str], weights: dict[str, NDArray]
) -> None:
    name, attributes = node['name'], node['attr']
    kernel, groups = weights[inputs[1]], 1  # (H, W, in, out)
    if 'epthwise' in node['op']:
        groups = kernel.shape[2]
        kernel = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2])
    else:
        kernel = kernel.transpose(3, 2, 0, 1)
    x = [
        graph.add('Transpose', [inputs[0]], f'{name}/x', perm=[0, 3, 1, 2]),
        graph.const(f'{name}/w', kernel),
        *(graph.const(f'{name}/b', weights[bias]) for bias in inputs[2:3]),
    ]
    strides = [int(v) for v in attributes['strides']['list']['i'][1:3]]
    # TensorFlow never pads by less than nothing; ONNX Runtime's SAME_UPPER does.
    pad = 'VALID' if kernel.shape[2:] == (1, 1) else 'SAME_UPPER'
    y = graph.add('Conv', x, f'{name}/y', group=groups, auto_pad=pad, strides=strides)
    for part in attributes.get('fused_ops', {}).get('list', {}).get('s', []):
        fused = base64.b64decode(part)
        if fused == b'Relu':
            y = graph.add('Relu', [y], f'{name}/relu')
        elif fused != b'BiasAdd':
            raise ValueError(f'{fused!r} fused into {name} is not known')
    graph.add('Transpose', [y], name, perm=[0, 2, 3, 1])
