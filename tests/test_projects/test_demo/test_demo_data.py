"""Lists, configs and photographs of the demo."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from demo import train_stage
from four_tasks.configs import config_text
from four_tasks.data import read_index, write_lists
from four_tasks.photographs import cut_person, find_people
from four_tasks.variants import STARTS_FROM, TASKS, VARIANTS, get_variant
from mmengine.config import Config


def test_lists_keep_the_splits(renders, lists):
    train, val = ((lists / f'{split}.txt').read_text().split() for split in ('train', 'val'))
    assert val == ['0004', '0008', '0012'] and len(train) == 9
    document = json.loads((lists / 'val.json').read_text())
    files = [image['file_name'] for image in document['images']]
    assert files == ['0004.png', '0008.png', '0012.png']
    assert len(document['annotations']) == 3


def test_lists_of_the_first_images(renders, tmp_path):
    write_lists(renders, 5, tmp_path)
    assert (tmp_path / 'val.txt').read_text().split() == ['0004']
    with pytest.raises(ValueError, match='must have 13 images'):
        write_lists(renders, 13, tmp_path)


def test_a_person_on_both_sides_is_an_error(tmp_path):
    rows = [
        dict(name='a', split='train', subjects=['x']),
        dict(name='b', split='val', subjects=['x']),
    ]
    text = '\n'.join(json.dumps(row) for row in rows)
    (tmp_path / 'index.jsonl').write_text(text)
    with pytest.raises(ValueError, match='in both parts, for instance x'):
        read_index(tmp_path, 2)


@pytest.mark.parametrize('name', VARIANTS)
@pytest.mark.parametrize('task', TASKS)
def test_configs_load(task, name, renders, lists, tmp_path):
    path = tmp_path / 'config.py'
    variant = get_variant(name)
    path.write_text(config_text(task, variant, renders, lists))
    cfg = Config.fromfile(str(path))
    assert cfg.train_dataloader.batch_size == variant.batch_size
    assert cfg.train_cfg.max_epochs == variant.epochs[task]
    assert cfg.param_scheduler[1].T_max == variant.epochs[task]
    assert cfg.model.backbone.init_cfg is None
    assert cfg.train_dataloader.dataset.data_root == f'{renders}/'
    assert str(lists) in cfg.val_dataloader.dataset.ann_file


@pytest.mark.parametrize('task', TASKS)
def test_the_encoder_of_another_task_is_the_start(task, renders, lists, tmp_path):
    path, encoder = tmp_path / 'config.py', tmp_path / 'other.pth'
    variant = get_variant('fast')
    path.write_text(config_text(task, variant, renders, lists, encoder))
    init_cfg = Config.fromfile(str(path)).model.backbone.init_cfg
    assert init_cfg == dict(type='Pretrained', checkpoint=str(encoder))


def test_every_task_starts_from_one_that_was_trained_before():
    trained = [None]
    for task, before in STARTS_FROM.items():
        assert before in trained
        trained.append(task)
    assert set(trained[1:]) == set(TASKS)


def test_trainings_are_repeated_when_their_start_or_config_changes(renders, lists, tmp_path):
    def key(start='', **changes):
        variant = replace(get_variant('fast'), **changes)
        text = config_text('depth', variant, renders, lists)
        config = tmp_path / 'configs/depth.py'
        config.parent.mkdir(exist_ok=True)
        config.write_text(text)
        return train_stage('depth', variant, tmp_path, 2, start).key

    assert key() == key()
    assert len({key(), key('another encoder'), key(lr=1e-3)}) == 3


def test_unknown_variant_names_the_known_ones():
    with pytest.raises(KeyError, match='fast.*long.*gpu'):
        get_variant('slow')


def test_cut_person_has_the_box_in_the_middle():
    photo = np.zeros((400, 600, 3), dtype=np.uint8)
    photo[100:300, 200:250] = 255
    cut = cut_person(photo, np.array([200, 100, 250, 300]), 1.25)
    assert cut.image.shape == (512, 384, 3)
    np.testing.assert_allclose(cut.box, [140.8, 51.2, 243.2, 460.8])
    assert cut.image[256, 192].tolist() == [255] * 3
    assert cut.image[256, 100].tolist() == [0] * 3


def test_find_people_takes_boxes_or_the_whole_photograph(tmp_path):
    photo = np.zeros((200, 300, 3), dtype=np.uint8)
    (tmp_path / 'images').mkdir()
    for name in ('a.jpg', 'b.png'):
        cv2.imwrite(str(tmp_path / 'images' / name), photo)
    document = dict(
        images=[dict(id=7, file_name='a.jpg')],
        annotations=[
            dict(image_id=7, bbox=[10, 10, 60, 80]),
            dict(image_id=7, bbox=[10, 10, 70, 180]),
            dict(image_id=7, bbox=[10, 10, 5, 5]),
        ],
    )
    (tmp_path / 'people.json').write_text(json.dumps(document))
    (tmp_path / 'other.json').write_text('[1, 2]')
    names = [cut.name for cut in find_people(tmp_path, 8)]
    assert names == ['1-a', '2-b', '3-a']
    assert len(list(find_people(tmp_path, 2))) == 2


def test_a_folder_without_photographs_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='no photograph'):
        list(find_people(tmp_path, 1))
