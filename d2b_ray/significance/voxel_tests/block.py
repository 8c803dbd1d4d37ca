"""`test: block`: the order of blocks of the measured series is permuted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.catalog.significance_tests import DeviceNull, SignificanceTest
from d2b_ray.significance.operations import block_flops

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

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


def can(samples: int, draws: Draws) -> bool:
    """Whether a device draws it: a pooled null needs all voxels at once, and very short blocks do not pay."""
    from d2b_ray.significance.on_device import can_table

    return draws.options["null"] == "voxel" and can_table(
        samples, draws.options["block_trs"], draws.runs
    )


def null_on_device(
    predict: Callable[[slice], torch.Tensor], response: torch.Tensor, voxels: slice, draws: Draws
) -> NullCounts:
    """The same counts, on the device of `response`."""
    from d2b_ray.significance.on_device import block_null_on_device

    return block_null_on_device(
        predict,
        response,
        voxels,
        start=draws.start,
        stop=draws.stop,
        seed=draws.options["seed"],
        block_trs=draws.options["block_trs"],
        rng=draws.options["rng"],
        observed=draws.observed,
        runs=draws.runs,
        corrected=draws.options.get("autocorrelation") == "corrected",
    )


TEST = SignificanceTest(
    null=null,
    on_device=DeviceNull(can, null_on_device),
    flops=block_flops,
    options=("seed", "null", "rng", "block_trs", "within_runs", "autocorrelation"),
)
