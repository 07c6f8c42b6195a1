"""The rows of the tasks say what the configs say."""

import pytest
from mmengine.config import Config
from parity import ROOT

from mmsapiens.inference.model_files import check_tasks
from mmsapiens.models import get_arch
from mmsapiens.models.heads import HEADS
from mmsapiens.models.input_rule import MEAN, STD, InputRule
from mmsapiens.models.tasks import (
    INPUT_HW,
    KINDS,
    MODEL_NAMES,
    SIZES,
    TASKS,
    TINY_INPUT_HW,
    family_and_size,
    get_task,
)

OURS = {'mmsapiens.InstanceNormHeatmapHead': 'HeatmapHead'}


@pytest.mark.parametrize('size', [*SIZES, 'tiny'])
@pytest.mark.parametrize('name', TASKS)
def test_a_row_is_its_config(name, size):
    task = TASKS[name]
    cfg = Config.fromfile(ROOT / 'configs' / task.config_of(size))
    model = cfg.model
    backbone, preprocessor = model.backbone, model.data_preprocessor
    size_hw = TINY_INPUT_HW if size == 'tiny' else INPUT_HW
    assert backbone.arch == f'sapiens_{size}'
    assert tuple(backbone.img_size) == size_hw
    assert backbone.get('patch_padding', 'corner') == task.patch_padding
    assert (tuple(preprocessor.mean), tuple(preprocessor.std)) == (MEAN, STD)
    assert preprocessor.bgr_to_rgb
    assert model.test_cfg.flip_test == task.flip_test
    head = model.head if task.is_pose else model.decode_head
    assert OURS.get(head.type, head.type.removeprefix('mmsapiens.')) == task.head
    assert head.in_channels == get_arch(backbone.arch)['embed_dims']
    channels = head.get('out_channels', head.get('num_classes', task.channels))
    assert channels == task.channels
    built = HEADS[task.head](16, 1, **task.head_channels(size))
    theirs = {key: head[key] for key in task.head_channels(size) if key in head}
    if theirs:
        assert theirs == {key: task.head_channels(size)[key] for key in theirs}
    assert built.last == ('final_layer' if task.is_pose else 'conv_seg')
    if task.is_pose:
        codec = head.decoder
        assert tuple(codec.input_size) == size_hw[::-1]
        assert codec.get('blur_kernel_size', 11) == built.blur_kernel_size
        steps = {step.type: step for step in cfg.test_dataloader.dataset.pipeline}
        assert steps['GetBBoxCenterScale'].padding == InputRule(size_hw).box_padding
        assert steps['TopdownAffine'] == dict(
            type='TopdownAffine', input_size=size_hw[::-1], use_udp=True
        )
        assert len(task.keypoint_set) == task.channels
    else:
        (resize,) = [step for step in cfg.test_pipeline if step.type == 'Resize']
        assert resize == dict(type='Resize', scale=size_hw[::-1], keep_ratio=False)
        if task.is_parsing:
            assert len(task.class_set.classes) == task.channels


def test_names_of_models():
    for name in ('sapiens-1b', 'sapiens_1b', '1b'):
        assert family_and_size(name) == ('sapiens', '1b')
    assert family_and_size('tiny') == ('sapiens', 'tiny')
    assert family_and_size('Sapiens2_1b_4k') == ('sapiens2', '1b-4k')
    for name in ('sapiens-5b', 'sapiens2-2b'):
        with pytest.raises(KeyError, match=f"'sapiens-tiny'.*but got '{name}'"):
            family_and_size(name)
    assert len(MODEL_NAMES) == 12


def test_a_name_of_ones_own_tells_the_kind():
    assert get_task('seg-face').is_parsing
    assert get_task('pose-hands').is_pose
    assert get_task('depth-indoor').row.name == 'depth_map'
    with pytest.raises(KeyError, match="but got 'hair'"):
        get_task('hair')
    assert get_task('matting-hair').row.name == 'matte_map'
    assert len(KINDS) == 7
    assert check_tasks(['seg-face'], configs={'seg-face': 'a.py'}) == ['seg-face']
    assert check_tasks('hair', weights='hair.pth') == ['hair']
