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
    "gather", "weights", "generalise", "compare", "commit", "null", "bootstrap", "ceiling", "fit",
    "factorize", "design", "join", "extract", "shard",
)  # fmt: skip

# Before other fits those that take far longer than most, and what they need: none is left for the end.
LONG = {f"long {kind}": kind for kind in ("fit", "factorize", "join", "design")}
LONG_FIRST = [("long fit", True), *((name, False) for name in LONG)]
# Fits of the subject that a worker holds, then what makes more of these, then fits of another.
MORE = [*LONG_FIRST, ("fit", True), ("factorize", False), ("design", False)]


def _steps(before_fits: list[tuple[str, bool]]) -> tuple[tuple[str, bool], ...]:
    """All kinds, and what is looked for before fits."""
    at = PRIORITY.index("fit")
    nearer, others = ([(kind, False) for kind in part] for part in (PRIORITY[:at], PRIORITY[at:]))
    return (*nearer, *before_fits, *others)


ANYONE, AT_HOME = _steps(LONG_FIRST), _steps(MORE)

WINDOW = 32  # ready units of a subject that are looked through for one that may run


def order_for(worker: WorkerView, kinds: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Those of `kinds` in the order that a worker looks for them, and whether at home only.

    A worker stays with its subject: before it fits another, designs are made ready, as far as there is
    room for them, which have fits of its own.
    """
    steps = AT_HOME if worker.subject else ANYONE
    return (step for step in steps if LONG.get(step[0], step[0]) in kinds)


class ReadyUnits:
    """Heaps of units by work_kind, long ones apart; in each by subject and holder, or by the model loaded.

    A unit that is ready no more may stay in its heap: it is passed over.
    """

    def __init__(self) -> None:
        self._heaps: dict[str, dict[tuple[str | None, str], list[tuple[int, str, Unit]]]] = (
            defaultdict(dict)
        )

    def push(self, order: int, unit: Unit, holder: str = "", *, long: bool = False) -> None:
        """Add a unit; `order` is its place in the plan, `holder` the host where what it reads lies."""
        group = unit.model if unit.work_kind in READS_MODEL else unit.subject
        name = f"long {unit.work_kind}" if long else unit.work_kind
        heap = self._heaps[name].setdefault((group, holder), [])
        heapq.heappush(heap, (order, unit.key, unit))

    def pop(
        self,
        work_kind: str,
        *,
        is_ready: Callable[[str], bool],
        may_run: Callable[[Unit], bool],
        distance: Callable[[Unit], int | None],
        only_home: bool = False,
    ) -> Unit | None:
        """Of the units of a work_kind that may run, the first whose responses, or model, are nearest.

        `distance` 0: the worker holds them, None: it must not take the unit; `only_home`: None if there is
        no such unit.
        """
        heaps = []
        for heap in self._heaps[work_kind].values():
            while heap and not is_ready(heap[0][1]):
                heapq.heappop(heap)
            if heap:
                far = distance(heap[0][2])
                if far == 0 or (far is not None and not only_home):
                    heaps.append((far, heap[0][0], heap))
        for _, _, heap in sorted(heaps, key=lambda entry: entry[:2]):
            unit = _first(heap, is_ready, may_run)
            if unit is not None:
                return unit
        return None


def _first(
    heap: list[tuple[int, str, Unit]],
    is_ready: Callable[[str], bool],
    may_run: Callable[[Unit], bool],
) -> Unit | None:
    """Take the first unit of a heap that may run; those before it stay."""
    passed: list[tuple[int, str, Unit]] = []
    found: Unit | None = None
    while heap and len(passed) < WINDOW and found is None:
        entry = heapq.heappop(heap)
        if not is_ready(entry[1]):
            continue
        if may_run(entry[2]):
            found = entry[2]
        else:
            passed.append(entry)
    for entry in passed:
        heapq.heappush(heap, entry)
    return found
