import pytest
import torch
import torch.nn.functional as F

from mmsapiens.ops.resize_outputs import resized_strips, restore, unflip
from mmsapiens.structures.fields import get_field


@pytest.mark.parametrize('size', [(16, 12), (37, 29), (5, 40), (1, 1)])
@pytest.mark.parametrize('max_values', [1, 500, 2**22])
def test_strips_together_are_bilinear_resizing(size, max_values, generator):
    maps = torch.randn(3, 16, 12, generator=generator)
    result = restore(maps, size, lambda strip: strip, max_values)
    expected = F.interpolate(maps[None], size=size, mode='bilinear')[0]
    torch.testing.assert_close(result, expected)


def test_strips_are_as_small_as_asked():
    strips = list(resized_strips(torch.zeros(4, 8, 6), (100, 10), 400))
    assert len(strips) == 10
    assert all(strip.shape == (4, 10, 10) for _, strip in strips)
    assert [rows.start for rows, _ in strips] == list(range(0, 100, 10))


def test_finishing_may_change_channels_and_type(generator):
    maps = torch.randn(5, 8, 6, generator=generator)
    classes = restore(maps, (20, 30), lambda strip: strip.argmax(0, keepdim=True), 1000)
    full = F.interpolate(maps[None], size=(20, 30), mode='bilinear')[0]
    assert classes.shape == (1, 20, 30)
    assert classes.dtype == torch.int64
    assert (classes == full.argmax(0)).float().mean() > 0.99


@pytest.mark.parametrize('name', ['seg_map', 'depth_map', 'normal_map'])
def test_unflipping_twice_is_identity(name, generator):
    maps = torch.randn(2, 3, 4, 5, generator=generator)
    field = get_field(name)
    once = unflip(maps, field, [(0, 2)])
    assert torch.equal(unflip(once, field, [(0, 2)]), maps)


def test_each_field_unflips_by_its_own_law():
    maps = torch.arange(6.0).view(3, 1, 2)
    mirrored = maps.flip(-1)
    assert torch.equal(unflip(maps, get_field('seg_map'), [(0, 1)]), mirrored[[1, 0, 2]])
    signs = torch.tensor([-1.0, 1, 1]).view(3, 1, 1)
    assert torch.equal(unflip(maps, get_field('normal_map'), ()), mirrored * signs)
    assert torch.equal(unflip(maps, get_field('depth_map'), ()), mirrored)


def test_empty_size_is_refused():
    with pytest.raises(ValueError, match=r'must not be empty, but got \(0, 4'):
        restore(torch.zeros(1, 2, 2), (0, 4), lambda strip: strip)


@pytest.mark.parametrize('max_values', [1, 900, None])
@pytest.mark.parametrize('size', [(32, 24), (45, 31), (20, 50)])
def test_resizing_over_another_size(size, max_values, generator):
    maps = torch.randn(3, 16, 12, generator=generator)
    via = (29, 25)
    expected = F.interpolate(maps[None], size=via, mode='bilinear')
    expected = F.interpolate(expected, size=size, mode='bilinear')[0]
    result = restore(maps, size, lambda strip: strip, max_values, via)
    torch.testing.assert_close(result, expected)


def test_nan_stays_where_it_is(generator):
    maps = torch.randn(2, 8, 6, generator=generator)
    maps[0, 3, 2] = float('nan')
    result = restore(maps, (24, 18), lambda strip: strip, via_hw=(16, 12))
    expected = F.interpolate(maps[None], size=(16, 12), mode='bilinear')
    expected = F.interpolate(expected, size=(24, 18), mode='bilinear')[0]
    torch.testing.assert_close(result, expected, equal_nan=True)
