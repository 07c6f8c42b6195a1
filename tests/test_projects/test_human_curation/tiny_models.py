"""Networks of a few operators that answer from colors, and images for them.

A person is a green rectangle, explicit content is red, text is blue.
"""

import io
import json
import tarfile

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 32
COLORS = dict(person=(0, 1, 0), explicit=(1, 0, 0), text=(0, 0, 1))


def _constant(name, value, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def _save(path, nodes, outputs, constants, batch='n'):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        'tiny',
        [value('images', TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [value(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    onnx.save(model, str(path))


def _color_map(name):
    """Nodes and constants for a map of how much of a color there is, 0 to 1, (N, 1, H, W)."""
    weights = np.where(np.array(COLORS[name]) == 1, 1.0, -1.0).reshape(1, 3, 1, 1) / 255
    node = helper.make_node
    return (
        [node('Conv', ['images', 'w'], ['raw']), node('Relu', ['raw'], ['map'])],
        [_constant('w', weights)],
    )


def save_score(path, name='explicit', batch='n'):
    """The share of a color, (N, 1)."""
    nodes, constants = _color_map(name)
    nodes.append(helper.make_node('ReduceMean', ['map', 'hw'], ['score'], keepdims=0))
    constants.append(_constant('hw', [2, 3], np.int64))
    _save(path, nodes, ['score'], constants, batch)


def save_area(path, name='text'):
    """The map of a color, (N, 1, H, W)."""
    nodes, constants = _color_map(name)
    _save(path, nodes, ['map'], constants)


def save_boxes(path, name='person'):
    """One box around a color, (N, 1, 4), and how strong it is, (N, 1)."""
    node = helper.make_node
    nodes, constants = _color_map(name)
    up, down = np.arange(1, SIDE + 1), np.arange(SIDE, 0, -1)
    constants += [_constant('half', 0.5), _constant('side', float(SIDE))]
    constants += [_constant('up', up), _constant('down', down)]
    constants += [_constant('rows', [2], np.int64), _constant('columns', [3], np.int64)]
    constants += [_constant('all', [1], np.int64), _constant('hw', [2, 3], np.int64)]
    nodes += [node('Greater', ['map', 'half'], ['is_in']), node('Cast', ['is_in'], ['in'], to=1)]
    for axis, others in (('x', 'rows'), ('y', 'columns')):
        nodes += [
            node('ReduceMax', ['in', others], [f'{axis}_in'], keepdims=0),  # (N, 1, SIDE)
            node('Mul', [f'{axis}_in', 'up'], [f'{axis}_up']),
            node('Mul', [f'{axis}_in', 'down'], [f'{axis}_down']),
            node('ReduceMax', [f'{axis}_up', 'rows'], [f'{axis}1'], keepdims=1),  # (N, 1, 1)
            node('ReduceMax', [f'{axis}_down', 'rows'], [f'{axis}_left'], keepdims=1),
            node('Sub', ['side', f'{axis}_left'], [f'{axis}0']),
        ]
    nodes += [
        node('Concat', ['x0', 'y0', 'x1', 'y1'], ['boxes'], axis=2),
        node('ReduceMax', ['map', 'hw'], ['scores'], keepdims=0),
    ]
    _save(path, nodes, ['boxes', 'scores'], constants)


def save_models(folder):
    """The three networks and the file that describes them; returns its path."""
    save_score(folder / 'explicit.onnx')
    save_boxes(folder / 'person.onnx')
    save_area(folder / 'text.onnx')
    size = [SIDE, SIDE]
    entries = dict(
        explicit=dict(file='explicit.onnx', kind='score', size=size, limit=0.2),
        person=dict(file='person.onnx', kind='boxes', size=size, limit=0.6),
        text=dict(file='text.onnx', kind='area', size=size, limit=0.05),
    )
    path = folder / 'models.json'
    path.write_text(json.dumps(entries))
    return path


def draw(size_hw=(400, 480), seed=0, **colors):
    """Noise in BGR with colored rectangles: ``person=(x0, y0, x1, y1)`` and so on."""
    noise = np.random.default_rng(seed).integers(0, 30, (*size_hw, 3), dtype=np.uint8)
    image = noise + 90
    for name, (x0, y0, x1, y1) in colors.items():
        tint = np.array(COLORS[name][::-1], np.uint8) * 220
        image[y0:y1, x0:x1] = noise[y0:y1, x0:x1] + tint
    return image


LARGE_PERSON = (20, 20, 380, 380)


def encode(image, suffix='.jpg', **params):
    """The bytes of a file."""
    flags = [value for pair in params.items() for value in pair]
    return cv2.imencode(suffix, image, flags)[1].tobytes()


def person_jpeg(seed=0, size_hw=(400, 480)):
    """A file that is kept."""
    return encode(draw(size_hw, seed, person=LARGE_PERSON))


SORTS = dict(
    kept=person_jpeg,
    size=lambda seed: person_jpeg(seed, (200, 480)),
    flat=lambda seed: encode(draw(seed=seed) // 255 + seed, '.png'),
    explicit=lambda seed: encode(draw(seed=seed, person=LARGE_PERSON, explicit=(0, 0, 300, 390))),
    person=lambda seed: encode(draw(seed=seed, person=(20, 20, 200, 380))),
    text=lambda seed: encode(draw(seed=seed, person=LARGE_PERSON, text=(390, 0, 470, 390))),
    broken=lambda seed: person_jpeg(seed)[:9000],
)
"""Verdict -> a file that gets it."""


def write_tar(path, members):
    """A tar file of (name, content)."""
    with tarfile.open(path, 'w') as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
