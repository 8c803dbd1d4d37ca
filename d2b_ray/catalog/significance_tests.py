"""Tests of a voxel's correlation by name, and the shape that each has. Not the tests themselves.

A test is one file with a `SignificanceTest` in it (those of this package: `significance/voxel_tests/`)
and one row below, or an entry point of an installed package in the table's group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, NullCounts

__all__ = ["TESTS", "CorrelationSizes", "DeviceNull", "Draws", "SignificanceTest"]


@dataclass(frozen=True, slots=True)
class Draws:
    """Which part of a null is drawn: permutations `start` to `stop`, the last not included.

    Any split into ranges must give the same counts in sum. `options` those of the block `significance`
    that the test named, by name. `runs` lengths in TRs of the runs, in the order of the rows, when
    the sweep wants each confined to itself. `observed` (V,) takes the place of the correlations of
    prediction and response (drama2brain compares the share of a band).
    """

    start: int
    stop: int
    options: Mapping[str, Any] = field(default_factory=dict)
    runs: Sequence[int] | None = None
    observed: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class CorrelationSizes:
    """How large a test is: `series` pairs of `samples` each, `permutations` of a null (0: a formula).

    `block_trs` length of its blocks, where it has any.
    """

    samples: int
    series: int
    permutations: int = 0
    block_trs: int = 0


@dataclass(frozen=True, slots=True)
class DeviceNull:
    """The same null where the prediction is: counts equal those of `SignificanceTest.null`.

    `can` (samples, draws) whether it serves these; `null` (predict, response, voxels, draws) -> counts of
    the columns `voxels`, where `predict` (columns) gives predictions (n, v) beside `response` (n, V).
    """

    can: Callable[[int, Draws], bool]
    null: Callable[[Callable[[slice], torch.Tensor], torch.Tensor, slice, Draws], NullCounts]


@dataclass(frozen=True, slots=True)
class SignificanceTest:
    """One test. Its file loads nothing heavy before one of the functions is called.

    It has a null or a formula or, testing nothing, neither: `null` (prediction, response, draws) ->
    counts; `p_values` (prediction, response, options) -> p (V,). `prediction`, `response` (n, V).
    `options` keys of the block `significance` that its numbers depend on (of the null: seed, null,
    rng, block_trs, within_runs, autocorrelation, as far as they mean something to it); they are part
    of what the work is known by. `pools`: every voxel is compared with the null values of all, whatever
    `null` says. `flops` operations of `null` or `p_values`, for the estimate of a plan. `on_device` the null
    for a GPU that has just predicted; without it predictions go to CPU workers.
    """

    null: Callable[[FloatArray, FloatArray, Draws], NullCounts] | None = None
    p_values: Callable[[FloatArray, FloatArray, Mapping[str, Any]], NDArray[np.float64]] | None = (
        None
    )
    options: tuple[str, ...] = ()
    pools: bool = False
    flops: Callable[[CorrelationSizes], float] | None = None
    on_device: DeviceNull | None = None

    @property
    def corrections(self) -> tuple[str, ...]:
        """Corrections over voxels that it allows: the largest null value needs a null."""
        return ("fdr_bh", "fdr_by", "max") if self.p_values is None else ("fdr_bh", "fdr_by")

    @property
    def draws_blocks(self) -> bool:
        """Whether it shuffles blocks of samples, which may be confined to runs."""
        return "within_runs" in self.options


TESTS: Table[SignificanceTest] = Table(
    "test",
    "d2b_ray.tests",
    {
        "block": "d2b_ray.significance.voxel_tests.block:TEST",
        "gauss": "d2b_ray.significance.voxel_tests.gauss:TEST",
        "parametric": "d2b_ray.significance.voxel_tests.parametric:TEST",
        "none": "d2b_ray.significance.voxel_tests.none:TEST",
    },
)
