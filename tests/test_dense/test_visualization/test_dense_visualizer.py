import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmsapiens.dense.visualization import DenseVisualizer, displayed_map
from mmsapiens.structures.fields import FIELDS, Field
from mmsapiens.visualization.field_drawers import DRAWERS, FieldDrawer, drawer_of
from mmsapiens.visualization.panels import (
    Tile,
    class_legend,
    display_size,
    font_size,
    gap_of,
    join_row,
    row_width,
)

META = dict(classes=['bg', 'left', 'right'], palette=[[9] * 3, [255, 0, 0]])
META['palette'].append([0, 0, 255])
SIZE = (320, 240)


@pytest.fixture
def visualizer():
    made = DenseVisualizer('test', min_side=10)
    made.dataset_meta = META
    return made


def image(size_hw=SIZE, rgb=(255, 0, 0)):
    image = np.empty((*size_hw, 3), dtype=np.uint8)
    image[:] = rgb
    return image


def sample(size_hw=SIZE, **maps):
    made = SegDataSample(metainfo=dict(img_path='/folder/red.png'))
    for name, channels in maps.items():
        data = torch.tensor(channels).view(-1, 1, 1).expand(-1, *size_hw)
        made.set_data({name: PixelData(data=data)})
    return made


SEG = dict(gt_sem_seg=[1], pred_sem_seg=[2])
DEPTH = dict(gt_depth_map=[0.5], pred_depth_map=[0.7])
NORMAL = dict(gt_normal_map=[0.0, 0.0, 1.0], pred_normal_map=[0.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ('maps', 'tiles'),
    [
        ({}, 1),
        (SEG, 4),
        (DEPTH, 5),
        (NORMAL, 4),
        (dict(gt_sem_seg=[1]), 2),
        (dict(pred_sem_seg=[1]), 2),
        (dict(gt_human_mask=[1]), 1),
    ],
)
def test_width_of_the_panel_is_that_of_its_tiles(visualizer, maps, tiles):
    panel = visualizer.draw_panel(image(), sample(**maps))
    assert panel.dtype == np.uint8
    assert panel.shape[1] == row_width(tiles, SIZE[1], font_size(*SIZE))


def test_rows_are_stacked(visualizer):
    both = visualizer.draw_panel(image(), sample(**SEG, **NORMAL))
    seg = visualizer.draw_panel(image(), sample(**SEG))
    assert (both[: len(seg)] == seg).all()
    assert len(both) > 2 * SIZE[0]


def test_switches_leave_tiles_out(visualizer):
    data = sample(**SEG)
    size = font_size(*SIZE)
    for switches in (dict(draw_gt=False), dict(draw_pred=False)):
        panel = visualizer.draw_panel(image(), data, **switches)
        assert panel.shape[1] == row_width(2, SIZE[1], size)
    visualizer.with_error = False
    panel = visualizer.draw_panel(image(), data)
    assert panel.shape[1] == row_width(3, SIZE[1], size)


def test_red_stays_red_in_the_file(visualizer, tmp_path):
    path = tmp_path / 'made' / 'red.png'
    data = sample(**SEG)
    visualizer.add_datasample('x', image(), data, out_file=path)
    blue, green, red = cv2.imread(str(path))[100, 100]
    assert (blue, green, red) == (0, 0, 255)
    assert (visualizer.get_image()[100, 100] == (255, 0, 0)).all()


def test_classes_have_the_colors_and_names_of_the_data_set(visualizer):
    visualizer.alpha = 1.0
    panel = visualizer.draw_panel(image(rgb=(0, 0, 0)), sample(**SEG))
    size, width = font_size(*SIZE), SIZE[1]
    gap = gap_of(size)
    assert panel[100, gap + width + gap + 50].tolist() == [255, 0, 0]
    assert panel[100, gap + 2 * (width + gap) + 50].tolist() == [0, 0, 255]
    entries = [('left', (255, 0, 0)), ('right', (0, 0, 255))]
    legend = class_legend(entries, row_width(3, width, size), size)
    rows = slice(-len(legend) - gap, -gap)
    shown = panel[rows, gap : gap + legend.shape[1]]
    assert (shown == legend).all()


def test_classes_without_a_palette_get_one(visualizer):
    visualizer.dataset_meta = {}
    visualizer.draw_panel(image(), sample(**SEG))
    visualizer.draw_panel(image(), sample(pred_sem_seg=[40]))
    visualizer.draw_panel(image(), sample(gt_sem_seg=[255]))


def test_prediction_is_drawn_where_people_are(visualizer):
    data = sample(**NORMAL, gt_human_mask=[0])
    panel = visualizer.draw_panel(image(), data)
    gap, width = gap_of(font_size(*SIZE)), SIZE[1]
    assert not panel[100, gap + 2 * (width + gap) + 50].any()


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('value', [float('nan'), float('inf'), -1.0, 0.0])
def test_degenerate_maps_are_drawn(visualizer, value):
    names = ('gt_depth_map', 'pred_depth_map')
    visualizer.draw_panel(image(), sample(**{n: [value] for n in names}))
    names = ('gt_normal_map', 'pred_normal_map')
    visualizer.draw_panel(image(), sample(**{n: [value] * 3 for n in names}))


@pytest.mark.parametrize('channels', [1, 3, 5])
def test_unknown_field_is_drawn_without_code(visualizer, monkeypatch, channels):
    field = Field('shine', channels=channels, dtype='float32', fill=-1)
    monkeypatch.setitem(FIELDS, 'shine', field)
    data = sample(gt_shine=[0.2] * channels, pred_shine=[0.4] * channels)
    panel = visualizer.draw_panel(image(), data)
    assert panel.shape[1] == row_width(4, SIZE[1], font_size(*SIZE))


def test_special_drawing_is_found_by_name(visualizer, monkeypatch):
    class Black(FieldDrawer):
        def draw(self, maps, scene, title):
            return Tile(title, np.zeros_like(scene.image))

    field = Field('shine', channels=1, dtype='float32', fill=-1)
    monkeypatch.setitem(FIELDS, 'shine', field)
    monkeypatch.setitem(DRAWERS, 'shine', Black)
    assert isinstance(drawer_of(field), Black)
    panel = visualizer.draw_panel(image(), sample(pred_shine=[0.2]))
    assert not panel[100, SIZE[1] + 50].any()


def test_maps_of_another_size_are_stretched(visualizer):
    data = sample(size_hw=(32, 24), **SEG, **DEPTH)
    visualizer.draw_panel(image(), data)
    maps = displayed_map(data, 'pred_depth_map', (64, 48))
    assert maps.shape == (1, 64, 48) and maps.dtype == np.float32
    assert displayed_map(data, 'pred_normal_map', (64, 48)) is None


def test_stretching_takes_the_pixels_at_the_same_place():
    data = SegDataSample()
    rows = torch.arange(8, dtype=torch.bfloat16).view(1, 8, 1).expand(1, 8, 8)
    data.set_data(dict(pred_depth_map=PixelData(data=rows)))
    assert displayed_map(data, 'pred_depth_map', (4, 2))[0].tolist() == [
        [1, 1],
        [3, 3],
        [5, 5],
        [7, 7],
    ]


@pytest.mark.parametrize(
    ('size_hw', 'shown'),
    [
        ((4000, 3000), (1024, 768)),
        ((64, 48), (320, 240)),
        ((500, 400), (500, 400)),
        ((1, 5000), (1, 1024)),
    ],
)
def test_size_of_the_display_is_bounded(size_hw, shown):
    assert display_size(*size_hw, 320, 1024) == shown


def test_local_backend_gets_the_panel(tmp_path):
    backends = [dict(type='LocalVisBackend')]
    made = DenseVisualizer('local', vis_backends=backends, save_dir=str(tmp_path))
    made.add_datasample('panel', image(), sample(**DEPTH), step=7)
    path = tmp_path / 'vis_data' / 'vis_image' / 'panel_7.png'
    written = cv2.imread(str(path))[..., ::-1]
    assert (written == made.get_image()).all()


def test_tensorboard_gets_the_panel(tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing import event_accumulator

    backends = [dict(type='TensorboardVisBackend')]
    made = DenseVisualizer('board', vis_backends=backends, save_dir=str(tmp_path))
    made.add_datasample('panel', image(), sample(**DEPTH), step=7)
    made.close()
    events = event_accumulator.EventAccumulator(str(tmp_path / 'vis_data'))
    events.Reload()
    (event,) = events.Images('panel')
    data = np.frombuffer(event.encoded_image_string, dtype=np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    assert event.step == 7
    assert (decoded == made.get_image()).all()


def test_bad_arguments_are_refused(visualizer):
    with pytest.raises(ValueError, match='`opacity` must be in'):
        DenseVisualizer('bad', opacity=1.5)
    with pytest.raises(ValueError, match='`min_side` must be above 0'):
        DenseVisualizer('bad', min_side=2000)
    with pytest.raises(ValueError, match=r'uint8 \(H, W, 3\)'):
        visualizer.draw_panel(np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match='one size'):
        join_row([Tile('a', image()), Tile('b', image((9, 9)))], 12)
