"""The nodes of the cluster, as Ray tells of them."""

from __future__ import annotations

import logging
from typing import Any

import ray

__all__ = ["draining", "living", "resources"]

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
