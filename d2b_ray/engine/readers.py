"""Who reads what a fit predicts: a GPU that has fitted keeps it to itself if only nulls do."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.steps.parts import tiles_of
from d2b_ray.steps.task import Readers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from d2b_ray.plan import Plan, Unit

__all__ = ["readers_of"]

PREDICTIONS = {"predictions", "compared"}  # names of `output.save` that keep them


def readers_of(plan: Plan, unneeded: Collection[str]) -> Mapping[str, Readers]:
    """Of each fit, by key; without units that are `unneeded`."""
    nulls: dict[str, list[Unit]] = defaultdict(list)
    for unit in plan.of("null"):
        if unit.key not in unneeded:
            nulls[unit.params["fit"]].append(unit)
    reading = {unit.params["fit"] for unit in plan.of("bootstrap")}
    for unit in plan.of("commit"):
        by_formula = TESTS[unit.params["significance"]["test"]].p_values is not None
        if by_formula or PREDICTIONS & set(unit.params["save"]):
            reading.add(unit.params["fit"])
    found = {}
    for unit in plan.of("fit"):
        own, whole = nulls[unit.key], unit.key in reading
        found[unit.key] = Readers(tuple(own), whole, () if whole else tiles_of(own))
    return found
