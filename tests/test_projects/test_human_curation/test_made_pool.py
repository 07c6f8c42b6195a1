"""A pool with known truth, what the checks say of it, and a training on what is kept."""

import hashlib
import io
import json
import tarfile

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tiny_models import LARGE_PERSON, draw


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    """Three images with a green person each, COCO annotations, and a video."""
    folder = tmp_path_factory.mktemp('photographs')
    x0, y0, x1, y1 = LARGE_PERSON
    images, annotations = [], []
    for number in range(3):
        name = f'{number:012d}.jpg'
        cv2.imwrite(str(folder / name), draw(seed=number, person=LARGE_PERSON))
        images.append(dict(id=number, file_name=name, license=1))
        box = [x0, y0, x1 - x0, y1 - y0]
        annotations.append(dict(image_id=number, bbox=box, category_id=1, iscrowd=0))
    content = dict(
        images=images, annotations=annotations, licenses=[dict(id=1, url='https://cc.example/by')]
    )
    (folder / 'people.json').write_text(json.dumps(content))
    video = cv2.VideoWriter(
        str(folder / 'clip.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 5, (640, 400)
    )
    for number in range(2):
        video.write(draw((400, 640), seed=number))
    video.release()
    return folder


@pytest.fixture(scope='module')
def made(photographs, tmp_path_factory):
    """A pool of some 80 images."""
    from human_curation.made_pool import make_pool

    out = tmp_path_factory.mktemp('made')
    make_pool(out, images=80, per_shard=16, renders=0, photographs=photographs, seed=1, workers=1)
    return out


@pytest.fixture(scope='module')
def truth(made):
    """Rows of the truth by key."""
    return {row['key']: row for row in pq.read_table(made / 'truth.parquet').to_pylist()}


@pytest.fixture(scope='module')
def files(made):
    """(suffix, content, facts) by key."""
    found = {}
    for path in sorted((made / 'pool').glob('*.tar')):
        with tarfile.open(path) as tar:
            members = [(m.name.rpartition('.'), tar.extractfile(m).read()) for m in tar]
        for ((key, _, suffix), content), (_, facts) in zip(members[::2], members[1::2]):
            found[key] = f'.{suffix}', content, json.loads(facts)
    return found


@pytest.fixture(scope='module')
def out(made, options, tmp_path_factory):
    """The pool, curated with the tiny networks."""
    from dataclasses import replace

    from human_curation.run import curate

    folder = tmp_path_factory.mktemp('out')
    options = replace(options, forbidden_sha256=str(made / 'forbidden.txt'))
    assert curate(str(made / 'pool'), folder, options)['bad'] == 0
    return folder


def test_every_kind_is_in_the_pool_and_every_file_in_the_truth(truth, files, made):
    from human_curation.made_pool import SHARES

    assert {row['kind'] for row in truth.values()} == {*SHARES, 'person'}
    assert truth.keys() == files.keys()
    assert len(list((made / 'pool').glob('*.tar'))) == -(-len(truth) // 16)
    for key, (_, content, facts) in files.items():
        assert hashlib.sha256(content).hexdigest() == truth[key]['sha256']
        assert facts['url'] and facts['key'] == key


def test_same_seed_gives_the_same_files_whatever_the_processes(made, photographs, tmp_path):
    from human_curation.made_pool import make_pool

    make_pool(
        tmp_path, images=80, per_shard=16, renders=0, photographs=photographs, seed=1, workers=2
    )
    for path in (made / 'pool').iterdir():
        assert path.read_bytes() == (tmp_path / 'pool' / path.name).read_bytes()


def test_truth_of_the_size_is_that_of_the_upright_file(truth, files):
    from human_curation.header import read_header

    for key, row in truth.items():
        if row['kind'] != 'broken':
            header = read_header(files[key][1])
            assert ('size' in row['rejects']) == (header.shorter <= 300)
            longer = max(header.width, header.height)
            assert ('aspect' in row['rejects']) == (longer > 4 * header.shorter)
            assert ('opt_out' in row['rejects']) == header.has_opt_out
            assert ('generated' in row['rejects']) == header.is_generated


def test_copies_are_of_one_group(truth, files):
    for row in truth.values():
        if row['kind'] == 'exact copy':
            original = truth[row['group']]
            assert row['sha256'] == original['sha256']
            assert original['kind'] in ('person', 'photograph')
        elif row['kind'] == 'test copy':
            assert row['group'].startswith('test:')
            assert 'test_set' in row['rejects']


def test_people_of_a_part_are_those_seen_in_it():
    from human_curation.made_sources import Source

    boxes = np.float32([[10, 10, 50, 50], [60, 0, 100, 40]])
    source = Source('a', np.zeros((80, 120, 3), np.uint8), boxes)
    part = source.cropped(20, 0, 70, 80)
    assert part.boxes.tolist() == [[0, 10, 30, 50]]  # of the other one a quarter is left
    assert part.largest == 30
    assert source.mirrored().boxes.tolist() == [[70, 10, 110, 50], [20, 0, 60, 40]]
    assert source.scaled(2).boxes[0].tolist() == [20, 20, 100, 100]


def test_odd_files_are_whole_and_broken_ones_are_not():
    from human_curation import made_files
    from human_curation.header import read_header

    from mmsapiens.core import ReadError
    from mmsapiens.io.images import decode_image
    from mmsapiens.io.read_options import ReadOptions

    image, rng = draw((320, 400)), np.random.default_rng(0)
    for name, (_, make) in made_files.ODD.items():
        header = read_header(make(image))
        assert (header.width, header.height) == (400, 320), name
        with Image.open(io.BytesIO(make(image))) as opened:
            opened.load()
    for name, (_, make) in made_files.BROKEN.items():
        content = make(image, rng)
        if name != 'cut JPEG with an end':  # the header cannot tell
            with pytest.raises(ReadError):
                read_header(content)
                decode_image(content, 'the file', ReadOptions())


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(renders=0, photographs=None), 'needs photographs, or more than 12'),
        (dict(renders=5), '0 or more than 12, but got 5'),
    ],
)
def test_pool_that_has_nobody_to_show_is_refused(options, message, photographs, tmp_path):
    from human_curation.made_pool import make_pool

    with pytest.raises(ValueError, match=message):
        make_pool(tmp_path, images=80, **{'photographs': photographs, **options})


