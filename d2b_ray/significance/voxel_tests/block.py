"""`test: block`: the order of blocks of the measured series is permuted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.catalog.significance_tests import SignificanceTest
from d2b_ray.significance.operations import null_flops

if TYPE_CHECKING:
    from d2b_ray.arrays import FloatArray, NullCounts
    from d2b_ray.catalog.significance_tests import Draws

__all__ = ["TEST", "null"]


def null(prediction: FloatArray, response: FloatArray, draws: Draws) -> NullCounts:
    """Counts of a range of permutations."""
    from d2b_ray.significance import block_null

    return block_null(
        prediction,
        response,
        start=draws.start,
        stop=draws.stop,
        seed=draws.options["seed"],
        block_trs=draws.options["block_trs"],
        kind=draws.options["null"],
        rng=draws.options["rng"],
        observed=draws.observed,
        runs=draws.runs,
        corrected=draws.options.get("autocorrelation") == "corrected",
    )


TEST = SignificanceTest(
    null=null,
    flops=null_flops,
    options=("seed", "null", "rng", "block_trs", "within_runs", "autocorrelation"),
)
