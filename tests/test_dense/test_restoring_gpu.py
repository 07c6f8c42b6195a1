import pytest
import torch

from mmsapiens.ops.resize_outputs import restore, unflip
from mmsapiens.structures.fields import FIELDS

pytestmark = pytest.mark.gpu
DEVICE = 'cuda'


@pytest.mark.parametrize('max_values', [2**22, 5000])
def test_labels_equal_the_cpu_but_for_ties(max_values, generator):
    maps = torch.randn(28, 32, 24, generator=generator)

    def choose(strip):
        return strip.argmax(dim=0, keepdim=True)

    expected = restore(maps, (201, 155), choose, max_values)
    actual = restore(maps.to(DEVICE), (201, 155), choose, max_values)
    assert actual.device.type == DEVICE
    assert (actual.cpu() != expected).float().mean() < 1e-3


def test_continuous_maps_equal_the_cpu(generator):
    maps = torch.randn(3, 32, 24, generator=generator)

    def unit(strip):
        return torch.nn.functional.normalize(strip, dim=0)

    expected = restore(maps, (201, 155), unit)
    actual = restore(maps.to(DEVICE), (201, 155), unit).cpu()
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize('name', ['seg_map', 'normal_map', 'depth_map'])
def test_unflipping_equals_the_cpu(name, generator):
    field = FIELDS[name]
    channels = 6 if field.is_labels else field.channels
    output = torch.randn(2, channels, 8, 6, generator=generator)
    pairs = ((1, 2), (3, 5)) if field.is_labels else ()
    expected = unflip(output, field, pairs)
    actual = unflip(output.to(DEVICE), field, pairs)
    assert torch.equal(actual.cpu(), expected)
