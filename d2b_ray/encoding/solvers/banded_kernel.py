"""`solver: kernel`: a penalty a band and voxel by linear kernels, for fewer samples than features."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from d2b_ray.catalog.solvers import Solver
from d2b_ray.encoding.operations import banded_flops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Band, FloatArray, IntArray
    from d2b_ray.catalog.solvers import BandedSolution, Problem
    from d2b_ray.encoding.kernels import Kernels

__all__ = ["SOLVER", "prepare", "solve", "without"]


def prepare(train: FloatArray, groups: IntArray, bands: Sequence[Band], device: str) -> Kernels:
    """The kernel of each band."""
    from d2b_ray.encoding.kernels import make_kernels

    return make_kernels(train, groups, device, [band.start for band in bands[1:]])


def solve(problem: Problem, prepared: Kernels) -> BandedSolution:
    """The best weights and penalty of each voxel, refitted on all rows."""
    from d2b_ray.encoding.search import search_bands

    found = search_bands(
        problem.train,
        problem.response,
        problem.bands,
        problem.alphas,
        problem.search,
        prepared,
        problem.device,
        problem.memory_budget_bytes,
    )
    return replace(found, solver="banded kernel")


def without(problem: Problem, prepared: Kernels, number: int) -> BandedSolution:
    """The same without one band, by the same kernels."""
    from d2b_ray.encoding.unique import solve_without

    return solve_without(problem, prepared, number)


SOLVER = Solver(solve=solve, flops=banded_flops, prepare=prepare, without=without)
