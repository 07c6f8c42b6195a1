import pytest
import torch

from mmsapiens.models.losses import (
    AllPixelCrossEntropyLoss,
    HardKeypointMSELoss,
    NormalCosineLoss,
    NormalL1Loss,
    ScaleInvariantLogLoss,
)

pytestmark = pytest.mark.gpu
DEVICE = 'cuda'


def normals(generator):
    vectors = torch.randn(2, 3, 16, 12, generator=generator)
    return torch.nn.functional.normalize(vectors, dim=1)


def cases(generator):
    """Loss -> prediction and other arguments."""
    heatmaps = torch.rand(2, 9, 16, 12, generator=generator)
    valid = torch.rand(2, 16, 12, generator=generator) < 0.7
    labels = torch.randint(0, 4, (2, 16, 12), generator=generator)
    labels[0, :3] = 255
    return [
        (
            HardKeypointMSELoss(topk=3),
            torch.rand(2, 9, 16, 12, generator=generator),
            (heatmaps, torch.ones(2, 9)),
        ),
        (
            AllPixelCrossEntropyLoss(class_weight=(1.0, 2.0, 3.0, 4.0)),
            torch.randn(2, 4, 16, 12, generator=generator),
            (labels,),
        ),
        (
            ScaleInvariantLogLoss(),
            torch.rand(2, 1, 16, 12, generator=generator) + 0.1,
            (torch.rand(2, 1, 16, 12, generator=generator), valid),
        ),
        (NormalCosineLoss(), normals(generator), (normals(generator), valid)),
        (NormalL1Loss(), normals(generator), (normals(generator), valid)),
    ]


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.half])
@pytest.mark.parametrize('number', range(5))
def test_value_and_gradient_equal_the_cpu(number, dtype, generator):
    loss, pred, others = cases(generator)[number]
    pred = pred.to(dtype).float()  # values that both precisions have
    results = []
    for device, precision in (('cpu', torch.float32), (DEVICE, dtype)):
        leaf = pred.detach().to(device, precision, copy=True)
        leaf.requires_grad_()
        value = loss.to(device)(leaf, *(each.to(device) for each in others))
        value.backward()
        results.append((value.detach().cpu().float(), leaf.grad.cpu().float()))
    (expected, expected_grad), (actual, actual_grad) = results
    exact = dtype == torch.float32
    torch.testing.assert_close(actual, expected, rtol=1e-5 if exact else 1e-2, atol=1e-6)
    error = (actual_grad - expected_grad).norm() / expected_grad.norm()
    assert error < (1e-5 if exact else 2e-2)
