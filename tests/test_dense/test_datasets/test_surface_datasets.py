"""Folders of point maps, albedo and mattes, from the files to the losses of the heads."""

import shutil

import cv2
import numpy as np
import pytest
import torch
from dense_figures import draw_figure
from torch.utils.data import DataLoader

from mmsapiens.core.errors import BadSampleError
from mmsapiens.dense import (
    AlbedoDataset,
    AlbedoHead,
    DenseFolderDataset,
    MattingDataset,
    MattingHead,
    PointMapDataset,
    PointMapHead,
)
from mmsapiens.dense.datasets import paired_files
from mmsapiens.ops.cameras import pixel_grid

SIZE = (96, 72)
FOCAL = 150.0
MASK = dict(type='mmsapiens.LoadDenseTarget', field='human_mask')
GEOMETRY = [
    dict(type='mmsapiens.RandomCropFields', prob=0.5),
    dict(type='mmsapiens.RandomFlipFields', prob=0.5),
    dict(type='mmsapiens.FitAndPadFields', size_hw=(64, 48), is_rounded=True),
]
END = [dict(type='mmsapiens.RejectSamples'), dict(type='mmsapiens.PackDenseInputs')]
STEPS = dict(
    pointmap=[
        dict(type='mmsapiens.LoadCamera'),
        dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
        MASK,
        *GEOMETRY,
        dict(type='mmsapiens.GeneratePointTarget'),
    ],
    albedo=[
        dict(type='mmsapiens.LoadDenseTarget', field='albedo_map'),
        MASK,
        *GEOMETRY,
        dict(type='mmsapiens.GenerateAlbedoTarget'),
    ],
    matting=[
        dict(type='mmsapiens.LoadMatte'),
        *GEOMETRY[:2],
        dict(type='mmsapiens.ResizeFields', scale=(48, 64), shrink='area', enlarge='linear'),
    ],
)
KINDS = dict(pointmap=PointMapDataset, albedo=AlbedoDataset, matting=MattingDataset)
HEADS = dict(pointmap=PointMapHead, albedo=AlbedoHead, matting=MattingHead)


@pytest.fixture
def folder(tmp_path):
    """Four figures with everything."""
    names = ('rgb', 'mask', 'depth', 'albedo', 'alpha', 'foreground')
    for name in (*names, 'camera_intrinsics', 'camera_extrinsics'):
        (tmp_path / name).mkdir()
    camera = [[FOCAL, 0, 36], [0, FOCAL, 50], [0, 0, 1]]
    for index in range(4):
        figure = draw_figure(index, SIZE)
        alpha = cv2.GaussianBlur(figure.mask * 255, (5, 5), 0)
        color = figure.image * figure.mask[..., None]
        images = dict(rgb=figure.image, mask=figure.mask * 255, alpha=alpha, foreground=color)
        images['albedo'] = color
        for name, image in images.items():
            cv2.imwrite(str(tmp_path / f'{name}/{index}.png'), image)
        np.save(tmp_path / f'depth/{index}.npy', figure.depth_m)
        np.savetxt(tmp_path / f'camera_intrinsics/{index}.txt', camera)
        np.savetxt(tmp_path / f'camera_extrinsics/{index}.txt', np.eye(4))
    return tmp_path


def make(folder, task, **kwargs):
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), *STEPS[task], *END]
    return KINDS[task](data_root=str(folder), **{'pipeline': pipeline, **kwargs})


@pytest.mark.parametrize('task', list(KINDS))
def test_samples_are_what_the_heads_learn_from(folder, task):
    options = dict(upsample_channels=(8, 8, 8, 8), conv_out_channels=(8,))
    if task == 'pointmap':
        options.update(grid_hw=(4, 3), scale_channels=(8,), scale_hidden=(8,))
    head = HEADS[task](16, **options)
    head.init_weights()
    dataset = make(folder, task)
    samples = [dataset[index]['data_samples'] for index in range(4)]
    losses = head.loss([torch.randn(4, 16, 4, 3)], samples, {})
    total = sum(value for name, value in losses.items() if 'loss' in name)
    assert total > 0 and torch.isfinite(total)
    name = head.row.gt_name
    assert samples[0].get(name).data.shape == (head.row.channels, 64, 48)
    assert samples[0].get(name).data.dtype == torch.float32


def test_points_are_on_the_rays_of_the_input(folder):
    dataset = make(folder, 'pointmap')
    for index in range(12):
        sample = dataset[index % 4]['data_samples']
        points, camera = sample.gt_point_map.data.numpy(), sample.intrinsics
        known = points[2] > 0
        assert known.sum() > 100 and not points[:, ~known].any()
        assert points[2][known].min() > 2 and points[2][known].max() < 3.01
        seen = (points[:2] / np.maximum(points[2], 1)) * camera[[0, 1], [0, 1], None, None]
        u, v = pixel_grid(torch.from_numpy(points[2]))
        error = seen + camera[:2, 2, None, None] - np.stack(np.broadcast_arrays(u, v))
        assert np.abs(error[:, known]).max() < 1e-3
        assert np.linalg.det(sample.extrinsics[:, :3]) == pytest.approx(-1 if sample.flip else 1)


