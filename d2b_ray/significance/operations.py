"""How many operations a test takes: what the tests tell a plan. Counts only, loads nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from d2b_ray.catalog.significance_tests import CorrelationSizes

__all__ = ["fourier_flops", "null_flops"]


def null_flops(sizes: CorrelationSizes) -> float:
    """Of correlations anew for every permutation."""
    return 2.0 * sizes.series * sizes.samples * sizes.permutations


def fourier_flops(sizes: CorrelationSizes) -> float:
    """Of four Fourier transforms a pair of series."""
    return sizes.series * 10.0 * sizes.samples * math.log2(max(sizes.samples, 2))
