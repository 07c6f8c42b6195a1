"""Losses: pure functions, and thin modules with a weight and a name.

All are computed in float32, or in float64 if the prediction has that. Shapes: B batch, C classes,
K keypoints, H W pixels.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.unit_vectors import unit_vectors

DIVISORS = ('pixels', 'valid_pixels', 'weights')
HALF_EPS = 1e-3


def full_precision(tensor: Tensor) -> Tensor:
    """``tensor`` in float32, or in float64 if it has that."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


class _NamedLoss(nn.Module):
    """A loss with a weight and a name in the log."""

    name = ''

    def __init__(self, loss_weight: float = 1.0, loss_name: str = '') -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.loss_name = loss_name or self.name


def all_pixel_cross_entropy_loss(
    pred: Tensor,
    target: Tensor,
    class_weight: Tensor | None = None,
    *,
    divisor: str = 'pixels',
    ignore_index: int = 255,
) -> Tensor:
    """Cross-entropy of logits (B, C, H, W) and class ids (B, H, W), with class weights (C,).

    The sum is divided by 'pixels', B * H * W as in the reference implementation; by 'valid_pixels',
    those that are not ignored; or by 'weights', the sum of their weights, as in PyTorch. 0 when no
    pixel is valid.
    """
    pred = full_precision(pred)
    weight = None if class_weight is None else class_weight.to(pred)
    losses = F.cross_entropy(pred, target, weight, reduction='none', ignore_index=ignore_index)
    total = losses.sum()
    if divisor == 'pixels':
        return total / max(target.numel(), 1)
    counts = (target != ignore_index).to(pred)  # (B, H, W)
    if divisor == 'weights' and weight is not None:
        counts = counts * weight[target.clamp(0, pred.shape[1] - 1)]
    count = counts.sum()
    return total / torch.where(count > 0, count, 1)


class AllPixelCrossEntropyLoss(_NamedLoss):
    """:func:`all_pixel_cross_entropy_loss` as a module, called like the losses of mmsegmentation.

    Args:
        class_weight (Sequence[float], optional): Weights of the classes. Defaults to None, all 1.
        divisor (str): 'pixels', 'valid_pixels' or 'weights', see there. Defaults to 'pixels'.
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Name in the log. Defaults to 'loss_ce'.

    Raises:
        ValueError: If ``divisor`` is unknown or a weight is negative.
    """

    class_weight: Tensor | None

    def __init__(
        self,
        class_weight: Sequence[float] | None = None,
        divisor: str = 'pixels',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ce',
    ) -> None:
        super().__init__(loss_weight, loss_name)
        if divisor not in DIVISORS:
            raise ValueError(f'`divisor` must be one of {DIVISORS}, but got {divisor!r}')
        if class_weight is not None and min(class_weight) < 0:
            raise ValueError(f'`class_weight` must not be negative, but got {tuple(class_weight)}')
        weight = None if class_weight is None else torch.tensor(class_weight).float()
        self.register_buffer('class_weight', weight, persistent=False)
        self.divisor = divisor

    def forward(
        self, pred: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = 255
    ) -> Tensor:
        """The loss of logits (B, C, H, W) and ids (B, H, W); weights of pixels are refused."""
        if weight is not None:
            raise ValueError(
                'AllPixelCrossEntropyLoss takes no weights of pixels; leave '
                "`sampler` of the head out, or use stock 'CrossEntropyLoss'"
            )
        weights, classes = self.class_weight, pred.shape[1]
        if weights is not None and len(weights) != classes:
            raise ValueError(
                f'`class_weight` must have one entry for each of the {classes} classes, '
                f'but got {len(weights)}'
            )
        return self.loss_weight * all_pixel_cross_entropy_loss(
            pred, target, weights, divisor=self.divisor, ignore_index=ignore_index
        )


def dice_loss(
    pred: Tensor,
    target: Tensor,
    *,
    with_background: bool = False,
    squared: bool = True,
    ignore_index: int = 255,
    eps: float = 1e-3,
) -> Tensor:
    """One minus the Dice overlap of each sample, (B,), of logits (B, C, H, W), ids (B, H, W).

    Of a class ``(2 sum(p g) + eps) / (sum(p^2) + sum(g^2) + eps)`` with the softmax p and 0 or 1 g
    over the pixels that are not ignored (``p`` and ``g`` unless ``squared``), and the mean over the
    classes that the sample has; those without a pixel, and class 0 unless ``with_background``, do
    not count. 0 for a sample without a class that counts.
    """
    valid = (target != ignore_index)[:, None]
    share = full_precision(pred).softmax(dim=1) * valid
    ids = torch.where(valid[:, 0], target, 0).long()
    truth = F.one_hot(ids, pred.shape[1]).movedim(-1, 1).to(share) * valid
    first = int(not with_background)
    share, truth = share[:, first:].flatten(2), truth[:, first:].flatten(2)  # (B, C, H * W)
    both = (share * truth).sum(dim=2)
    sizes = (share.square() if squared else share).sum(dim=2) + truth.sum(dim=2)
    loss = 1 - (2 * both + eps) / (sizes + eps)
    present = truth.any(dim=2)
    return (loss * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)


