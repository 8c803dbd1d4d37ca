"""Records of shards of runs: they stand until the features of all runs are joined, then they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.plan.keys import feature_key
from d2b_ray.store.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.store.files import Store

__all__ = ["remove_shards"]


def remove_shards(store: Store, *, of: Mapping[str, Any] | None = None) -> None:
    """Remove records of shards of runs: those of a feature set (its params), or all that are joined."""
    for path in store.list(Layout.records_of_kind("shard")):
        record = store.read_json(path)
        if "set" not in record["params"]:
            continue  # of texts: it stands as long as their rows
        if record["params"]["set"] == of if of is not None else _joined(store, record):
            store.remove(path)


def _joined(store: Store, record: Mapping[str, Any]) -> bool:
    """Whether the layers of a shard have records of their own."""
    layers = map(int, record["fingerprints"]["layers"].split())
    keys = [feature_key(record["params"]["set"], layer) for layer in layers]
    return all(store.list(Layout.records_of("feature", key)) for key in keys)
