"""The units that could run now, in plan order by kind, and which of them suits a worker. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING

from d2b_ray.schedule.events import READS_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from d2b_ray.plan import Unit
    from d2b_ray.schedule.events import WorkerView

__all__ = ["PRIORITY", "ReadyUnits", "order_for"]

# What is nearest to a finished result goes first: it frees memory, and a killed sweep loses less.
PRIORITY = (
    "gather", "compare", "commit", "null", "bootstrap", "ceiling", "fit", "factorize", "design",
    "join", "extract", "shard",
)  # fmt: skip

ANYONE = tuple((kind, False) for kind in PRIORITY)
# Fits of the subject that a worker holds, then what makes more of these, then fits of another.
AT_HOME = tuple(
    step
    for kind in PRIORITY
    for step in ([("fit", True), ("factorize", False), ("design", False)] if kind == "fit" else [])
    + [(kind, False)]
)

AFFINITY_WINDOW = 32  # how many ready units are looked through for one that suits the worker


def order_for(worker: WorkerView, kinds: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Those of `kinds` in the order that a worker looks for them, and whether at home only.

    A worker stays with its subject: before it fits another, designs are made ready, as far as there is
    room for them, which have fits of its own.
    """
    return (step for step in (AT_HOME if worker.subject else ANYONE) if step[0] in kinds)


class ReadyUnits:
    """Heaps of units by work_kind. A unit that is ready no more may stay in its heap: it is passed over."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[tuple[int, str, Unit]]] = defaultdict(list)

    def push(self, order: int, unit: Unit) -> None:
        """Add a unit; `order` is its place in the plan."""
        heapq.heappush(self._heaps[unit.work_kind], (order, unit.key, unit))

    def pop(
        self,
        work_kind: str,
        worker: WorkerView,
        is_ready: Callable[[str], bool],
        may_run: Callable[[Unit], bool],
        *,
        only_home: bool = False,
    ) -> Unit | None:
        """The first unit of a work_kind that may run; among the first few, one the worker has at home.

        `only_home`: None if none of these few is.
        """
        heap = self._heaps[work_kind]
        seen: list[tuple[int, str, Unit]] = []
        first: tuple[int, str, Unit] | None = None
        home: tuple[int, str, Unit] | None = None
        while heap and len(seen) < AFFINITY_WINDOW and home is None:
            entry = heapq.heappop(heap)
            if not is_ready(entry[1]):
                continue
            seen.append(entry)
            if may_run(entry[2]):
                first = first or entry
                if holds_inputs(entry[2], worker):
                    home = entry
        chosen = home if only_home else home or first
        for entry in seen:
            if entry is not chosen:
                heapq.heappush(heap, entry)
        return chosen[2] if chosen else None


def holds_inputs(unit: Unit, worker: WorkerView) -> bool:
    """Whether the worker holds the model or the responses that the unit needs."""
    if unit.work_kind in READS_MODEL:
        return unit.model == worker.model
    if unit.subject is not None:
        return unit.subject == worker.subject
    return True
