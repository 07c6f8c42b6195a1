"""Vectors of length 1."""

from __future__ import annotations

from torch import Tensor


def unit_vectors(vectors: Tensor, dim: int, eps: float = 1e-12) -> Tensor:
    """The numbers of ``F.normalize`` to the last bit but one, but faster.

    On a CPU, a norm along another dimension than the last takes 20 times as long as the sum of
    squares.

    Args:
        vectors (Tensor): Any shape, lengths below 1e12; float32 or wider for eps below 1e-3.
        dim (int): The dimension of the components.
        eps (float): Shorter vectors are divided by this instead of their length. Defaults to 1e-12.

    Returns:
        Tensor: Of the same shape.
    """
    squares = vectors.square().sum(dim, keepdim=True)
    return vectors * squares.clamp(min=eps**2).rsqrt()
