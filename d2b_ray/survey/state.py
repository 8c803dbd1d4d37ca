"""How a sweep stands before a run: its plan against the records in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from d2b_ray.plan import RESULTS, digest, feature_key, missing_layers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.plan import Plan, Unit, World
    from d2b_ray.store import Ledger

__all__ = ["StoreState", "store_state"]


@dataclass(frozen=True, slots=True)
class StoreState:
    """Durable units that are done, why others are stale, those that failed earlier.

    `missing_layers` of each extract unit.
    """

    done: frozenset[str]
    stale: Mapping[str, str]
    failed: frozenset[str]
    missing_layers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def store_state(plan: Plan, world: World, ledger: Ledger) -> StoreState:
    """Compare the records in the store with the units and inputs of the plan."""
    missing = {unit.key: missing_layers(unit, world) for unit in plan.of("extract")}
    stale: dict[str, str] = {}
    done: set[str] = set()

    def note_if_stale(key: str, label: str, inputs: Mapping[str, str]) -> None:
        if ledger.state(key, digest(inputs)) == "stale":
            stale[key] = f"{label}: {ledger.explain_stale(key, inputs)}"

    for unit in plan:
        if unit.kind == "extract":
            for layer in missing[unit.key]:
                key = feature_key(unit.params, layer)
                note_if_stale(key, f"{unit.label} layer{layer}", world.features[key].inputs)
        if _is_done(unit, plan, ledger, missing):
            done.add(unit.key)
        elif unit.kind in RESULTS:
            note_if_stale(unit.key, unit.label, plan.inputs[unit.key])
    failed = frozenset(ledger.failures()) & plan.index.keys()
    return StoreState(frozenset(done), stale, failed - done, missing)


def _is_done(
    unit: Unit, plan: Plan, ledger: Ledger, missing: Mapping[str, tuple[int, ...]]
) -> bool:
    """Whether what a durable unit leaves is there, made of the inputs of the plan."""
    if unit.kind == "extract":
        return not missing[unit.key]
    if unit.kind == "shard" and "texts" in unit.place:
        return not unit.place["texts"]  # finished as long as the rows of its texts are there
    return unit.durable and ledger.state(unit.key, digest(plan.inputs[unit.key])) == "done"
