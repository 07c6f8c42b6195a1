"""Means that do not depend on the order."""

from __future__ import annotations

import math
from collections.abc import Iterable


def mean(values: Iterable[float]) -> float:
    """Mean, rounded once, so that it does not depend on the order.

    Args:
        values (Iterable[float]): Numbers.

    Returns:
        float: Their mean; NaN of none.
    """
    numbers = list(values)
    return math.fsum(numbers) / len(numbers) if numbers else math.nan
