"""Files and drawings of point maps, albedo and mattes."""

import json

import cv2
import numpy as np
import pytest
from inference_results import made_frame
from PIL import Image as PILImage

from mmsapiens.inference.write_run import WriteOptions
from mmsapiens.inference.writers import (
    OUTPUTS,
    CameraWriter,
    CompositeWriter,
    MapWriter,
    MaskWriter,
    PointsWriter,
    build_writers,
)
from mmsapiens.io import read_map, write_map
from mmsapiens.io.point_clouds import write_ply
from mmsapiens.ops.compositing import composite_on, cover
from mmsapiens.ops.opacity import to_premultiplied, to_straight
from mmsapiens.structures.fields import FIELDS
from mmsapiens.structures.results import ImageResult, MapResult, People
from mmsapiens.visualization.field_drawers import Scene, draw_field, drawer_of
from mmsapiens.visualization.panels import stack
from mmsapiens.visualization.results import draw_overlay, draw_panel

SIZE_HW = (48, 64)
TASKS = ['pointmap', 'albedo', 'matting']


def disk(radius=18.0):
    """Distance from the middle over a radius, (H, W)."""
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    return np.hypot(rows - 23.5, columns - 31.5) / radius


def surfaces():
    """A result of a ball, 2 m away, with all three maps."""
    frame = made_frame(size_hw=SIZE_HW)
    height, width = SIZE_HW
    share = disk()
    z = np.where(share < 1, 2 - 0.3 * np.sqrt((1 - share**2).clip(0)), 4).astype(np.float32)
    focal = 80.0
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    points = np.stack([(columns - 31.5) * z / focal, (rows - 23.5) * z / focal, z], axis=-1)
    points[:3] = np.nan
    alpha = ((1.1 - share) * 5).clip(0, 1).astype(np.float32)
    color = np.array([0.8, 0.5, 0.2], dtype=np.float32)
    matte = np.concatenate([color * alpha[..., None], alpha[..., None]], axis=-1)
    albedo = np.broadcast_to(color, (*SIZE_HW, 3)).copy()
    maps = dict(
        pointmap=MapResult(points.astype(np.float32), 'point_map', focal_length=focal),
        albedo=MapResult(albedo, 'albedo_map'),
        matting=MapResult(matte, 'matte_map'),
    )
    return ImageResult(frame, People.whole_image(SIZE_HW), maps)


def write(writer, result, folder):
    path = folder / writer.path(result.frame.name)
    writer.write(result, path)
    return path


def read_ply(path):
    """Header lines and vertices of a PLY file, by its layout."""
    header, _, body = path.read_bytes().partition(b'end_header\n')
    lines = header.decode().splitlines()
    assert lines[:2] == ['ply', 'format binary_little_endian 1.0']
    names = [line.split()[1:] for line in lines if line.startswith('property')]
    kinds = dict(float='<f4', uchar='u1')
    vertices = np.frombuffer(body, [(name, kinds[kind]) for kind, name in names])
    assert f'element vertex {len(vertices)}' in lines
    return lines, vertices


@pytest.mark.parametrize('map_format', ['npy', 'png', 'exr'])
@pytest.mark.parametrize('task', TASKS)
def test_maps_are_read_back(task, map_format, tmp_path):
    result = surfaces()
    path = write(MapWriter(task, map_format), result, tmp_path)
    values = np.nan_to_num(result.tasks[task].values)
    atol = 2e-5 if path.suffix == '.png' else 0
    np.testing.assert_allclose(read_map(path, result.tasks[task].field), values, atol=atol)
    assert path.suffix == (
        '.npy' if (task, map_format) == ('pointmap', 'png') else f'.{map_format}'
    )


def test_pictures_for_other_programs(tmp_path):
    result = surfaces()
    path = write(MapWriter('matting', 'png'), result, tmp_path)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert (stored.dtype, stored.shape) == (np.uint16, (*SIZE_HW, 4))
    rgba = stored[..., [2, 1, 0, 3]] / 65535
    alpha = result.tasks['matting'].values[..., 3]
    np.testing.assert_allclose(rgba[..., 3], alpha, atol=1e-5)
    seen = alpha > 0.01  # straight colors are those of the foreground, also at its edge
    np.testing.assert_allclose(rgba[seen][:, :3], [[0.8, 0.5, 0.2]] * seen.sum(), atol=2e-3)
    assert PILImage.open(path).mode == 'RGBA'
    path = write(MapWriter('albedo', 'png'), result, tmp_path)
    np.testing.assert_allclose(cv2.imread(str(path))[0, 0, ::-1] / 255, [0.8, 0.5, 0.2], atol=3e-3)


