"""Boxes out of the heat map of a detector."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

GRID, SIDE = 8, 32


@pytest.fixture
def save(tmp_path):
    """Writes a network that always answers with peaks {(row, column): (score, reach)}."""

    def write(peaks):
        heat = np.zeros((1, GRID, GRID, 1), np.float32)
        reach = np.zeros((1, GRID, GRID, 4), np.float32)
        for (row, column), (score, to) in peaks.items():
            heat[0, row, column], reach[0, row, column] = score, to
        constants = [numpy_helper.from_array(v, n) for n, v in (('h', heat), ('r', reach))]
        constants.append(numpy_helper.from_array(np.float32(0), 'zero'))
        node = helper.make_node
        nodes = [
            node('ReduceMean', ['images'], ['mean'], keepdims=1),
            node('Mul', ['mean', 'zero'], ['nothing']),
            node('Add', ['h', 'nothing'], ['heat']),
            node('Add', ['r', 'nothing'], ['reach']),
        ]
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            'peaks',
            [value('images', TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
            [value(name, TensorProto.FLOAT, None) for name in ('heat', 'reach')],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
        onnx.save(model, tmp_path / 'peaks.onnx')
        return tmp_path / 'peaks.onnx'

    return write


def boxes_of(path):
    """Boxes in pixels of the input, and scores."""
    from human_curation.models import Description, Network, Pixels

    network = Network(Description(str(path), 'centernet', (SIDE, SIDE)))
    boxes, scores = network.boxes([Pixels(np.zeros((64, 64, 3), np.uint8))])[0]
    return (boxes * SIDE).round(3).tolist(), scores.round(3).tolist()


def test_a_peak_is_a_box_around_its_place(save):
    peaks = {(2, 4): (0.9, (8, 4, 12, 20)), (2, 5): (0.5, (1, 1, 1, 1)), (7, 0): (0.2, (1,) * 4)}
    boxes, scores = boxes_of(save(peaks))
    # the second one is no peak, the third below the floor; row and column are 4 pixels
    assert boxes == [[8, 4, 28, 28]] and scores == pytest.approx([0.9])


def test_a_person_with_two_peaks_is_one_person(save):
    same = {(2, 2): (0.6, (8, 8, 20, 20)), (2, 4): (0.7, (16, 8, 12, 20))}
    other = {(6, 6): (0.8, (4, 4, 8, 8))}
    boxes, scores = boxes_of(save({**same, **other}))
    assert scores == pytest.approx([0.8, 0.7])
    assert boxes == [[20, 20, 32, 32], [0, 0, 28, 28]]
    assert boxes_of(save({})) == ([], [])
