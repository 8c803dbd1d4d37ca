"""Workers that read responses for those of their host that fit. What is read, and when, `control` says."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from d2b_ray.engine.on_ray.tries import outcome
from d2b_ray.schedule.policy import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from d2b_ray.engine.on_ray.workers import WorkerSlot
    from d2b_ray.schedule.control import Control

__all__ = ["ReadingAhead"]

log = logging.getLogger(__name__)


class ReadingAhead:
    """Answers of workers that read, as they come. A reading that fails is none: the fit tells why."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.under_way: dict[Any, tuple[WorkerSlot, str, float]] = {}

    def begin(self, slot: WorkerSlot, *, idle: bool) -> bool:
        """Whether a free worker has something to read, and has begun."""
        subject = self._control.to_read(slot.view, idle=idle)
        if subject is None:
            return False
        slot.idle_since = None
        answer = slot.handle.read_ahead.options(name=f"read {subject}").remote(subject)
        self.under_way[answer] = slot, subject, time.monotonic()
        return True

    def ended(self, answer: Any) -> tuple[WorkerSlot, bool]:
        """The worker that has read, and whether it still stands."""
        slot, subject, _ = self.under_way.pop(answer)
        self._control.placement.reading.ended(subject, slot.view.host)
        failure = outcome(answer, slot)
        if not isinstance(failure, Failure):
            return slot, True
        log.info("responses of %s were not read ahead: %s", subject, failure.traceback)
        return slot, failure.fault == "error"

    def overdue(self, limit_s: float) -> Iterator[WorkerSlot]:
        """Workers that have read for longer than that, given up."""
        for answer, (slot, subject, began) in list(self.under_way.items()):
            if time.monotonic() - began > limit_s:
                del self.under_way[answer]
                self._control.placement.reading.ended(subject, slot.view.host)
                yield slot