class PresentClassDiceLoss(_NamedLoss):
    """Mean of :func:`dice_loss` over the samples, called like the losses of mmsegmentation.

    Stock ``DiceLoss`` takes all classes of a sample for one region, and ignored pixels for
    background.

    Args:
        with_background (bool): Whether class 0 counts. Defaults to False.
        squared (bool): Whether the sizes of regions are sums of squares. Defaults to True.
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Name in the log. Defaults to 'loss_dice'.
    """

    name = 'loss_dice'

    def __init__(
        self,
        with_background: bool = False,
        squared: bool = True,
        loss_weight: float = 1.0,
        loss_name: str = '',
    ) -> None:
        super().__init__(loss_weight, loss_name)
        self.with_background, self.squared = with_background, squared

    def forward(
        self, pred: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = 255
    ) -> Tensor:
        """The loss of logits (B, C, H, W) and ids (B, H, W); weights of pixels are refused."""
        if weight is not None:
            raise ValueError(
                'PresentClassDiceLoss takes no weights of pixels; leave `sampler` of the head out'
            )
        losses = dice_loss(
            pred,
            target,
            with_background=self.with_background,
            squared=self.squared,
            ignore_index=ignore_index,
        )
        return self.loss_weight * losses.mean()


def hard_keypoint_mse_loss(
    pred: Tensor, target: Tensor, weights: Tensor | None, topk: int
) -> Tensor:
    """Mean squared error of the ``topk`` worst keypoints of each person, over pixels too. Heatmaps
    (B, K, H, W) are multiplied by the weights (B, K), 1 if None, before squaring. Only the chosen
    maps take part in the backward pass."""
    batch, count = pred.shape[:2]
    with torch.no_grad():
        error = (pred - target).square().flatten(2).mean(dim=2)  # (B, K)
        if weights is not None:
            error = error * weights.square()
        first = torch.arange(batch, device=pred.device)[:, None] * count
        chosen = (error.topk(topk, dim=1).indices + first).flatten()
    hard, truth = (maps.flatten(0, 1).index_select(0, chosen) for maps in (pred, target))
    losses = (hard - truth).square().flatten(1).mean(dim=1)  # (B * topk,)
    if weights is not None:
        losses = losses * weights.flatten().index_select(0, chosen).square()
    return losses.mean()


def keypoint_mse_loss(
    pred: Tensor, target: Tensor, weights: Tensor, skip_empty: bool = False
) -> Tensor:
    """Mean over all numbers of heatmaps (B, K, H, W) of ``weights (pred - target)^2``.

    Weights are (B, K); the mean is not divided by them. With ``skip_empty``, keypoints whose target
    is 0 everywhere have weight 0.
    """
    pred, target = full_precision(pred), full_precision(target)
    weights = weights.to(pred)
    if skip_empty:
        weights = weights * target.flatten(2).any(dim=2)
    return ((pred - target).square() * weights[..., None, None]).mean()


