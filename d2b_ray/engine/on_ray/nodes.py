"""The nodes of the cluster, as Ray tells of them."""

from __future__ import annotations

import logging
from typing import Any

import ray

__all__ = ["draining", "living", "note_memory", "resources"]

log = logging.getLogger(__name__)


def living() -> list[dict[str, Any]]:
    """Those that are alive."""
    return [node for node in ray.nodes() if node["Alive"]]


def resources() -> list[dict[str, float]]:
    """Their logical resources."""
    return [node["Resources"] for node in living()]


def draining() -> dict[str, int]:
    """Nodes that will end soon (a spot instance was reclaimed, `ray drain-node`), with deadlines."""
    try:
        from ray._private.state import state  # there is no public way to ask

        found: dict[str, int] = state.get_draining_nodes()
    except (
        ImportError,
        AttributeError,
    ) as error:  # another version: units of such nodes are done again
        log.info("Ray %s does not tell which nodes will end: %s", ray.__version__, error)
        return {}
    return found


def note_memory(held_bytes: int, running: int, idle: int) -> None:
    """Tell the log how full the cluster's object stores are, beside what is reckoned with."""
    told = (ray.available_resources(), ray.cluster_resources())
    left, whole = (one.get("object_store_memory", 0) for one in told)
    log.info(
        "values %.2f GB (estimated), object store %.2f of %.2f GB, %d units run, %d workers idle",
        held_bytes / 1e9, (whole - left) / 1e9, whole / 1e9, running, idle,
    )  # fmt: skip
