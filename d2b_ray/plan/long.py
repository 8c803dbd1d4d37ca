"""Fits that take far longer than most of a sweep: begun first, they leave no worker alone at the end."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from d2b_ray.plan.estimate import unit_seconds

if TYPE_CHECKING:
    from d2b_ray.plan.units import Plan
    from d2b_ray.plan.world import Sizes

__all__ = ["long_fits"]

TIMES = 8.0  # the median


def long_fits(plan: Plan, sizes: Sizes) -> frozenset[str]:
    """Keys of the fits that take `TIMES` the seconds of the median fit, by counted operations.

    With what they need that lives in memory: designs and factorizations.
    """
    seconds = {unit.key: unit_seconds(plan, unit, sizes) for unit in plan.of("fit")}
    usual = median(seconds.values()) if seconds else 0.0
    found: set[str] = set()
    stack = [key for key, took in seconds.items() if took > TIMES * usual]
    while stack:
        key = stack.pop()
        if key not in found:
            found.add(key)
            stack.extend(need for need in plan[key].needs if not plan[need].durable)
    return frozenset(found)
