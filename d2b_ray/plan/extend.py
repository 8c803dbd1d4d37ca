"""A plan less the permutations that lie counted in the store: 1,000 become 10,000 by 9,000 more. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from d2b_ray.plan.keys import unit_key
from d2b_ray.plan.units import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.plan.units import Unit

__all__ = ["extended", "same_null"]

# What is done with the counts of a null, and how many there are; all else is the null itself.
AFTER_COUNTING = frozenset({"permutations", "correction", "level", "bootstrap", "ceiling"})


def same_null(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two commits (their params) count the permutations of one null of one fit."""

    def null(params: Mapping[str, Any]) -> dict[str, Any]:
        chosen = params["significance"].items()
        return {name: value for name, value in chosen if name not in AFTER_COUNTING}

    return bool(one["fit"] == other["fit"]) and null(one) == null(other)


def extended(plan: Plan, counted: Mapping[str, int]) -> Plan:
    """The plan without permutations 0 to `counted[key]` of the commit `key`.

    Null units below are left out, one that reaches across begins there, and the commit has `kept` in
    its place: how many it takes from the store. A commit keeps its key.
    """
    if not counted:
        return plan
    instead: dict[str, Unit | None] = {}
    for key, kept in counted.items():
        commit = plan[key]
        needs = []
        for need in commit.needs:
            unit = plan[need]
            if unit.kind == "null" and unit.params["start"] < kept:
                instead[need] = rest = _rest(unit, kept)
                if rest is None:
                    continue
                need = rest.key
            needs.append(need)
        place = {**commit.place, "kept": kept}
        instead[key] = replace(commit, needs=tuple(needs), place=place)
    units = (instead.get(unit.key, unit) for unit in plan)
    left = tuple(unit for unit in units if unit is not None)
    return Plan(left, {unit.key: unit for unit in left}, plan.repeats)


def _rest(unit: Unit, kept: int) -> Unit | None:
    """A null unit from permutation `kept` on; None if nothing is left of it."""
    start, stop = unit.params["start"], unit.params["stop"]
    if stop <= kept:
        return None
    params = {**unit.params, "start": kept}
    label = unit.label.removesuffix(f"{start}-{stop}") + f"{kept}-{stop}"
    return replace(unit, key=unit_key("null", params), params=params, label=label)
