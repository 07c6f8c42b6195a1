"""A dataset of 308 keypoints trains and is evaluated through a config."""

import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from parity import ROOT

SIZE = 308
CONFIG = 'pose/goliath308/sapiens-tiny_2xb7-300e_goliath308-256x192.py'


@pytest.fixture
def annotations(tmp_path):
    """Two images with three people; returns the annotation file."""
    rng = np.random.default_rng(0)
    people = []
    for number, image_id in enumerate((1, 1, 2)):
        points = np.full((SIZE, 3), 2.0)
        points[:, :2] = rng.uniform(20, 90, (SIZE, 2)) + 10 * number
        people.append(
            dict(
                id=10 + number,
                image_id=image_id,
                category_id=1,
                iscrowd=0,
                bbox=[10, 10, 110, 110],
                area=110 * 110,
                num_keypoints=17,
                keypoints=[0] * 51,
                goliath_wholebody_kpts=points.flatten().tolist(),
            )
        )
    for index in (1, 2):
        image = rng.integers(0, 256, (140, 130, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f'{index}.png'), image)
    doc = dict(
        images=[dict(id=i, file_name=f'{i}.png', width=130, height=140) for i in (1, 2)],
        annotations=people,
        categories=[dict(id=1, name='person')],
    )
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(doc))
    return path


def test_training_lowers_the_loss_and_reports_every_group(annotations, tmp_path):
    cfg = Config.fromfile(ROOT / 'configs' / CONFIG)
    data = dict(data_root=str(tmp_path), ann_file=annotations.name, data_prefix=dict(img=''))
    cfg.train_dataloader.dataset.update(data)
    cfg.val_dataloader.dataset.update(data)
    cfg.test_dataloader = cfg.val_dataloader
    cfg.val_evaluator.ann_file = cfg.test_evaluator.ann_file = str(annotations)
    cfg.merge_from_dict(
        dict(
            work_dir=str(tmp_path / 'work'),
            train_cfg=dict(max_epochs=6, val_interval=6),
            train_dataloader=dict(batch_size=3),
            optim_wrapper=dict(dtype='bfloat16'),
            default_hooks=dict(logger=dict(interval=1), checkpoint=dict(interval=6)),
            log_level='ERROR',
            experiment_name='test_training_308',
        )
    )
    runner = Runner.from_cfg(cfg)
    runner.train()
    losses, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(losses) == 6 and losses[-1] < losses[0]
    scalars = runner.message_hub.log_scalars
    for group in (*('body', 'foot', 'face', 'hand', 'left_hand', 'right_hand'), 'wholebody'):
        value = scalars[f'val/{group}/AP'].current()
        assert 0 <= value <= 1, group
    assert list((tmp_path / 'work').glob('best_*AP*.pth'))