def test_channels_of_exr(tmp_path):
    import OpenEXR

    result = surfaces()
    wanted = dict(pointmap='X Y Z', matting='A B G R', albedo='B G R')
    for task, names in wanted.items():
        path = write(MapWriter(task, 'exr'), result, tmp_path)
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = file.parts[0].channels
            assert sorted(channels) == names.split()
            if task == 'pointmap':
                points = np.stack([channels[name].pixels for name in 'XYZ'], axis=-1)
                np.testing.assert_array_equal(points, result.tasks[task].values)


def test_straight_and_premultiplied_colors():
    matte = surfaces().tasks['matting'].values
    straight = to_straight(matte)
    assert (straight[matte[..., 3] == 0] == 0).all()
    np.testing.assert_allclose(to_premultiplied(straight), matte, atol=1e-6)


def test_a_camera_beside_the_points(tmp_path):
    result = surfaces()
    document = json.loads(write(CameraWriter('pointmap'), result, tmp_path).read_text())
    assert (document['focal_length_px'], document['width'], document['height']) == (80, 64, 48)
    result.tasks['pointmap'].focal_length = float('nan')
    document = json.loads(write(CameraWriter('pointmap'), result, tmp_path).read_text())
    assert document['focal_length_px'] is None


def test_a_cloud_has_the_colors_of_the_image(tmp_path):
    result = surfaces()
    lines, vertices = read_ply(write(PointsWriter('pointmap'), result, tmp_path))
    assert 'comment meters; x to the right, y down, z away from the camera' in lines
    assert 'comment focal length of the image: 80 pixels' in lines
    values = result.tasks['pointmap'].values
    known = np.isfinite(values[..., 0])
    assert len(vertices) == known.sum() == 45 * 64
    for index, axis in enumerate('xyz'):
        np.testing.assert_array_equal(vertices[axis], values[known][:, index])
    for index, color in enumerate(('blue', 'green', 'red')):
        np.testing.assert_array_equal(vertices[color], result.frame.image[known][:, index])
    _, people = read_ply(write(PointsWriter('pointmap', True), result, tmp_path))
    assert len(people) == (known & result.human_mask).sum() < len(vertices)
    assert people['z'].max() < 2.1 < vertices['z'].max()


def test_an_image_without_anybody_is_an_empty_cloud(tmp_path):
    result = surfaces()
    result.tasks['matting'].values[:] = 0
    lines, vertices = read_ply(write(PointsWriter('pointmap', True), result, tmp_path))
    assert len(vertices) == 0 and 'element vertex 0' in lines


def test_wrong_clouds_are_refused(tmp_path):
    points, colors = np.zeros((4, 3)), np.zeros((4, 3), np.uint8)
    with pytest.raises(ValueError, match=r'must have the shape \(N, 3\), but got'):
        write_ply(tmp_path / 'a.ply', points, colors[:3])
    points[2] = np.nan
    with pytest.raises(ValueError, match='finite'):
        write_ply(tmp_path / 'a.ply', points, colors)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match='a point_map is written as npy, npz or exr'):
        write_map(tmp_path / 'a.png', np.zeros((2, 2, 3), np.float32), 'point_map')


def test_masks_of_a_matte(tmp_path):
    result = surfaces()
    stored = cv2.imread(str(write(MaskWriter(), result, tmp_path)), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored > 0, result.tasks['matting'].values[..., 3] >= 0.5)


def test_composites_on_a_color(tmp_path):
    result = surfaces()
    stored = cv2.imread(str(write(CompositeWriter('matting', '#00b140'), result, tmp_path)))
    np.testing.assert_array_equal(stored[0, 0, ::-1], (0, 0xB1, 0x40))
    np.testing.assert_allclose(stored[24, 32, ::-1] / 255, [0.8, 0.5, 0.2], atol=3e-3)


def test_light_adds_up():
    matte = np.array([[[0.5, 0.5, 0.5, 0.5]]], np.float32)  # half of a white
    on_black = composite_on(matte, np.zeros((1, 1, 3), np.uint8))
    assert on_black[0, 0, 0] == 188  # sRGB of half the light, not 128
    with pytest.raises(ValueError, match='`background` must have height and width'):
        composite_on(matte, np.zeros((1, 2, 3), np.uint8))


