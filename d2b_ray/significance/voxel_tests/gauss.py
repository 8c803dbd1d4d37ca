"""`test: gauss`: correlations of white noise, as drama2brain offers them; it knows no autocorrelation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.catalog.significance_tests import SignificanceTest
from d2b_ray.significance.operations import null_flops

if TYPE_CHECKING:
    from d2b_ray.arrays import FloatArray, NullCounts
    from d2b_ray.catalog.significance_tests import Draws

__all__ = ["TEST", "null"]


def null(prediction: FloatArray, response: FloatArray, draws: Draws) -> NullCounts:
    """Counts of a range of draws, those of all voxels pooled."""
    from d2b_ray.significance import noise_null

    return noise_null(
        prediction,
        response,
        start=draws.start,
        stop=draws.stop,
        seed=draws.options["seed"],
        rng=draws.options["rng"],
        observed=draws.observed,
    )


# `null` changes nothing here; it stays among the options, for the work is known by them
TEST = SignificanceTest(null=null, flops=null_flops, options=("seed", "null", "rng"), pools=True)