def test_files_of_points_stay_on_their_rays(folder):
    (folder / 'points').mkdir()
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    for index in range(4):
        z = np.load(folder / f'depth/{index}.npy')
        points = np.stack([(u - 36) / FOCAL * z, (v - 50) / FOCAL * z, z], axis=-1)
        np.save(folder / f'points/{index}.npy', points)
    steps = [step for step in STEPS['pointmap'] if step.get('field') != 'depth_map']
    load = dict(type='mmsapiens.LoadDenseTarget', field='point_map')
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), load, *steps, *END]
    prefix = dict(point_map_path='points')
    fields = ('point_map', 'human_mask')
    dataset = make(folder, 'pointmap', fields=fields, data_prefix=prefix, pipeline=pipeline)
    sample = dataset[0]['data_samples']
    points, camera = sample.gt_point_map.data.numpy(), sample.intrinsics
    rows, columns = np.nonzero(points[2])
    x, y, z = points[:, rows, columns]
    assert np.abs(x / z * camera[0, 0] + camera[0, 2] - columns).max() < 1
    assert np.abs(y / z * camera[1, 1] + camera[1, 2] - rows).max() < 1


def test_the_truth_of_a_test_is_that_of_the_file(folder):
    fit = dict(type='mmsapiens.FitAndPadFields', size_hw=(64, 64))
    steps = [step for step in STEPS['pointmap'] if step not in GEOMETRY]
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), fit, *steps, END[1]]
    sample = make(folder, 'pointmap', pipeline=pipeline, test_mode=True)[0]['data_samples']
    assert sample.gt_point_map.data.shape[1:] == SIZE
    assert sample.padding_size == (8, 8, 0, 0) and sample.img_shape == (64, 64)
    assert sample.intrinsics.tolist() == [[FOCAL, 0, 36], [0, FOCAL, 50], [0, 0, 1]]


def test_mattes_are_premultiplied(folder):
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), STEPS['matting'][0], END[1]]
    sample = make(folder, 'matting', pipeline=pipeline)[1]['data_samples']
    color, alpha = np.split(sample.gt_matte_map.data.numpy(), [3])
    stored = cv2.imread(str(folder / 'foreground/1.png'))[..., ::-1] / 255
    opacity = cv2.imread(str(folder / 'alpha/1.png'), 0) / 255
    np.testing.assert_allclose(alpha[0], opacity, atol=1e-6)
    np.testing.assert_allclose(color, np.moveaxis(stored, 2, 0) * opacity, atol=1e-6)
    assert sample.is_color_known and ((alpha > 0) & (alpha < 1)).any()
    shutil.rmtree(folder / 'foreground')
    bare = make(folder, 'matting', pipeline=pipeline)[1]['data_samples']
    image = cv2.imread(str(folder / 'rgb/1.png'))[..., ::-1] / 255
    expected = np.moveaxis(image, 2, 0) * opacity
    np.testing.assert_allclose(bare.gt_matte_map.data[:3].numpy(), expected, atol=1e-6)
    assert not bare.is_color_known
    target = torch.stack([sample.gt_matte_map.data, bare.gt_matte_map.data])
    counted = MattingHead.counted(MattingHead(8, upsample_channels=(8,)), target, [sample, bare])
    assert counted[0].all() and 0 < counted[1].float().mean() < 1


def test_half_opaque_pixels_survive_a_resize(folder):
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), *STEPS['matting'], END[1]]
    matte = make(folder, 'matting', pipeline=pipeline)[0]['data_samples'].gt_matte_map.data
    assert len(torch.unique(matte[3])) > 40
    assert (matte[:3] <= matte[3] + 1e-5).all()


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_integers_are_shares_of_their_largest(folder, dtype):
    largest = np.iinfo(dtype).max
    albedo = np.full((*SIZE, 3), largest // 2, dtype)
    albedo[..., 0] = largest
    cv2.imwrite(str(folder / 'albedo/0.png'), albedo)
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), *STEPS['albedo'][:2], END[1]]
    loaded = make(folder, 'albedo', pipeline=pipeline)[0]['data_samples'].gt_albedo_map.data
    assert loaded[2].unique().tolist() == [1] and loaded[0].unique() == pytest.approx(0.5, abs=3e-3)


