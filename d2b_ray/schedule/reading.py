"""Which host has read the responses of which subject, and what is to be read next for its GPUs. Pure.

At the paper's size a subject takes a minute to read and a fit three seconds. Where a host has workers that
fit (on GPUs) and others that do not, one of these reads, a subject ahead of those that are fitted; whoever
fits meanwhile makes factorizations, or goes on with a subject that is there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from d2b_ray.schedule.events import READS_RESPONSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.plan import Unit
    from d2b_ray.schedule.events import WorkerView

__all__ = ["FAR", "Reading"]

FAR = 3  # from here on responses would have to be read
WAITS = 1 << 30


class Reading:
    """Hosts by subject: those that began to read it, those that have, those that fitted it."""

    def __init__(self) -> None:
        self._begun: dict[str, set[str]] = defaultdict(set)
        self._read: dict[str, set[str]] = defaultdict(set)
        self._fitted: dict[str, set[str]] = defaultdict(set)
        self._fits_on: set[str] = set()  # hosts of workers that fit
        self._ahead: dict[str, str] = {}  # host with readers -> the subject that one reads now

    def sees(self, worker: WorkerView) -> None:
        """A worker asks for a unit."""
        if "fit" in worker.kinds:
            self._fits_on.add(worker.host)

    def begins(self, unit: Unit, worker: WorkerView) -> None:
        """A unit is given to a worker, which reads the responses of the subject if its host has not."""
        if unit.subject is None or not self._counts(unit, worker.host):
            return
        self._begun[unit.subject].add(worker.host)
        if unit.kind == "fit":
            self._fitted[unit.subject].add(worker.host)

    def succeeded(self, unit: Unit, host: str) -> None:
        """A unit was done on a host, which has the responses of its subject now."""
        if unit.subject is not None and self._counts(unit, host):
            self.ended(unit.subject, host)

    def _counts(self, unit: Unit, host: str) -> bool:
        # beside a GPU most nulls were drawn with their fit, and read nothing
        return unit.kind in READS_RESPONSES and (unit.kind == "fit" or host not in self._fits_on)

    def ended(self, subject: str, host: str) -> None:
        """A host has read a subject, or has tried to: a fit will tell."""
        self._begun[subject].add(host)
        self._read[subject].add(host)
        if self._ahead.get(host) == subject:
            self._ahead[host] = ""

    def distance(self, subject: str | None, worker: WorkerView) -> int:
        """How far the responses of a subject are from a worker; 0: it holds them, or none are needed.

        Then come subjects that it held not long ago, those that its host has read, and those that the
        fewest hosts read; last, one that its host is reading now, for which it would wait.
        """
        if subject is None or subject == worker.subject:
            return 0
        if subject in worker.recent:
            return 1
        if worker.host in self._read[subject]:
            return 2
        begun = self._begun[subject]
        return WAITS if worker.host in begun else FAR + len(begun)

    def bars(self, unit: Unit, worker: WorkerView) -> bool:
        """Whether a fit has to wait until another worker of the host has read the responses."""
        if unit.kind != "fit" or unit.subject is None:
            return False
        return worker.host in self._ahead and worker.host not in self._read[unit.subject]

    def next_for(
        self, worker: WorkerView, open_fits: Mapping[str, int], *, idle: bool
    ) -> str | None:
        """The subject that a worker should read now for those of its host that fit; None: none.

        One at a time, by all cores, and one ahead of what is fitted there, or more where a worker is
        `idle`: of the subjects with `open_fits`, fits that have not begun, the one with most of them for
        each host that reads it.
        """
        host = worker.host
        if "fit" in worker.kinds or host not in self._fits_on or self._ahead.get(host):
            return None
        share = {s: n / len(self._begun[s] | {host}) for s, n in open_fits.items() if n}
        left = [s for s in share if host not in self._begun[s]]
        if not left:
            return None
        subject = max(left, key=share.__getitem__)
        spare = [s for s in share if host in self._read[s] and host not in self._fitted[s]]
        if spare and not idle:
            return None
        self._begun[subject].add(host)
        self._ahead[host] = subject
        return subject
