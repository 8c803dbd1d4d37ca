"""The record of a finished unit: written last, after all of its files."""

from __future__ import annotations

import platform
import socket
import time
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from d2b_ray.store import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.steps.task import Task
    from d2b_ray.store import Store, Written

__all__ = ["Stopwatch", "record", "versions"]

LIBRARIES = ("d2b-ray", "numpy", "torch", "transformers", "scikit-learn", "himalaya", "ray")


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that make the numbers."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


class Stopwatch:
    """When a unit began, and how long it has taken, `before` seconds of its shards included."""

    def __init__(self, before: float = 0.0) -> None:
        self.started = time.time()
        self._clock = time.perf_counter() - before

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._clock


def record(
    task: Task,
    store: Store,
    written: Mapping[str, Written],
    watch: Stopwatch,
    device: str,
    *,
    commit: str | None,
    key: str | None = None,
    kind: str | None = None,
    params: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write the record of a unit (or of one of its layers, by its own key): it is done from now on."""
    unit = task.unit
    Record(
        key=key or unit.key,
        kind=kind or unit.kind,
        label=unit.label,
        params=params or unit.params,
        inputs=task.inputs,
        fingerprints=task.fingerprints,
        outputs={path: found.sha256 for path, found in written.items()},
        versions=versions() | {"commit": commit or "unknown"},
        host=socket.gethostname(),
        device=device,
        started=watch.started,
        seconds=watch.seconds,
        sizes={path: found.bytes for path, found in written.items()},
        bytes=sum(found.bytes for found in written.values()),
        attempt=task.attempt,
        extra=extra or {},
    ).write(store)
