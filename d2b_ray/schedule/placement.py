"""Where a unit may run, and what its fate says of workers: exclusions, suspicion, shunned places. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from d2b_ray.schedule.events import READS_MODEL, EndWorker
from d2b_ray.schedule.health import Health
from d2b_ray.schedule.policy import POLICY
from d2b_ray.schedule.reading import FAR, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.plan import Unit
    from d2b_ray.schedule.events import Failed, Succeeded, WorkerView
    from d2b_ray.schedule.health import Verdict

__all__ = ["Placement"]


class Placement:
    """`crew` are the workers that there are: number -> host, "" while one starts; an engine keeps it."""

    def __init__(self) -> None:
        self.crew: Mapping[int, str] = {}
        self._excluded: dict[str, set[str | int]] = defaultdict(set)  # hosts, or numbers of workers
        self._shunned: set[tuple[int, str]] = set()  # at fault, and so were their replacements
        self._health = Health()
        self.reading = Reading()
        self._lies: dict[str, str] = {}  # fit -> host that holds its value

    @property
    def workers_differ(self) -> bool:
        """Whether workers of one lane are not alike: some units must not run on some of them."""
        return bool(self._excluded or self._shunned) or self._health.suspects_any

    def distance(self, unit: Unit, worker: WorkerView, *, stalled: bool = False) -> int | None:
        """How far what a unit needs is from a worker; 0: it holds it, the model or the responses.

        None: responses that another is to read for it, unless all is `stalled`. Of units that read a fit,
        those before others whose fit its host holds, as long as it need not read responses.
        """
        if unit.work_kind in READS_MODEL:
            return 0 if unit.model == worker.model else 1
        if not stalled and self.reading.bars(unit, worker):
            return None
        far = self.reading.distance(unit.subject, worker)
        return far + (FAR if far >= FAR or self.holder(unit) not in ("", worker.host) else 0)

    def holder(self, unit: Unit) -> str:
        """The host that holds the fit which a unit reads; "" if it reads none, or nobody knows."""
        return next((self._lies[need] for need in unit.needs if need in self._lies), "")

    def released(self, key: str) -> None:
        """A value is no more."""
        self._lies.pop(key, None)

    def idles(self, worker: WorkerView) -> bool:
        """Whether a worker is shunned, or waits for what others make of units that failed there."""
        return (worker.number, worker.host) in self._shunned or self._health.suspects(worker.number)

    def bars(self, key: str, worker: WorkerView) -> bool:
        """Whether a unit has failed on this host or worker, and is to run elsewhere."""
        excluded = self._excluded.get(key, ())
        return worker.host in excluded or worker.number in excluded

    def is_open(self, event: Failed) -> bool:
        """Whether there is anywhere to try again what failed."""
        return bool(self._others(event)) or not POLICY[event.failure.fault].only_there

    def exclude(self, event: Failed) -> None:
        """Keep a unit from where it failed; a time-out tells more of a host than of one process."""
        by_host = event.failure.fault == "timeout" or any(
            isinstance(place, str) for place in self._others(event)
        )
        if not by_host:
            self._excluded[event.key].add(event.worker)
        elif event.host:
            self._excluded[event.key].add(event.host)

    def failed(self, event: Failed) -> list[EndWorker]:
        """What a failure means for the worker that it befell."""
        if event.failure.fault == "error":
            self._health.failed(event.key, event.worker, event.host)
        elif POLICY[event.failure.fault].ends_worker and self.crew:
            return [self._end(self._health.replace(event.worker, event.host))]
        return []

    def succeeded(self, event: Succeeded, unit: Unit) -> list[EndWorker]:
        """What a success means for the worker where the same unit had failed, and for its host."""
        self.reading.succeeded(unit, event.host)
        if unit.kind == "fit":
            self._lies[event.key] = event.host
        self._excluded.pop(event.key, None)
        verdict = self._health.succeeded(event.key, event.worker)
        return [self._end(verdict)] if verdict else []

    def _others(self, event: Failed) -> set[str | int]:
        """Other hosts than where it failed, if there are; else the other workers, if there are."""
        hosts: set[str | int] = {
            host for host in self.crew.values() if host not in ("", event.host)
        }
        return hosts or {number for number in self.crew if number != event.worker}

    def _end(self, verdict: Verdict) -> EndWorker:
        if verdict.again:
            self._shunned.add((verdict.worker, verdict.host))
        return EndWorker(verdict.worker, verdict.host, shun=verdict.again)
