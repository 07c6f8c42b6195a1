"""What somebody trains comes back: a model that its config builds is run, written and drawn."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from own_models import (
    CLASSES,
    CROP,
    KEYPOINTS,
    MSRA,
    NAMES,
    VIT,
    WHOLE,
    build,
    dense,
    fcn,
    heatmaps,
    meta_of,
    pose,
    save,
)

from mmsapiens import SapiensInferencer
from mmsapiens.checkpoints import convert_checkpoint, load_checkpoint
from mmsapiens.checkpoints.sharded import WEIGHTS, write_sharded
from mmsapiens.cli.main import run
from mmsapiens.inference.features import FeatureExtractor
from mmsapiens.inference.write_run import WriteOptions
from mmsapiens.structures.fields import FIELDS
from mmsapiens.structures.results import Image, People

UDP = dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2)
SIMCC = dict(type='SimCCLabel', input_size=(48, 64), sigma=6.0, simcc_split_ratio=2.0)
POOLED = dict(neck=dict(type='GlobalAveragePooling'), test_cfg=dict(flip_test=False))
POSES = {
    'stock head': pose(heatmaps()),
    'without transposed convolutions': pose(
        heatmaps(deconv_out_channels=None, decoder=dict(MSRA, heatmap_size=(3, 4)))
    ),
    'our head, another loss and codec': pose(
        heatmaps(
            'mmsapiens.InstanceNormHeatmapHead',
            conv_out_channels=(8,),
            conv_kernel_sizes=(1,),
            loss=dict(type='KeypointOHKMMSELoss'),
        )
    ),
    'simcc': pose(
        dict(
            type='SimCCHead',
            in_channels=32,
            out_channels=5,
            input_size=(48, 64),
            in_featuremap_size=(3, 4),
            simcc_split_ratio=2.0,
            deconv_out_channels=None,
            decoder=SIMCC,
        ),
        test_cfg=dict(flip_test=True),
    ),
    'regression': pose(
        dict(
            type='RegressionHead',
            in_channels=32,
            num_joints=5,
            decoder=dict(type='RegressionLabel', input_size=(48, 64)),
        ),
        **POOLED,
    ),
    'combined heatmaps': pose(
        heatmaps(decoder=dict(UDP, heatmap_type='combined')) | dict(out_channels=15),
        steps=[*CROP[:2], dict(CROP[2], use_udp=True), CROP[3]],
        test_cfg=dict(flip_test=False),
    ),
    'stock backbone': pose(
        heatmaps() | dict(in_channels=512), backbone=dict(type='ResNet', depth=18)
    ),
}
MAPS = {
    'fcn': dense(fcn()),
    'fcn with an auxiliary head': dense(fcn(), auxiliary_head=fcn()),
    'two features': dense(
        dict(fcn(in_channels=[32, 32], in_index=[0, 1]), type='SegformerHead'),
        backbone=dict(VIT, out_indices=(0, 1)),
    ),
    'windows': dense(
        fcn(),
        test_cfg=dict(mode='slide', crop_size=(64, 48), stride=(32, 24)),
        steps=[WHOLE[0], WHOLE[3]],
    ),
    'stock backbone': dense(
        fcn(in_channels=512, in_index=3), backbone=dict(type='ResNet', depth=18)
    ),
}
MAPS['two features']['model']['decode_head'].pop('num_convs')


@pytest.fixture(scope='module')
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp('photographs') / 'a.png'
    pixels = np.random.default_rng(0).integers(0, 256, (10, 8, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(pixels, (60, 80), interpolation=cv2.INTER_CUBIC))
    return path


def answer_of(cfg, model, photograph):
    """What the test step of the host says about a whole image."""
    steps = cfg.get('test_pipeline') or cfg['test_dataloader']['dataset']['pipeline']
    steps = [dict(step) for step in steps if step['type'] != 'LoadAnnotations']
    data = dict(img_path=str(photograph), flip_indices=KEYPOINTS['flip_indices'])
    data.update(bbox=np.float32([[0, 0, 60, 80]]), bbox_score=np.ones(1, np.float32))
    with DefaultScope.overwrite_default_scope(cfg['default_scope']), torch.no_grad():
        return model.test_step(pseudo_collate([Compose(steps)(data)]))[0]


@pytest.mark.parametrize('with_hook', [True, False], ids=['our hook', 'stock'])
@pytest.mark.parametrize('name', POSES)
def test_poses_of_ones_own(name, with_hook, photograph, tmp_path):
    model = save(POSES[name], tmp_path / 'epoch_2.pth', with_hook)
    inferencer = SapiensInferencer(weights=tmp_path / 'epoch_2.pth', device='cpu')
    assert inferencer.tasks == ('pose-birds',)
    inferencer.run(str(photograph), tmp_path / 'out', people='image')
    person = answer_of(POSES[name], model, photograph).pred_instances
    found = json.loads((tmp_path / 'out/pose-birds/a.json').read_text())
    (ours,) = found['instance_info']
    np.testing.assert_allclose(ours['keypoints'], person.keypoints[0], atol=0.02, rtol=2e-3)
    np.testing.assert_allclose(ours['keypoint_scores'], person.keypoint_scores[0], rtol=1e-3)
    assert found['meta_info']['keypoint_names'] == list(NAMES)
    (category,) = json.loads((tmp_path / 'out/coco/pose-birds_images.json').read_text())[
        'categories'
    ]
    assert category['keypoints'] == list(NAMES) and category['skeleton'] == [[1, 2], [2, 5]]
    assert (tmp_path / 'out/pose-birds_overlay/a.jpg').is_file()


@pytest.mark.parametrize('name', MAPS)
def test_classes_of_ones_own(name, photograph, tmp_path):
    model = save(MAPS[name], tmp_path / 'iter_9.pth', with_hook=False)
    inferencer = SapiensInferencer(weights=tmp_path / 'iter_9.pth', device='cpu')
    outputs = ('maps', 'masks', 'overlays', 'panels')
    write = WriteOptions(outputs=outputs, map_format='png')
    inferencer.run(str(photograph), tmp_path / 'out', write=write)
    expected = answer_of(MAPS[name], model, photograph).pred_sem_seg.data[0].numpy()
    (result,) = inferencer.stream(str(photograph))
    (task,) = inferencer.tasks
    assert (result.tasks[task].values == expected).all()
    assert result.tasks[task].classes == CLASSES['classes']
    assert [list(color) for color in result.tasks[task].palette] == CLASSES['palette']
    for file in (f'{task}/a.png', 'mask/a.png', f'{task}_overlay/a.jpg', 'panel/a.jpg'):
        assert (tmp_path / 'out' / file).is_file()


def test_colors_and_links_are_those_of_the_dataset(tmp_path):
    from mmsapiens.keypoints import set_of_dataset
    from mmsapiens.visualization.keypoints import draw_person

    image = np.zeros((60, 60, 3), np.uint8)
    points = np.float32([[10, 10], [50, 10], [10, 50], [30, 50], [50, 50]])
    draw_person(image, points, np.ones(5), set_of_dataset(KEYPOINTS, 5))
    assert image[10, 10].tolist() == image[50, 30].tolist() == [250, 10, 10]
    assert image[10, 30].tolist() == [10, 250, 10] and image[50, 20].max() == 0


def our_parser(**head):
    layers = dict(deconv_out_channels=(8,), deconv_kernel_sizes=(4,), conv_out_channels=(8,))
    head = dict(in_channels=32, conv_kernel_sizes=(1,), **layers, **head)
    return dense(head, type='mmsapiens.DenseEstimator')


def test_our_heads_with_own_sets_need_no_host(photograph, tmp_path, monkeypatch):
    """Also a depth head of other channels."""
    codec = dict(UDP, type='mmsapiens.BatchedUDPHeatmap')
    ours = heatmaps('mmsapiens.InstanceNormHeatmapHead', decoder=codec, conv_out_channels=(4,))
    ours['conv_kernel_sizes'] = (1,)
    cfgs = {
        'pose': pose(ours, steps=[*CROP[:2], dict(CROP[2], use_udp=True), CROP[3]]),
        'seg': our_parser(type='mmsapiens.ParsingHead', num_classes=3),
        'depth': our_parser(type='mmsapiens.DepthHead'),
    }
    for kind, cfg in cfgs.items():
        save(cfg, tmp_path / f'{kind}.pth')
        with_config = SapiensInferencer(
            tasks=kind, weights=tmp_path / f'{kind}.pth', configs=dump(cfg, tmp_path), device='cpu'
        )
        (expected,) = with_config.stream(str(photograph), people='image')
        with monkeypatch.context() as patch:
            patch.setitem(__import__('sys').modules, 'mmsapiens.inference.host_models', None)
            alone = SapiensInferencer(weights=tmp_path / f'{kind}.pth', device='cpu')
        (found,) = alone.stream(str(photograph), people='image')
        ours, theirs = found.tasks[alone.tasks[0]], expected.tasks[kind]
        if kind == 'pose':
            assert alone.tasks == ('pose-birds',)
            assert ours.vocabulary == theirs.vocabulary and ours.vocabulary.keypoint_names == NAMES
            np.testing.assert_allclose(ours.keypoints, theirs.keypoints, atol=0.01)
        else:
            assert (ours.classes, ours.palette) == (theirs.classes, theirs.palette)
            np.testing.assert_allclose(ours.values, theirs.values, atol=1e-5)


def dump(cfg, folder):
    Config(cfg).dump(folder / 'config.py')
    return folder / 'config.py'


def other_containers(cfg, folder):
    """The same weights as other tools leave them: name -> file, and whether it has a config."""
    model = build(cfg)
    weights, meta = model.state_dict(), meta_of(cfg, model)
    half = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    files = dict(
        ema=dict(state_dict=weights, meta=meta, ema_state_dict={'steps': torch.zeros(1)}),
        half=dict(state_dict=half, meta=meta),
        published=dict(state_dict=weights),
        bare=weights,
        lightning={
            'state_dict': {f'model.{k}': v for k, v in weights.items()},
            'pytorch-lightning_version': '2.4.0',
            'epoch': 3,
        },
        compiled=dict(state_dict={f'_orig_mod.{k}': v for k, v in weights.items()}, meta=meta),
        parallel=dict(state_dict={f'module.{k}': v for k, v in weights.items()}, meta=meta),
    )
    for name, content in files.items():
        torch.save(content, folder / f'{name}.pth')
    yield from (
        (name, folder / f'{name}.pth', 'meta' in content) for name, content in files.items()
    )
    torch.save(dict(state_dict=weights, meta=meta), folder / 'whole.pth')
    yield (
        'safetensors',
        convert_checkpoint(folder / 'whole.pth', folder / 'w.safetensors')[1],
        True,
    )
    write_sharded(folder / 'shards', {WEIGHTS + k: v for k, v in weights.items()}, dict(meta=meta))
    yield 'shards', folder / 'shards', True
    (folder / 'deepspeed').mkdir()
    torch.save(dict(module=weights, meta=meta), folder / 'deepspeed/mp_rank_00_model_states.pt')
    yield 'deepspeed', folder / 'deepspeed', True


@pytest.mark.parametrize('kind', ['pose', 'seg'])
def test_every_container(kind, photograph, tmp_path):
    cfg = POSES['stock head'] if kind == 'pose' else MAPS['fcn']
    config = dump(cfg, tmp_path)
    expected = None
    for name, path, has_config in other_containers(cfg, tmp_path):
        inferencer = SapiensInferencer(
            weights=path, configs=None if has_config else config, device='cpu'
        )
        (result,) = inferencer.stream(str(photograph), people='image')
        (found,) = result.tasks.values()
        values = found.keypoints if kind == 'pose' else found.values
        expected = values if expected is None else expected
        assert np.abs(values - expected).max() <= (0.5 if name == 'half' else 0), name


def test_a_file_without_config_asks_for_it(tmp_path):
    for number, cfg in enumerate((POSES['stock head'], MAPS['fcn'])):
        torch.save(dict(state_dict=build(cfg).state_dict()), tmp_path / f'{number}.pth')
        with pytest.raises(ValueError, match=r'no config either: give .*`--config`'):
            SapiensInferencer(weights=tmp_path / f'{number}.pth', device='cpu')
    encoder = {k: v for k, v in build(MAPS['fcn']).state_dict().items() if 'backbone' in k}
    torch.save(encoder, tmp_path / 'encoder.pth')
    with pytest.raises(ValueError, match='an encoder but no head: use `mmsapiens features`'):
        SapiensInferencer(weights=tmp_path / 'encoder.pth', device='cpu')


def test_folders_of_a_training(photograph, tmp_path):
    cfg = POSES['stock head']
    work = tmp_path / 'work'
    work.mkdir()
    save(cfg, work / 'iter_2.pth')
    (work / 'last_checkpoint').write_text('/elsewhere/work/iter_2.pth')
    assert SapiensInferencer(weights=work, device='cpu').files['pose-birds'].weights.name == (
        'iter_2.pth'
    )
    save(cfg, work / 'best_coco_AP_iter_1.pth')
    words = ['infer', str(photograph), '--weights', str(work), '--people', 'image']
    assert run([*words, '--device', 'cpu', '--quiet', '-o', str(tmp_path / 'out')]) == 0
    (task,) = json.loads((tmp_path / 'out/manifest.json').read_text())['tasks'].values()
    assert task['weights'] == 'best_coco_AP_iter_1.pth'


@pytest.mark.parametrize(
    'change, text',
    [
        (lambda w: w.pop('head.final_layer.bias'), r"1 are missing in it: \['head.final_layer.b"),
        (lambda w: w.update({'head.a': torch.zeros(1)}), r"unknown to the model: \['head.a'"),
        (
            lambda w: w.update({'head.deconv_layers.0.weight': torch.zeros(32, 6, 4, 4)}),
            r'`head.deconv_layers` of the checkpoint and of the model differ',
        ),
        (lambda w: w.pop('backbone.layers.1.ln1.bias'), 'lacks 1 parameters of the encoder'),
    ],
    ids=['missing', 'unexpected', 'other shape', 'encoder'],
)
def test_file_and_model_must_agree(change, text, tmp_path):
    cfg = POSES['stock head']
    model = build(cfg)
    weights = dict(model.state_dict())
    change(weights)
    torch.save(dict(state_dict=weights, meta=meta_of(cfg, model)), tmp_path / 'w.pth')
    with pytest.raises(ValueError, match=text):
        SapiensInferencer(weights=tmp_path / 'w.pth', device='cpu')
    fcn_model = build(MAPS['fcn'])
    other = {k: v for k, v in fcn_model.state_dict().items() if 'conv_cat' not in k}
    torch.save(other, tmp_path / 'fcn.pth')
    with pytest.raises(ValueError, match=r"missing in it: \['decode_head.conv_cat"):
        load_checkpoint(fcn_model, tmp_path / 'fcn.pth')
    resnet = build(POSES['stock backbone'])
    with pytest.raises(ValueError, match='no SapiensViT.*are missing in it'):
        load_checkpoint(resnet, tmp_path / 'fcn.pth')


def test_metainfo_of_another_number_is_not_believed(photograph, tmp_path):
    four = dict(KEYPOINTS, keypoint_id2name=dict(enumerate(NAMES[:4])), dataset_name='few')
    save(POSES['stock head'], tmp_path / 'w.pth', dataset=four)
    inferencer = SapiensInferencer(tasks='pose-few', weights=tmp_path / 'w.pth', device='cpu')
    (result,) = inferencer.stream(str(photograph), people='image')
    assert result.tasks['pose-few'].vocabulary.keypoint_names == tuple('01234')


def test_a_config_without_test_pipeline(photograph, tmp_path):
    cfg = pose(heatmaps(), steps=None)
    train = [*CROP[:2], dict(type='RandomFlip'), CROP[2], dict(type='GenerateTarget'), CROP[3]]
    cfg['test_dataloader'] = None
    cfg['train_dataloader'] = dict(dataset=dict(type='BirdsDataset', pipeline=train))
    save(cfg, tmp_path / 'w.pth')
    (result,) = SapiensInferencer(weights=tmp_path / 'w.pth', device='cpu').stream(
        str(photograph), people='image'
    )
    assert result.tasks['pose-birds'].keypoints.shape == (1, 5, 2)
    cfg['train_dataloader'] = None
    save(cfg, tmp_path / 'w.pth')
    with pytest.raises(ValueError, match=r"add `test_pipeline = \[dict\(type='LoadImage'\)"):
        SapiensInferencer(weights=tmp_path / 'w.pth', device='cpu')


def test_a_config_in_a_file_runs_no_code(tmp_path):
    cfg = pose(heatmaps())
    model = build(cfg)
    meta = meta_of(cfg, model, with_hook=False)
    for text in ("type='os.mkdir'", "type='mmengine.load'", "type='builtins.exec'"):
        bad = dict(meta, cfg=meta['cfg'].replace("type='HeatmapHead'", text))
        torch.save(dict(state_dict=model.state_dict(), meta=bad), tmp_path / 'w.pth')
        with pytest.raises(ValueError, match='no class of a registry, so it is not run'):
            SapiensInferencer(weights=tmp_path / 'w.pth', device='cpu')
    dotted = meta['cfg'].replace("type='HeatmapHead'", "type='mmpose.models.heads.HeatmapHead'")
    meta = dict(meta, cfg=dotted)  # as pure-Python configs are written
    harmful = dict(meta, cfg=f"__import__('os').mkdir({str(tmp_path / 'made')!r})\n{meta['cfg']}")
    torch.save(dict(state_dict=model.state_dict(), meta=harmful), tmp_path / 'w.pth')
    SapiensInferencer(weights=tmp_path / 'w.pth', device='cpu')
    assert not (tmp_path / 'made').exists()


def test_features_of_a_model_with_a_stock_head(tmp_path):
    model = save(MAPS['fcn'], tmp_path / 'w.pth')
    features = FeatureExtractor(weights=tmp_path / 'w.pth', size_hw=(64, 48), device='cpu')
    image = Image(np.zeros((64, 48, 3), np.uint8), 'a', 'a.png')
    (found,) = features.forward([features.prepare(image)])
    batch = features.prepare(image)[None]
    with torch.no_grad():
        expected = model.backbone(batch)[0][0]
    np.testing.assert_allclose(found['dense'], expected, atol=1e-4)


def test_several_people_and_half_precision(tmp_path):
    save(POSES['simcc'], tmp_path / 'w.pth')
    boxes = np.float32([[0, 0, 30, 60], [10, 5, 50, 70], [0, 0, 60, 80]])
    people = People(boxes, np.ones(3, np.float32), 'caller')
    image = np.random.default_rng(1).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    (exact,), (half,) = (
        SapiensInferencer(weights=tmp_path / 'w.pth', device='cpu', dtype=dtype).stream(
            image, people=people.boxes
        )
        for dtype in ('float32', 'bfloat16')
    )
    exact, half = (each.tasks['pose-birds'].scores for each in (exact, half))
    assert exact.shape == (3, 5)
    np.testing.assert_allclose(half, exact, rtol=0.2, atol=0.05)


def test_a_folder_of_files_that_say_what_they_are(photograph, tmp_path):
    folder = tmp_path / 'weights'
    folder.mkdir()
    save(POSES['simcc'], folder / 'a.pth')
    save(MAPS['fcn'], folder / 'b.pth')
    save(our_parser(type='mmsapiens.DepthHead'), folder / 'c.pth')
    words = ['infer', str(photograph), '--weights', str(folder), '--people', 'image', '--quiet']
    assert run([*words, '--device', 'cpu', '-o', str(tmp_path / 'out')]) == 0
    tasks = json.loads((tmp_path / 'out/manifest.json').read_text())['tasks']
    assert {task: one['weights'] for task, one in tasks.items()} == {
        'pose-birds': 'a.pth',
        'seg-own': 'b.pth',
        'depth': 'c.pth',
    }


MODULE = """
from mmsapiens.dense import DenseHead
from mmsapiens.registry import MODELS
from mmsapiens.structures.fields import Field, add_field

