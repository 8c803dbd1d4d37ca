"""`solver: auto`: ridge for samples >= columns, else kernel ridge: the same solution for less work."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.solvers import RIDGE_SOLVERS, Solver
from d2b_ray.encoding.operations import ridge_flops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Band, FloatArray, IntArray
    from d2b_ray.catalog.solvers import Problem, Solution
    from d2b_ray.encoding.factorization import Factorization

__all__ = ["SOLVER", "nested", "prepare", "solve"]


def prepare(train: FloatArray, groups: IntArray, bands: Sequence[Band], device: str) -> Any:
    """What the solver of this shape prepares."""
    make = RIDGE_SOLVERS[_name(primal=train.shape[0] >= train.shape[1])].prepare
    assert make is not None
    return make(train, groups, bands, device)


def solve(problem: Problem, prepared: Factorization) -> Solution:
    """The solution of the solver that prepared."""
    name = _name(primal=prepared.primal)
    return replace(RIDGE_SOLVERS[name].solve(problem, prepared), solver=name)


def nested(problem: Problem, prepared: Factorization) -> FloatArray:
    """Nested predictions by the solver that prepared."""
    predict = RIDGE_SOLVERS[_name(primal=prepared.primal)].nested
    assert predict is not None
    return predict(problem, prepared)


def _name(*, primal: bool) -> str:
    return "ridge" if primal else "kernel_ridge"


SOLVER = Solver(solve=solve, flops=ridge_flops, prepare=prepare, nested=nested)
