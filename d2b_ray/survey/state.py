"""How a sweep stands before a run: its plan against the records in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from d2b_ray.plan import feature_key
from d2b_ray.store import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.store import Ledger
    from d2b_ray.survey.look import Survey

__all__ = ["StoreState", "store_state"]


@dataclass(frozen=True, slots=True)
class StoreState:
    """How a sweep stands before a run: durable units done, why others are stale, earlier failures."""

    done: frozenset[str]
    stale: Mapping[str, str]
    failed: frozenset[str]
    missing_layers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def store_state(survey: Survey, ledger: Ledger) -> StoreState:
    """Compare the records in the store with the units and inputs of the plan."""
    done: set[str] = set()
    stale: dict[str, str] = {}
    missing: dict[str, tuple[int, ...]] = {}

    def current(key: str, label: str) -> bool:
        state = ledger.state(key, digest(survey.fingerprints[key]))
        if state == "stale":
            stale[key] = f"{label}: {ledger.explain_stale(key, survey.fingerprints[key])}"
        return state == "done"

    for unit in survey.plan.units:
        if unit.kind == "extract":
            keys = {layer: feature_key(unit.params, layer) for layer in unit.layers}
            missing[unit.key] = tuple(
                layer
                for layer, key in keys.items()
                if key not in survey.found and not current(key, f"{unit.label} layer{layer}")
            )
            if not missing[unit.key]:
                done.add(unit.key)
        elif unit.durable and current(unit.key, unit.label):
            done.add(unit.key)
    failed = frozenset(ledger.failures()) & {unit.key for unit in survey.plan.units}
    return StoreState(frozenset(done), stale, failed - done, missing)