class HardKeypointMSELoss(nn.Module):
    """Module form of :func:`hard_keypoint_mse_loss`.

    The numbers are those of stock ``KeypointOHKMMSELoss`` (`online hard keypoint mining
    <https://arxiv.org/abs/1711.07319>`_) without its loop, each step of which copies the gradient.

    Args:
        use_target_weight (bool): Whether keypoint weights count. Defaults to True.
        topk (int): Keypoints of each person that count. Defaults to 8.
        loss_weight (float): Factor of the loss. Defaults to 1.

    Raises:
        ValueError: If ``topk`` is not positive.
    """

    def __init__(
        self, use_target_weight: bool = True, topk: int = 8, loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if topk < 1:
            raise ValueError(f'`topk` must be positive, but got {topk}')
        self.use_target_weight, self.topk, self.loss_weight = use_target_weight, topk, loss_weight

    def forward(
        self, output: Tensor, target: Tensor, target_weights: Tensor | None = None
    ) -> Tensor:
        """Loss of heatmaps (B, K, H, W), weights (B, K)."""
        if self.topk > output.shape[1]:
            raise ValueError(
                f'`topk` must be at most the number of keypoints, '
                f'{output.shape[1]}, but got {self.topk}'
            )
        if not self.use_target_weight:
            target_weights = None
        elif target_weights is None:
            raise ValueError('`target_weights` are needed with `use_target_weight=True`')
        loss = hard_keypoint_mse_loss(output, target, target_weights, self.topk)
        return loss * self.loss_weight


def normal_l1_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid pixels, bool (B, H, W), of the sum of ``|pred - target|`` over x, y, z;
    vectors of any length and unit normals are (B, 3, H, W). 0 when no pixel is valid."""
    error = torch.where(valid[:, None], full_precision(pred) - full_precision(target), 0).abs()
    return error.sum() / valid.sum().clamp(min=1)


def normal_cosine_loss(pred: Tensor, target: Tensor, valid: Tensor, eps: float = 1e-6) -> Tensor:
    """Mean of ``1 - cos`` between predicted and true normals, arguments as above; in [0, 2].
    Vectors shorter than ``eps``, in half precision at least 1e-3, are divided by it instead of
    their length, so that gradients stay finite."""
    if pred.dtype == torch.float16:
        eps = max(eps, HALF_EPS)
    pred, target = (
        unit_vectors(torch.where(valid[:, None], full_precision(each), 0), 1, eps)
        for each in (pred, target)
    )
    error = torch.where(valid, 1 - (pred * target).sum(1), 0)  # (B, H, W)
    return error.sum() / valid.sum().clamp(min=1)


class NormalL1Loss(_NamedLoss):
    """Module form of :func:`normal_l1_loss`.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Name in the log. Defaults to 'loss_l1'.
    """

    name, function = 'loss_l1', staticmethod(normal_l1_loss)

    def forward(self, pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        return self.loss_weight * self.function(pred, target, valid)


class NormalCosineLoss(NormalL1Loss):
    """Module form of :func:`normal_cosine_loss`; ``loss_name`` defaults to 'loss_cosine'."""

    name, function = 'loss_cosine', staticmethod(normal_cosine_loss)


def scale_invariant_log_loss(
    pred: Tensor,
    target: Tensor,
    valid: Tensor | None = None,
    *,
    eps: float = 1e-6,
    clamped_slope: float = 0.0,
) -> Tensor:
    """Scale-invariant logarithmic loss of each sample, (B,), of predictions and targets (B, ...).

    ``sqrt(mean(g^2) - mean(g)^2 / 2)``, ``g`` the difference of the logarithms, over
    the valid pixels whose target is above ``eps`` (so not the nearest point of a relative depth
    map, 0) and whose prediction is not NaN; 0 without such pixels. Predictions are raised to
    ``eps`` before the logarithm; there its gradient is ``clamped_slope``: with the 0 of the
    reference implementation these pixels learn nothing.
    """
    pred = full_precision(pred).flatten(1)  # (B, N)
    target = full_precision(target).flatten(1)
    counted = (target > eps) & ~pred.isnan()  # (B, N)
    if valid is not None:
        counted = counted & valid.flatten(1)
    pred = torch.where(counted, pred, 1)
    log_pred = pred.clamp(min=eps).log()
    if clamped_slope:
        below = torch.where(pred <= eps, pred, 0)
        log_pred = log_pred + clamped_slope * (below - below.detach())
    error = torch.where(counted, target, 1).log() - log_pred
    count = counted.sum(dim=1).clamp(min=1)
    mean = error.sum(dim=1) / count
    spread = error.square().sum(dim=1) / count - 0.5 * mean**2
    # The root has no finite slope at 0.
    is_positive = spread > 0
    return torch.where(is_positive, torch.where(is_positive, spread, 1).sqrt(), 0)


class ScaleInvariantLogLoss(_NamedLoss):
    """Mean of :func:`scale_invariant_log_loss` over the samples.

    From `Depth Map Prediction from a Single Image <https://arxiv.org/abs/1406.2283>`_; the numbers
    are those of the Sapiens reference implementation.

    Args:
        eps (float): Smallest target and prediction. Defaults to 1e-6.
        clamped_slope (float): Gradient of the logarithm for predictions that are not positive; 0 is
            the reference implementation, where a head that starts with negative predictions never
            learns. Defaults to 1.
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Name in the log. Defaults to 'loss_silog'.

    Raises:
        ValueError: If ``eps`` is not positive or ``clamped_slope`` negative.
    """

    def __init__(
        self,
        eps: float = 1e-6,
        clamped_slope: float = 1.0,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_silog',
    ) -> None:
        super().__init__(loss_weight, loss_name)
        if eps <= 0:
            raise ValueError(f'`eps` must be above 0, but got {eps}')
        if clamped_slope < 0:
            raise ValueError(f'`clamped_slope` must not be negative, but got {clamped_slope}')
        self.eps = eps
        self.clamped_slope = clamped_slope

    def forward(self, pred: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """The mean; a sample without valid pixels counts as 0 in it."""
        losses = scale_invariant_log_loss(
            pred, target, valid, eps=self.eps, clamped_slope=self.clamped_slope
        )
        return self.loss_weight * losses.mean()
