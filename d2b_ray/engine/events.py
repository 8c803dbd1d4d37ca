"""What happens to units (events) and what must be done about it (actions). Plain frozen words.

The engines speak events to `control.Control` and carry out the actions it answers with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from d2b_ray.engine.policy import Failure
    from d2b_ray.plan import Unit

__all__ = [
    "Action",
    "Event",
    "Failed",
    "GiveUp",
    "Lost",
    "Release",
    "Skip",
    "Succeeded",
    "WorkerView",
]


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The unit ran to its end."""

    key: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The unit did not end well; `failure` says how."""

    key: str
    failure: Failure


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
class WorkerView:
    """What `pick` needs to know of a free worker: the kinds it runs, and what it holds in memory."""

    kinds: frozenset[str]
    subject: str | None = None
    model: str | None = None

    def after(self, unit: Unit) -> WorkerView:
        """The view once the worker has run `unit`: it now holds that subject or that model."""
        if unit.kind == "extract":
            return WorkerView(self.kinds, self.subject, unit.model)
        if unit.kind in ("fit", "null"):
            return WorkerView(self.kinds, unit.subject, self.model)
        return self


Event: TypeAlias = Succeeded | Failed | Lost
Action: TypeAlias = Release | GiveUp | Skip
