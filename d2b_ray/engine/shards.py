"""Long feature sets in shards, and which of them an earlier run has left finished. Decides, runs nothing.

A shard leaves a record until the features of all runs are there; then the records of layers take its
place. What is finished of it is not done again after a kill.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from d2b_ray.plan import feature_key, sharded
from d2b_ray.store import Layout, digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.engine.campaign import Standing
    from d2b_ray.engine.survey import Survey
    from d2b_ray.plan import Unit
    from d2b_ray.store import Ledger, Store

__all__ = ["in_shards", "remove_shards"]


def in_shards(
    found: Survey, now: Standing, ledger: Ledger, shard_s: int
) -> tuple[Survey, Standing]:
    """The survey with shards in its plan, and the standing that knows which of them are done."""
    runs = {run.name: run.seconds for run in found.dataset.runs.used}
    plan = sharded(found.plan, now.missing_layers, runs, shard_s)
    inputs = {unit.key: _inputs(unit, found) for unit in plan.of("shard")}
    done = {key for key, names in inputs.items() if ledger.state(key, digest(names)) == "done"}
    failed = frozenset(ledger.failures()) & inputs.keys()
    return (
        replace(found, plan=plan, fingerprints={**found.fingerprints, **inputs}),
        replace(now, done=now.done | done, failed=now.failed | (failed - done)),
    )


def _inputs(unit: Unit, found: Survey) -> dict[str, str]:
    """Those of its feature set, and which part of it this is: no other part passes for it."""
    of_set = found.fingerprints[feature_key(unit.params["set"], unit.layers[0])]
    return {
        **of_set,
        "layers": " ".join(map(str, unit.layers)),
        "runs of the shard": digest({run: str(s) for run, s in unit.place["runs"].items()}),
    }


def remove_shards(store: Store, *, of: Mapping[str, Any] | None = None) -> None:
    """Remove records of shards: those of a feature set (its params), or those that are joined."""
    for path in store.list(Layout.records_of_kind("shard")):
        record = store.read_json(path)
        if record["params"]["set"] == of if of is not None else _joined(store, record):
            store.remove(path)


def _joined(store: Store, record: Mapping[str, Any]) -> bool:
    """Whether the layers of a shard have records of their own."""
    layers = map(int, record["fingerprints"]["layers"].split())
    keys = [feature_key(record["params"]["set"], layer) for layer in layers]
    return all(store.list(Layout.records_of("feature", key)) for key in keys)
