"""`solver: auto` of banded fits: primal for samples >= columns, else kernels: the same for less work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.solvers import BANDED_SOLVERS, Solver
from d2b_ray.encoding.operations import banded_flops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Band, FloatArray, IntArray
    from d2b_ray.catalog.solvers import BandedSolution, Problem

__all__ = ["SOLVER", "prepare", "solve", "without"]


def prepare(train: FloatArray, groups: IntArray, bands: Sequence[Band], device: str) -> Any:
    """What the solver of this shape prepares."""
    make = BANDED_SOLVERS["primal" if train.shape[0] >= train.shape[1] else "kernel"].prepare
    assert make is not None
    return make(train, groups, bands, device)


def solve(problem: Problem, prepared: Any) -> BandedSolution:
    """The solution of the solver that prepared."""
    return _solver_of(prepared).solve(problem, prepared)


def without(problem: Problem, prepared: Any, number: int) -> BandedSolution:
    """The same without one band, by the solver that prepared."""
    leave_out = _solver_of(prepared).without
    assert leave_out is not None
    return leave_out(problem, prepared, number)


def _solver_of(prepared: Any) -> Solver[BandedSolution]:
    from d2b_ray.encoding.kernels import Kernels

    return BANDED_SOLVERS["kernel" if isinstance(prepared, Kernels) else "primal"]


SOLVER = Solver(solve=solve, flops=banded_flops, prepare=prepare, without=without)
