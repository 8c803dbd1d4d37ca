"""What happens to units (events) and what must be done about it (actions). Plain frozen words.

The engines speak events to `control.Control` and carry out the actions it answers with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from d2b_ray.plan import Unit
    from d2b_ray.schedule.policy import Failure

__all__ = [
    "Action",
    "EndWorker",
    "Event",
    "Failed",
    "GiveUp",
    "Lost",
    "Release",
    "Skip",
    "Stop",
    "Succeeded",
    "WorkerView",
]


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The unit ran to its end on `worker` of `host`."""

    key: str
    worker: int = 0
    host: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The unit did not end well; `failure` says how, `host` and `worker` where."""

    key: str
    failure: Failure
    host: str = ""
    worker: int = 0


@dataclass(frozen=True, slots=True)
class Lost:
    """The values of these units are gone from memory."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Nothing needs this value any more: forget it."""

    key: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further try: store the failure under the unit's key."""

    key: str
    failure: Failure
    attempts: int


@dataclass(frozen=True, slots=True)
class Skip:
    """These units cannot run because `because` failed."""

    keys: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Start nothing more: `key` failed in a way that every other unit would, too."""

    key: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class EndWorker:
    """This worker is at fault: end its process. `shun`: it was replaced before; nothing more for it."""

    worker: int
    host: str
    shun: bool = False


READS_MODEL = frozenset({"shard", "extract"})
READS_RESPONSES = frozenset({"fit", "null", "bootstrap", "ceiling", "compare", "generalise"})
RECENT = 5  # subjects of the paper's size that 80 GB hold besides the present one


@dataclass(frozen=True, slots=True)
class WorkerView:
    """What `pick` needs to know of a free worker: kinds it runs, what it holds in memory, where it is.

    `spare` kinds are those that it runs once none of its own are left. `number` tells workers apart.
    `recent` subjects are those before the present one, the last first: a GPU may hold them still.
    """

    kinds: frozenset[str]
    subject: str | None = None
    model: str | None = None
    host: str = ""
    number: int = 0
    spare: frozenset[str] = frozenset()
    recent: tuple[str, ...] = ()

    def after(self, unit: Unit) -> WorkerView:
        """The view once the worker has run `unit`: it now holds that subject or that model."""
        if unit.work_kind in READS_MODEL:
            return replace(self, model=unit.model)
        if unit.kind in READS_RESPONSES and unit.subject != self.subject:
            before = [s for s in (self.subject, *self.recent) if s not in (None, unit.subject)]
            return replace(self, subject=unit.subject, recent=tuple(before[:RECENT]))
        return self


Event: TypeAlias = Succeeded | Failed | Lost
Action: TypeAlias = Release | GiveUp | Skip | Stop | EndWorker
