"""Near copies, and copies of test sets."""

import json

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny_models as tiny
from human_curation import copies
from human_curation.cli import main
from human_curation.copies import Limits, Prints, find_copies, find_groups
from human_curation.models import read_models
from human_curation.options import Options
from human_curation.run import curate
from made_runs import scene, write_run
from onnx import helper

from mmsapiens.pretrain.datasets import ShardedImageDataset


def smaller(image):
    """The image as another site has it."""
    small = cv2.resize(image, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    return cv2.imdecode(np.frombuffer(tiny.encode(small), np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def run_of_copies(tmp_path):
    """Images 0 to 7; 8 and 9 are smaller copies of 0, 10 is a larger one of 1."""
    images = [scene(seed) for seed in range(8)]
    images += [smaller(images[0]), smaller(smaller(images[0])), scene(1, (800, 960))]
    names = write_run(tmp_path / 'out', [(image, {}) for image in images])
    return tmp_path / 'out', names


def unique_of(out):
    return (out / 'images/unique.txt').read_text().split()


def test_the_largest_of_each_group_stays(run_of_copies):
    out, names = run_of_copies
    counts = find_copies(out)
    stay = [names[n] for n in (0, 2, 3, 4, 5, 6, 7, 10)]
    assert unique_of(out) == stay
    assert (counts['kept'], counts['unique'], counts['copies'], counts['groups']) == (11, 8, 3, 2)
    assert counts['largest_group'] == 3
    rows = pq.read_table(out / 'copies.parquet').to_pylist()
    groups = {row['name']: row['group'] for row in rows}
    assert set(groups) == {names[n] for n in (0, 1, 8, 9, 10)}
    assert groups[names[0]] == groups[names[8]] == groups[names[9]] != groups[names[1]]
    assert {row['name'] for row in rows if row['is_kept']} == {names[0], names[10]}
    subset = ShardedImageDataset(str(out / 'images'), subset_file=str(out / 'images/unique.txt'))
    assert [subset[i]['img_path'].split('/')[1] for i in range(len(subset))] == stay


def test_groups_with_a_test_image_go(run_of_copies, tmp_path, capsys):
    out, names = run_of_copies
    folder = tmp_path / 'bench'
    folder.mkdir()
    (folder / 'a.jpg').write_bytes(tiny.encode(smaller(scene(0))))
    (folder / 'b.jpg').write_bytes(tiny.encode(scene(100)))
    (folder / 'cut.jpg').write_bytes(tiny.encode(scene(3))[:900])
    assert main(['copies', str(out), '--test-set', str(folder)]) == 0
    assert unique_of(out) == [names[n] for n in (2, 3, 4, 5, 6, 7, 10)]
    counts = json.loads((out / 'copies.json').read_bytes())
    assert counts['copies_of_tests'] == 3 and counts['copies'] == 1
    assert counts['test_sets'] == {'bench': dict(images=2, copies=3)}
    assert 'bench: cut.jpg' in capsys.readouterr().out
    tests = pq.read_table(out / 'copies.parquet').to_pylist()
    assert {row['test'] for row in tests if row['name'] == names[8]} == {'bench: a.jpg'}


def test_a_test_set_may_be_a_coco_file(run_of_copies, tmp_path):
    out, names = run_of_copies
    (tmp_path / 'val').mkdir()
    (tmp_path / 'val/a.jpg').write_bytes(tiny.encode(scene(4)))
    path = tmp_path / 'val.json'
    path.write_text(json.dumps(dict(images=[dict(id=1, file_name='a.jpg')], annotations=[])))
    counts = find_copies(out, test_sets=[f'{path}={tmp_path / "val"}'])
    assert counts['test_sets'] == {'val.json': dict(images=1, copies=1)}
    assert names[4] not in unique_of(out)
    with pytest.raises(ValueError, match='no image of the test sets'):
        find_copies(out, test_sets=[str(path)])
    path.write_text('[]')
    with pytest.raises(ValueError, match='must be a COCO file'):
        find_copies(out, test_sets=[str(path)])
    with pytest.raises(FileNotFoundError, match='must be a folder or a COCO file'):
        find_copies(out, test_sets=['nowhere'])


def prints_of(vectors, sizes=None):
    """Embeddings without hashes."""
    vectors = np.array(vectors, np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    number = len(vectors)
    sizes = np.arange(number, 0, -1) if sizes is None else np.array(sizes)
    nothing = np.zeros((number, 32), np.uint8), np.zeros(number, np.int16)
    return Prints(*nothing, vectors.astype(np.float16), sizes)


def test_neighbors_of_neighbors_are_one_group():
    angles = np.radians([0, 30, 60, 180, 100])
    prints = prints_of(np.stack([np.cos(angles), np.sin(angles)], axis=1), sizes=[1, 1, 5, 1, 1])
    groups = find_groups(prints, limits=Limits(cosine=0.8))
    assert groups.labels[0] == groups.labels[1] == groups.labels[2]
    assert len(set(groups.labels.tolist())) == 3
    assert groups.stays.tolist() == [False, False, True, True, True]
    assert groups.pairs == dict(pdq=0, sscd=2)


def test_hashes_of_flat_images_are_not_compared():
    same = np.zeros((4, 32), np.uint8)
    sizes = np.arange(4)
    prints = Prints(same, np.array([10, 60, 60, 49], np.int16), None, sizes)
    assert find_groups(prints).stays.tolist() == [True, False, True, True]
    assert find_groups(prints, limits=Limits(quality=0)).stays.sum() == 1


@pytest.mark.parametrize('limit, joined', [(7, False), (8, True)])
def test_bits_are_counted(limit, joined):
    codes = np.zeros((2, 32), np.uint8)
    codes[1, 3] = 255
    prints = Prints(codes, np.full(2, 100, np.int16), None, np.array([2, 1]))
    assert (find_groups(prints, limits=Limits(bits=limit)).stays.sum() == 1) == joined


@pytest.mark.parametrize('exact', [copies.EXACT, 50], ids=['all pairs', 'inverted lists'])
def test_large_groups_and_indexes(monkeypatch, exact):
    monkeypatch.setattr(copies, 'EXACT', exact)
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 256, (300, 32), dtype=np.uint8)
    codes[100:200] = codes[0]  # more than the neighbors that are looked at
    vectors = generator.normal(size=(300, 64))
    vectors[250:] = vectors[0]
    prints = prints_of(vectors, sizes=np.ones(300))
    prints = Prints(codes, np.full(300, 100, np.int16), prints.sscd, prints.sizes)
    stays = np.flatnonzero(find_groups(prints).stays)
    assert stays.tolist() == [*range(100), *range(200, 250)]


def test_other_models_and_folders_are_refused(tmp_path, models_file):
    with pytest.raises(FileNotFoundError, match='must be the folder of a run'):
        find_copies(tmp_path)
    vector = np.zeros(8, np.float16)
    vector[0] = 1
    rows = [(scene(seed), dict(sscd=vector.tobytes())) for seed in (0, 1)]
    write_run(tmp_path / 'out', rows)
    assert find_copies(tmp_path / 'out')['unique'] == 1
    (tmp_path / 'bench').mkdir()
    (tmp_path / 'bench/a.jpg').write_bytes(tiny.encode(scene(5)))
    with pytest.raises(ValueError, match='give its `--models`'):
        find_copies(tmp_path / 'out', test_sets=[str(tmp_path / 'bench')])
    with pytest.raises(ValueError, match='`--bits` must be from 0 to 255'):
        Limits(bits=256)
    with pytest.raises(ValueError, match='none that faiss can make'):
        find_copies(tmp_path / 'out', sscd_index='IVF')


def save_means(path):
    """A network whose embedding are the means of parts of the image, (N, 48)."""
    nodes = [
        helper.make_node('Add', ['images', 'less'], ['x']),
        helper.make_node('AveragePool', ['x'], ['means'], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node('Flatten', ['means'], ['vector']),
    ]
    tiny._save(path, nodes, ['vector'], [tiny._constant('less', -128.0)])


def test_test_sets_are_compared_by_the_network_of_the_run(tmp_path, capsys):
    save_means(tmp_path / 'sscd.onnx')
    entry = dict(file='sscd.onnx', kind='embedding', size=[tiny.SIDE, tiny.SIDE])
    path = tmp_path / 'models.json'
    path.write_text(json.dumps(dict(sscd=entry)))
    images = [scene(seed) for seed in range(6)]
    tiny.write_tar(
        tmp_path / 'pool.tar', [(f'{n}.jpg', tiny.encode(i)) for n, i in enumerate(images)]
    )
    options = Options(models=read_models(path), skip=('flat',))
    curate(str(tmp_path / 'pool.tar'), tmp_path / 'out', options)
    (tmp_path / 'bench').mkdir()
    # Another cut, as its hash cannot tell.
    (tmp_path / 'bench/a.jpg').write_bytes(tiny.encode(images[2][20:-20, 20:-20]))
    words = ['copies', str(tmp_path / 'out'), '--test-set', str(tmp_path / 'bench')]
    assert main([*words, '--bits', '0', '--models', str(path)]) == 0
    assert 'compared by pdq and sscd' in capsys.readouterr().out
    stay = [n for n in range(6) if f'000000{n:06d}.jpg' in unique_of(tmp_path / 'out')]
    assert stay == [0, 1, 3, 4, 5]
    path.write_text(json.dumps(dict(sscd=dict(entry, mean=[1, 1, 1]))))
    assert main([*words, '--models', str(path)]) == 2
    assert 'is not the SSCD network of the run' in capsys.readouterr().err


def test_a_run_that_kept_nothing(tmp_path):
    write_run(tmp_path / 'out', [(scene(0), dict(verdict='person'))])
    assert find_copies(tmp_path / 'out')['unique'] == 0
    assert unique_of(tmp_path / 'out') == []