def test_a_background_of_another_size_covers_the_image(tmp_path):
    board = np.zeros((20, 200, 3), np.uint8)
    board[:, 80:120] = 255  # the middle
    cv2.imwrite(str(tmp_path / 'behind.png'), board)
    result = surfaces()
    result.tasks['matting'].values[:] = 0
    writer = CompositeWriter('matting', str(tmp_path / 'behind.png'))
    stored = cv2.imread(str(write(writer, result, tmp_path)))
    assert stored.shape == (*SIZE_HW, 3) and (stored == 255).all()
    assert cover(board, (7, 1)).shape == (7, 1, 3)


def test_another_background_is_another_style(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((5, 5, 3), np.uint8))
    styles = [CompositeWriter('matting', b).style for b in ('white', 'black', tmp_path / 'a.png')]
    assert styles[0] != styles[1] != styles[2]
    with pytest.raises(ValueError, match="an image file, but got 'greenish', which is neither"):
        CompositeWriter('matting', 'greenish')
    (tmp_path / 'text.png').write_text('no image')
    with pytest.raises(ValueError, match='text.png'):
        CompositeWriter('matting', tmp_path / 'text.png')


def test_writers_of_a_run():
    outputs = ['maps', 'masks', 'points', 'composites']
    writers = build_writers(TASKS, outputs, map_format='png', foreground=True)
    assert [path for one in writers for path in one.paths('b')] == [
        'pointmap/b.npy',
        'albedo/b.png',
        'matting/b.png',
        'pointmap/b.json',
        'mask/b.png',
        'pointmap_points/b.ply',
        'matting_composite/b.png',
    ]
    with_background = WriteOptions(outputs=('maps',), background='black').writers(TASKS)
    assert isinstance(with_background[-1], CompositeWriter)


@pytest.mark.parametrize(
    'tasks, options, words',
    [
        (['normal'], dict(outputs=['points']), 'points need a task of points such as pointmap'),
        (['normal'], dict(background='white'), 'composites need a task such as matting'),
        (['pointmap'], dict(outputs=['points'], foreground=True), 'need seg-29 or matting as well'),
        (TASKS, dict(foreground=True), "add 'points' to `outputs`"),
        (['depth', 'pose-17'], dict(outputs=['composites']), 'composites need'),
        (['albedo'], dict(outputs=['masks']), 'masks need a parsing task such as seg-28, or matt'),
    ],
)
def test_outputs_that_cannot_be(tasks, options, words):
    with pytest.raises(ValueError, match=words):
        build_writers(tasks, **options)


def test_the_command_knows_the_outputs():
    from mmsapiens.cli import infer
    from mmsapiens.inference import writers

    assert (infer.OUTPUTS, infer.DEFAULT_OUTPUTS) == (OUTPUTS, writers.DEFAULT_OUTPUTS)


@pytest.mark.parametrize('task', TASKS)
def test_overlays(task):
    result = surfaces()
    drawn, image = draw_overlay(result, task), result.frame.image[..., ::-1]
    assert drawn.shape == image.shape
    assert (drawn[24, 32] != image[24, 32]).any()
    if task == 'matting':  # a checkerboard, two grays
        corner = drawn[:2, :20].reshape(-1, 3)
        assert len(np.unique(corner)) == 2
    else:
        np.testing.assert_array_equal(drawn[0, 0], image[0, 0])


def test_panels():
    result = surfaces()
    assert draw_panel(result).shape[1] > 300
    result.tasks['pointmap'].values[:] = np.nan
    assert draw_panel(result).shape[1] > 300


@pytest.mark.parametrize('task', TASKS)
def test_drawings_of_an_evaluation(task):
    result = surfaces()
    one = result.tasks[task]
    field, gt = FIELDS[one.field], np.moveaxis(np.nan_to_num(one.values), -1, 0)
    scene = Scene(result.frame.image[..., ::-1], None, gt)
    pred = gt * np.float32(1.1)
    tile = drawer_of(field).draw_error(pred, gt, scene)
    value = float(tile.title.removeprefix('error, mean ').removesuffix(' cm'))
    valid = drawer_of(field).valid(gt, scene)
    if task == 'pointmap':
        assert value == pytest.approx(10 * np.linalg.norm(gt, axis=0)[valid].mean(), rel=0.01)
    elif task == 'matting':
        assert value == pytest.approx(0.1 * gt[3].mean(), abs=1e-3)
    assert stack(draw_field(field, scene, pred, 'title')).ndim == 3