add_field(Field('skin_map', channels=3, dtype='float32', fill=-1))


@MODELS.register_module()
class SkinHead(DenseHead):
    field = 'skin_map'

    def __init__(self, in_channels, **kwargs):
        super().__init__(in_channels, loss_decode=dict(type='mmsapiens.NormalL1Loss'), **kwargs)
"""


def test_a_dense_task_of_ones_own(photograph, tmp_path, monkeypatch):
    """In a module in the working directory, which the checkpoint's config names."""
    cfg = our_parser(type='mmsapiens.SkinHead')
    cfg['custom_imports'] = dict(imports=['mmsapiens', 'module_with_skin'])
    (tmp_path / 'module_with_skin.py').write_text(MODULE)
    monkeypatch.setitem(FIELDS, 'skin_map', None)  # gone again after the test
    del FIELDS['skin_map']
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        __import__('module_with_skin')
        save(cfg, tmp_path / 'w.pth')
    inferencer = SapiensInferencer(weights=tmp_path / 'w.pth', device='cpu')
    inferencer.run(str(photograph), tmp_path / 'out')
    assert np.load(tmp_path / 'out/skin/a.npy').shape == (80, 60, 3)
    assert (tmp_path / 'out/skin_overlay/a.jpg').is_file()
    content = torch.load(tmp_path / 'w.pth', weights_only=False)
    text = content['meta']['cfg'].replace('module_with_skin', 'module_that_is_elsewhere')
    content['meta']['cfg'] = text.replace('SkinHead', 'SkinHeadElsewhere')
    torch.save(content, tmp_path / 'w.pth')
    with pytest.raises(ImportError, match=r"not here, \['module_that_is_elsewhere'\]: run in"):
        SapiensInferencer(weights=tmp_path / 'w.pth', device='cpu')
