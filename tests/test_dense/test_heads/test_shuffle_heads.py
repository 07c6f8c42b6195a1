import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmsapiens.models.heads import HEADS
from mmsapiens.structures.fields import get_field

LAYERS = dict(upsample_channels=(8, 8), conv_out_channels=(8,))
GRID = (8, 6)
OPTIONS = dict(PointMapHead=dict(grid_hw=GRID, scale_channels=(8, 8), scale_hidden=(8,)))
NAMES = ('PixelShuffleNormalHead', 'AlbedoHead', 'MattingHead', 'PointMapHead')


def build(name, **changes):
    torch.manual_seed(0)
    cfg = dict(type=f'mmsapiens.{name}', in_channels=16, **LAYERS, **OPTIONS.get(name, {}))
    head = MODELS.build(dict(cfg, **changes))
    head.init_weights()
    return head


def samples(head):
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(2):
        maps = torch.rand(head.row.channels, 4 * GRID[0], 4 * GRID[1], generator=generator)
        if head.row.is_vector:
            maps = maps / maps.norm(dim=0)
        if head.row.is_position:
            maps[2] += 1
        maps[:, :3] = head.row.fill
        camera = np.array([[768.0, 0, 12], [0, 768.0, 16], [0, 0, 1]])
        sample = SegDataSample(metainfo=dict(intrinsics=camera, img_path=f'{number}.png'))
        sample.set_data({head.row.gt_name: PixelData(data=maps)})
        found.append(sample)
    return found


@pytest.mark.parametrize('name', NAMES)
def test_layers_and_outputs_are_those_of_the_core(name):
    head = build(name).eval()
    row = get_field(head.field)
    core = HEADS[name](16, row.channels, **LAYERS, **OPTIONS.get(name, {})).eval()
    core.load_state_dict(head.state_dict())
    feats = [torch.randn(2, 16, *GRID)]
    maps = head(feats)
    torch.testing.assert_close(head.activate(maps), core(feats), equal_nan=True)
    torch.testing.assert_close(
        head.finish(head.activate(maps)[0]), core.finish(core(feats)[0]), equal_nan=True
    )


@pytest.mark.parametrize('name', NAMES)
def test_a_head_learns(name):
    head = build(name).train()
    feats = torch.randn(2, 16, *GRID, requires_grad=True)
    optimizer = torch.optim.AdamW(head.parameters(), 1e-2)
    data, totals = samples(head), []
    for _ in range(12):
        losses = head.loss([feats], data, {})
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert all(name.startswith('loss_') for name in losses)
    assert np.isfinite(totals).all() and totals[-1] < 0.8 * totals[0]


@pytest.mark.parametrize('name', NAMES[:2])
def test_padding_is_no_target(name):
    head = build(name)
    sample = samples(head)[0]
    valid = head.valid(sample.get(head.row.gt_name).data[None])
    assert not valid[:, :3].any() and valid[:, 3:].all()


def test_points_need_a_camera():
    head = build('PointMapHead')
    data = samples(head)
    del data[1].intrinsics
    with pytest.raises(ValueError, match=r"need `intrinsics` .* but \['1.png'\] have none"):
        head.loss([torch.randn(2, 16, *GRID)], data, {})
    data = samples(head)
    data[0].set_metainfo(dict(intrinsics=np.diag([0.0, 60, 1])))
    with pytest.raises(ValueError, match='focal lengths fx and fy above 0'):
        head.loss([torch.randn(2, 16, *GRID)], data, {})


def test_weights_of_another_head_are_refused():
    with pytest.raises(ValueError, match='has a head for normal_map, but the model has one for'):
        build('AlbedoHead').load_state_dict(build('PixelShuffleNormalHead').state_dict())
    other = build('MattingHead', upsample_channels=(8, 4))
    with pytest.raises(ValueError, match='`decode_head.upsample_blocks` of the checkpoint'):
        build('MattingHead').load_state_dict(other.state_dict())
