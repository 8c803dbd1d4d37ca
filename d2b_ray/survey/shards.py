"""Feature sets in shards, and which of them an earlier run has left finished. Decides, runs nothing.

A shard of runs leaves a record until the features of all runs are there; then the records of layers
take its place. A shard of texts is finished while the rows of its texts are in the store. What is
finished is not done again after a kill.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from d2b_ray.plan import by_runs, by_texts, feature_key, run_shards, sharded
from d2b_ray.store import digest
from d2b_ray.survey.text_shards import TextShards

if TYPE_CHECKING:
    from d2b_ray.plan import Unit
    from d2b_ray.spec import ExtractResources
    from d2b_ray.store import Ledger, Store
    from d2b_ray.survey.look import Survey
    from d2b_ray.survey.state import StoreState

__all__ = ["in_shards"]


def in_shards(
    found: Survey, now: StoreState, ledger: Ledger, features: Store, wanted: ExtractResources
) -> tuple[Survey, StoreState]:
    """The survey with shards in its plan, and the state that knows which of them are done.

    Raises ExtractionError for captions that cannot be read as the sweep asks for.
    """
    runs = {run.name: run.seconds for run in found.dataset.runs.used}
    shards: dict[str, list[Unit]] = {}
    texts = TextShards(found, features, wanted.shard_texts)
    for unit in found.plan.of("extract"):
        layers = now.missing_layers[unit.key]
        if layers and by_runs(unit.params):
            shards[unit.key] = run_shards(unit, layers, runs, wanted.shard_s)
        elif by_texts(unit.params):
            texts.add(unit, layers)
    shards |= texts.shards()
    plan = sharded(found.plan, shards)
    inputs = {
        unit.key: texts.inputs.get(unit.key) or _inputs(unit, found) for unit in plan.of("shard")
    }
    done = texts.done & inputs.keys()
    for key, names in inputs.items():
        if key not in texts.inputs and ledger.state(key, digest(names)) == "done":
            done.add(key)
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