def test_too_few_renders_say_how_many_are_needed():
    from human_curation.made_pool import plan_slots

    with pytest.raises(ValueError, match='needs [0-9]+ rendered people, but got 13'):
        plan_slots(200, 13, with_photographs=False, with_frames=False, seed=0)
    slots = plan_slots(200, 400, with_photographs=False, with_frames=False, seed=0)
    used = [slot.render for slot in slots if slot.render >= 0]
    assert len(used) == len(set(used)) and min(used) >= 12  # those before are the test set


def test_pool_is_not_mixed_with_another_one(made, photographs):
    from human_curation.made_pool import make_pool

    with pytest.raises(ValueError, match='holds a pool already'):
        make_pool(made, photographs=photographs, renders=0)


def test_renders_are_made_once(photographs, tmp_path, monkeypatch):
    from human_curation import made_sources

    for number in range(2):
        (tmp_path / f'{number:05d}.json').write_text(json.dumps([[1, 2, 30, 40]]))
        cv2.imwrite(str(tmp_path / f'{number:05d}.jpg'), draw((50, 40)))
    monkeypatch.setattr(made_sources, 'find_spec', lambda name: pytest.fail('nothing is left'))
    assert list(made_sources.render_people(tmp_path, 2, seed=0, workers=1)) == [2]
    source = made_sources.read_render(tmp_path, 1)
    assert source.boxes.tolist() == [[1, 2, 30, 40]] and source.image.shape == (50, 40, 3)


def test_people_are_rendered_with_their_boxes(tmp_path):
    pytest.importorskip('warp', reason='needs requirements/synthetic.txt')
    pytest.importorskip('anny', reason='needs requirements/synthetic.txt')
    from human_curation.made_sources import SIZES_HW, read_render, render_people

    assert list(render_people(tmp_path, 1, seed=0, workers=1)) == [0, 1]
    source = read_render(tmp_path, 0)
    height, width = SIZES_HW[0]
    assert source.image.shape == (height, width, 3)
    assert len(source.boxes) == 1 and 50 < source.largest <= width
    assert (source.boxes[:, 2:] <= [width, height]).all()


def test_checks_of_headers_are_right_on_the_pool(out, made):
    from human_curation.evaluation import join, read_settings, read_verdicts, score_checks

    rows = join(read_verdicts(out), made / 'truth.parquet')
    figures = {f.name: f for f in score_checks(rows, read_settings(out))}
    for name in ('forbidden', 'size', 'aspect', 'opt_out', 'generated'):
        assert figures[name].precision == figures[name].recall == 1, figures[name]
    assert figures['person'].precision == figures['person'].recall == 1
    assert figures['watermark'].note.startswith('not measured')


def test_command_prints_figures_and_kinds(out, made, capsys, tmp_path):
    from human_curation.cli import main

    target = tmp_path / 'score.md'
    truth = made / 'truth.parquet'
    assert main(['score', str(out), str(truth), '--markdown', str(target)]) == 0
    text = capsys.readouterr().out
    assert '| drawing | | | | | | | not measured: no model |' in text
    assert '| cartoon |' in text and target.read_text() in text


def test_report_shows_kept_and_rejected_images(out, made, capsys):
    from human_curation.cli import main

    assert main(['report', str(out), '--pool', str(made / 'pool'), '--samples', '3']) == 0
    page = (out / 'report.html').read_text()
    for name in ('kept', 'flat', 'size', 'broken'):
        assert f'<h3>{name}</h3>' in page
    assert '<h3>forbidden</h3>' not in page and 'data:image/jpeg' in page
    assert 'Not checked, there is no model: drawing, watermark.' in page


def test_shards_are_read_whole_and_a_masked_autoencoder_trains_on_them(out, tmp_path):
    pytest.importorskip('mmpretrain')
    from mae_models import TINY_MAE
    from mmengine.config import Config
    from mmengine.runner import Runner

    from mmsapiens.pretrain.datasets import ShardedImageDataset

    rows = [r for p in (out / 'verdicts').iterdir() for r in pq.read_table(p).to_pylist()]
    kept = {row['name']: row for row in rows if row['verdict'] == 'kept'}
    images = str(out / 'images')
    dataset = ShardedImageDataset(data_root=images)
    assert len(dataset) == len(kept) > 8
    for sample in dataset:
        assert min(sample['img'].shape[:2]) > 300
    crop = dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.2, 1.0), backend='pillow')
    loader = dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='InfiniteSampler', shuffle=True),
        collate_fn=dict(type='default_collate'),
        dataset=dict(
            type='mmsapiens.ShardedImageDataset',
            data_root=images,
            pipeline=[crop, dict(type='PackInputs')],
        ),
    )
    runner = Runner.from_cfg(
        Config(
            dict(
                default_scope='mmpretrain',
                work_dir=str(tmp_path),
                model=TINY_MAE,
                train_dataloader=loader,
                train_cfg=dict(by_epoch=False, max_iters=3),
                optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
                randomness=dict(seed=0),
                log_level='WARNING',
            )
        )
    )
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    assert runner.iter == 3
    after = runner.model.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    assert any((after[name] != value).any() for name, value in before.items())
