"""How much memory of its own a worker takes for a unit: beside what it maps and shares. Pure.

Responses are mapped, designs and values of other units lie in the object store: these pages are held
once a machine. What a model takes that extracts is not known before it is loaded, and not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.plan.widths import FLOAT32_BYTES, columns, value_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.plan.units import Plan
    from d2b_ray.plan.world import Sizes

__all__ = ["factorizing_bytes", "own_bytes"]

BASE_BYTES = 500_000_000  # an interpreter with the libraries that fits need
# Matrices of a fold's order in float64 while folds are factorized, beside what is kept: sums and roots of
# each fold, LAPACK's workspace of each thread, and those of all rows.
EACH_FOLD, EACH_THREAD, ALL_ROWS = 2, 4, 12
FACTORS = 3  # matrices of a fold's order in float32, that its scores are made with
VOXEL_BYTES = 200  # of counts, scores and a table


def own_bytes(plan: Plan, sizes: Sizes, budget_bytes: int, threads: int = 1) -> Mapping[str, int]:
    """The most that a unit of each kind takes; `budget_bytes` is the solvers' working memory, `threads`
    those of a fit."""
    values = value_bytes(plan, sizes)
    found: dict[str, int] = {}
    for unit in plan:
        voxels = sizes.voxels.get(unit.subject or "", 0)
        series = FLOAT32_BYTES * sizes.n_valid * voxels
        taken = VOXEL_BYTES * voxels
        if unit.kind == "design":
            taken = 2 * values[unit.key]
        elif unit.kind == "factorize":
            order = min(sizes.n_train, columns(plan[unit.params["design"]], sizes))
            taken = values[unit.key] + factorizing_bytes(order, sizes.n_groups, threads)
        elif unit.kind == "fit":
            made = columns(plan[unit.params["design"]], sizes)
            order = min(sizes.n_train, made)
            taken = budget_bytes + values[unit.key] + FLOAT32_BYTES * sizes.n_train * made
            taken += FACTORS * sizes.n_groups * FLOAT32_BYTES * order**2
            if unit.params["kind"] == "banded":  # each candidate is factorized anew
                taken += factorizing_bytes(order, sizes.n_groups, threads)
        elif unit.kind == "ceiling":
            taken += series
        elif unit.kind == "compare":
            taken += 2 * series
        elif unit.kind == "generalise":
            taken += 3 * series
        elif unit.kind == "weights":
            made = columns(plan[unit.params["design"]], sizes)
            taken = values[unit.params["design"]] + 3 * 8 * made**2
            taken += 4 * FLOAT32_BYTES * made * unit.params["top_voxels"]
        found[unit.kind] = max(found.get(unit.kind, 0), BASE_BYTES + taken)
    return found


def factorizing_bytes(order: int, folds: int, threads: int) -> int:
    """Beside what is kept of a factorization of `folds` folds, `order` the fewer of rows and columns."""
    return 8 * (EACH_FOLD * folds + EACH_THREAD * threads + ALL_ROWS) * order**2
