"""How many operations a test takes: what the tests tell a plan. Counts only, loads nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from d2b_ray.catalog.significance_tests import CorrelationSizes

__all__ = ["ADDING", "ALONE", "DIRECT", "block_flops", "fourier_flops", "null_flops"]

# costs of `kernels`, in multiply-adds of `tabled` that ten rows in registers serve
DIRECT = 3.5  # one of `direct`, which waits for the one before
ALONE = 3  # one of `tabled` in the rows of a block behind the last ten
ADDING = 2.5  # an entry of the table


def null_flops(sizes: CorrelationSizes) -> float:
    """Of correlations anew for every permutation."""
    return 2.0 * sizes.series * sizes.samples * sizes.permutations


def block_flops(sizes: CorrelationSizes) -> float:
    """Of permuted blocks, by a table of the blocks' products or anew, whichever is less.

    And of the autocorrelations of both series, which the null is corrected for.
    """
    length = min(max(sizes.block_trs, 1), sizes.samples)
    blocks = math.ceil(sizes.samples / length)
    ways = 1 + (sizes.samples % length > 0)
    table = ways * (length + (ALONE - 1) * (length % 10)) * blocks**2
    adding = ADDING * sizes.permutations * blocks
    anew = DIRECT * sizes.permutations * sizes.samples
    return sizes.series * min(table + adding, anew) + fourier_flops(sizes)


def fourier_flops(sizes: CorrelationSizes) -> float:
    """Of four Fourier transforms a pair of series."""
    return sizes.series * 10.0 * sizes.samples * math.log2(max(sizes.samples, 2))
