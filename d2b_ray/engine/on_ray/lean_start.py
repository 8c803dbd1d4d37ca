"""Ray on this machine alone without the processes that nobody asks there: a second of its start each."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lean_start"]

log = logging.getLogger(__name__)
# It sends logs to drivers, which we do not ask for; starts and ends nodes; answers jobs and the dashboard.
UNASKED = ("start_log_monitor", "start_monitor", "start_api_server")


@contextmanager
def lean_start() -> Iterator[None]:
    """A head that starts within the block has no log monitor, no autoscaler and no API server.

    There is no public way to say so; another version of Ray that starts them otherwise starts them all.
    """
    try:
        from ray._private.node import Node

        starts = {name: getattr(Node, name) for name in UNASKED}
    except (ImportError, AttributeError) as error:
        log.info("Ray starts all its processes: %s", error)
        yield
        return
    for name in starts:
        setattr(Node, name, _nothing)
    try:
        yield
    finally:
        for name, start in starts.items():
            setattr(Node, name, start)


def _nothing(node: Any, **given: Any) -> None:
    """Starts nothing."""
