"""Ready models from names and files, without a host."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from tiny_inference import ARCH, tiny_task

from mmsapiens import build_model
from mmsapiens.keypoints import get_keypoint_set
from mmsapiens.models.tasks import TASKS

SIZE_HW = (64, 48)
IMAGE = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
BOXES = np.array([[10, 5, 50, 45], [20, 10, 69, 49]])


def tiny_model(tasks, **kwargs):
    layers = dict(deconv_out_channels=(8, 8), conv_out_channels=(8,))
    from mmsapiens.models.build import assemble

    torch.manual_seed(0)
    names = [tasks] if isinstance(tasks, str) else tasks
    model = assemble(
        ARCH, names, img_size=SIZE_HW, head_layers=dict.fromkeys(names, layers), **kwargs
    )
    return model.eval()


def test_one_encoder_serves_all_tasks():
    tasks = ['pose-17', 'depth', 'normal', 'seg-28']
    model = tiny_model(tasks)
    calls = []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    found = model([IMAGE, IMAGE[:40]], [BOXES, BOXES[:0]])
    assert len(calls) == 3  # crops, their mirrored ones, whole images
    assert set(found) == set(tasks)
    assert [tuple(pose.shape) for pose in found['pose-17']] == [(2, 17, 3), (0, 17, 3)]
    for image, depth, normal, parts in zip(
        (IMAGE, IMAGE[:40]), found['depth'], found['normal'], found['seg-28']
    ):
        assert depth.shape == parts.shape == image.shape[:2]
        assert parts.max() < 28
        torch.testing.assert_close(normal.norm(dim=0), torch.ones(image.shape[:2]))


def test_a_model_of_several_tasks_comes_back(tmp_path):
    tasks = ['depth', 'normal', 'pose-17']
    model = tiny_model(tasks)
    torch.save(model.state_dict(), tmp_path / 'model.pth')
    same = build_model(ARCH, ['normal', 'depth'], checkpoint=tmp_path / 'model.pth')
    assert same.backbone.patch_embed.padding == 'corner'
    expected, found = model([IMAGE]), same([IMAGE])
    for task in ('depth', 'normal'):
        torch.testing.assert_close(found[task][0], expected[task][0], atol=0, rtol=0)
    with pytest.raises(ValueError, match=r"model.pth: .*none for 'seg-28'"):
        build_model(ARCH, ['normal', 'seg-28'], checkpoint=tmp_path / 'model.pth')


def test_tensors_stay_in_the_file(tmp_path):
    _, weights = tiny_task('depth', tmp_path)
    model = build_model(ARCH, 'depth', checkpoint=weights)
    assert model.backbone.img_size == SIZE_HW
    assert not model.training
    assert all(parameter.device.type == 'cpu' for parameter in model.parameters())
    half = build_model(ARCH, 'depth', checkpoint=weights, dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16 and half.mean.dtype == torch.float32


def test_a_file_may_be_used_at_another_size(tmp_path):
    _, weights = tiny_task('depth', tmp_path)
    model = build_model(ARCH, 'depth', checkpoint=weights, img_size=(128, 96))
    assert model.backbone.pos_embed.shape[1] == 48
    assert model([IMAGE])['depth'][0].shape == (50, 70)


@pytest.mark.parametrize(
    'has, asked, text',
    [
        ('pose-17', 'pose-308', '17 keypoints, which does not fit .*goliath308'),
        ('depth', 'normal', '1 output channels, which does not fit normal_map'),
        ('seg-28', 'pose-17', 'head of another task'),
        ('seg-28', 'seg-lip', '28 output channels, which does not fit .*lip'),
        ('depth', ['depth', 'normal'], 'has one head, but'),
    ],
)
def test_another_task_is_refused(has, asked, text, tmp_path):
    _, weights = tiny_task(has, tmp_path)
    with pytest.raises(ValueError, match=f'{has}.pth: .*{text}'):
        build_model(ARCH, asked, checkpoint=weights)


def test_wrong_arguments_are_refused(tmp_path):
    _, weights = tiny_task('depth', tmp_path)
    with pytest.raises(ValueError, match='no known size: give `arch`'):
        build_model(None, 'depth', checkpoint=weights)
    with pytest.raises(ValueError, match='width 32 .* but the model has .*sapiens_1b'):
        build_model('sapiens-1b', 'depth', checkpoint=weights)
    with pytest.raises(ValueError, match='must be a name'):
        build_model(None, 'depth')
    with pytest.raises(KeyError, match="but got 'hair'"):
        build_model('sapiens-tiny', 'hair')
    with pytest.raises(ValueError, match='at least one'):
        build_model('sapiens-tiny', [])
    with pytest.raises(ValueError, match='for each of the 1 images'):
        tiny_model('pose-17')([IMAGE], [])


def test_an_encoder_alone_is_no_model(tmp_path):
    model = tiny_model('depth')
    torch.save(model.backbone.state_dict(), tmp_path / 'encoder.pth')
    with pytest.raises(ValueError, match=r"encoder.pth: .*no head for 'depth'"):
        build_model(ARCH, 'depth', checkpoint=tmp_path / 'encoder.pth')


def with_config_only(weights):
    """A file as trainings left it before files had metadata: its config says how it sees images."""
    backbone = dict(type='mmsapiens.SapiensViT', arch=ARCH, img_size=SIZE_HW, patch_padding=2)
    colors = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], bgr_to_rgb=False)
    model = dict(
        type='TopdownPoseEstimator',
        backbone=backbone,
        data_preprocessor=dict(type='PoseDataPreprocessor', **colors),
        head=dict(type='mmsapiens.InstanceNormHeatmapHead', out_channels=17),
    )
    file = torch.load(weights, weights_only=False)
    names = dict(enumerate(get_keypoint_set('coco').keypoint_names))
    noted = dict(dataset_name='coco', keypoint_id2name=names)
    meta = dict(cfg=f"default_scope = 'mmpose'\nmodel = {model!r}\n", dataset_meta=noted)
    torch.save(dict(state_dict=file['state_dict'], meta=meta), weights)


@pytest.mark.parametrize('is_older', [False, True])
def test_no_host_is_imported(is_older, tmp_path):
    _, weights = tiny_task('pose-17', tmp_path)
    if is_older:
        with_config_only(weights)
        model = build_model(None, 'pose-17', checkpoint=weights)
        assert (model.rule.mean, model.rule.std) == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
        assert not model.rule.swap_channels
        assert (model.backbone.patch_embed.padding, model.rule.size_hw) == (2, SIZE_HW)
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        hosts = ('mmengine', 'mmcv', 'mmpose', 'mmseg', 'mmdet', 'mmpretrain')
        if name.split('.')[0] in hosts:
            raise ImportError('blocked: ' + name)
sys.meta_path.insert(0, Blocked())
import numpy as np
from mmsapiens import build_model
model = build_model({ARCH!r}, 'pose-17', checkpoint={str(weights)!r})
print(tuple(model([np.zeros((50, 70, 3), dtype=np.uint8)])['pose-17'][0].shape))
from mmsapiens.inference.networks import build_network
build_network('pose-17', None, {str(weights)!r}, model={ARCH!r})
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '(1, 17, 3)'


def test_every_task_builds():
    for task in TASKS:
        assert build_model('sapiens-tiny', task).backbone.img_size == (256, 192)