@pytest.mark.parametrize(
    ('task', 'name', 'array', 'kind'),
    [
        ('matting', 'alpha', np.full(SIZE, 1.2, np.float32), 'not_share'),
        ('matting', 'alpha', np.full(SIZE, -0.1, np.float32), 'not_share'),
        ('matting', 'alpha', np.full(SIZE, np.nan, np.float32), 'nan_values'),
        ('matting', 'alpha', np.full((*SIZE, 5), 0.5, np.float32), 'wrong_shape'),
        ('matting', 'alpha', np.full((50, 72), 0.5, np.float32), ''),
        ('matting', 'foreground', np.full(SIZE, 0.5, np.float32), 'wrong_shape'),
        ('albedo', 'albedo', np.full((*SIZE, 3), 255.0, np.float32), 'not_share'),
        ('albedo', 'albedo', np.full((*SIZE, 4), 0.5, np.float32), 'wrong_shape'),
        ('pointmap', 'depth', np.full((*SIZE, 5), 0.5, np.float32), 'wrong_shape'),
        ('pointmap', 'depth', np.full((72, 96), 0.5, np.float32), ''),
    ],
)
def test_bad_maps_are_named(folder, task, name, array, kind):
    for path in (folder / name).glob('0.*'):
        path.unlink()
    np.save(folder / name / '0.npy', array)
    dataset = make(folder, task, bad_samples='skip')
    with pytest.raises(BadSampleError, match=f'{name}/0.npy') as caught:
        dataset.pipeline(dataset.get_data_info(0))
    assert caught.value.kind == kind
    assert dataset[0] is not None and dataset.bad_indices == [0]


def test_missing_cameras_are_named(folder):
    (folder / 'camera_intrinsics/2.txt').unlink()
    with pytest.raises(ValueError, match='there is no camera of the name 2 in'):
        make(folder, 'pointmap')
    assert len(make(folder, 'pointmap', bad_samples='skip')) == 3
    shutil.rmtree(folder / 'camera_extrinsics')
    assert 'extrinsics_path' not in make(folder, 'pointmap', bad_samples='skip').get_data_info(0)
    shutil.rmtree(folder / 'camera_intrinsics')
    with pytest.raises(FileNotFoundError, match='no folder .*camera_intrinsics'):
        make(folder, 'pointmap')
    plain = DenseFolderDataset(data_root=str(folder), pipeline=[dict(type='mmsapiens.LoadCamera')])
    with pytest.raises(KeyError, match='LoadCamera needs `intrinsics_path`'):
        plain[0]


def test_fields_must_have_what_the_name_says(folder):
    with pytest.raises(ValueError, match='must have depth_map or point_map'):
        PointMapDataset(data_root=str(folder), fields=('human_mask',))
    with pytest.raises(ValueError, match='must have opacity_map or matte_map'):
        MattingDataset(data_root=str(folder), fields=('foreground_map',))


def near(folder):
    for path in (folder / 'depth').iterdir():
        np.save(path, np.load(path) * 0.001)


def small(folder):
    for path in (folder / 'mask').iterdir():
        mask = cv2.imread(str(path), 0)
        mask[np.unravel_index(np.flatnonzero(mask)[9:], mask.shape)] = 0
        cv2.imwrite(str(path), mask)


def full(folder):
    for path in (folder / 'mask').iterdir():
        cv2.imwrite(str(path), np.full(SIZE, 255, np.uint8))


@pytest.mark.parametrize(
    ('edit', 'kind', 'text'),
    [
        (near, 'too_near', 'nearer than 0.04'),
        (small, 'few_pixels', 'fewer than 16'),
        (full, 'full_mask', 'more than 96.0%'),
    ],
)
def test_rejected_draws_are_counted_and_named(folder, monkeypatch, edit, kind, text):
    said = []
    monkeypatch.setattr(paired_files, 'warn', said.append)
    monkeypatch.setattr(paired_files, 'MIN_DRAWN', 30)
    before = make(folder, 'pointmap')
    assert all(before[index] for index in range(4)) and not any(before.rejected.values())
    edit(folder)
    steps = [step for step in STEPS['pointmap'] if step not in GEOMETRY]
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), *steps, *END]
    dataset = make(folder, 'pointmap', pipeline=pipeline)
    with pytest.raises(RuntimeError, match='30 of 30 draws are rejected'):
        dataset[0]
    assert dataset.rejected == {**dict.fromkeys(dataset.rejected, 0), kind: 30}
    assert text in ' '.join(said) and sum('is rejected' in each for each in said) == 1


def test_rejections_in_workers_are_counted(folder):
    cv2.imwrite(str(folder / 'mask/0.png'), np.full(SIZE, 255, np.uint8))
    pipeline = [dict(type='mmsapiens.LoadCheckedImage'), *STEPS['albedo'], *END]
    pipeline[3:6] = [dict(type='mmsapiens.RejectSamples', min_pixels=SIZE[0] * SIZE[1])]
    dataset = make(folder, 'albedo', pipeline=pipeline)
    loader = DataLoader(dataset, num_workers=2, batch_size=2, collate_fn=list)
    assert len(list(loader)) == 2
    assert dataset.rejected['few_pixels'] >= 3
