"""Which workers are at fault when units fail there: suspicion, evidence, verdict. Pure.

A unit that fails on a sick worker (a GPU after an illegal access, a node with a broken library) fails at
once, so that such a worker eats a queue that others would do. But a unit may also fail for its
own sake. What tells them apart is a second try elsewhere: a unit that succeeds there puts the
blame on the first worker, one that fails there too clears it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

__all__ = ["SUSPECT_AFTER", "Health", "Verdict"]

SUSPECT_AFTER = 3  # errors in a row, after which a worker waits for what others make of its units


@dataclass(frozen=True, slots=True)
class Verdict:
    """A worker is at fault: it is replaced; `again` if it was before and so was its replacement."""

    worker: int
    host: str
    again: bool


class Health:
    """What befell units on each worker, until somebody else has tried them."""

    def __init__(self) -> None:
        self._row: dict[int, list[str]] = defaultdict(list)  # failed in a row, by worker
        self._first: dict[str, tuple[int, str]] = {}  # unit -> worker and host that failed it
        self._replaced: Counter[tuple[int, str]] = Counter()

    def suspects(self, worker: int) -> bool:
        """Whether a worker gets nothing until one of its units has ended elsewhere."""
        return len(self._row.get(worker, ())) >= SUSPECT_AFTER

    @property
    def suspects_any(self) -> bool:
        """Whether some worker is under suspicion."""
        return any(len(row) >= SUSPECT_AFTER for row in self._row.values())

    def failed(self, key: str, worker: int, host: str) -> None:
        """A unit failed with an error. The second time the first worker is cleared of it."""
        before = self._first.pop(key, None)
        if before is None or before[0] == worker:
            self._first[key] = (worker, host)
        else:
            self._row.pop(before[0], None)
        self._row[worker].append(key)

    def succeeded(self, key: str, worker: int) -> Verdict | None:
        """A unit has ended well; a verdict on the worker where it had failed, if that is suspected."""
        self._row.pop(worker, None)
        before = self._first.pop(key, None)
        if before is None or before[0] == worker or not self.suspects(before[0]):
            return None
        return self.replace(*before)

    def replace(self, worker: int, host: str) -> Verdict:
        """A worker is replaced; whether that has been done on its place and host before."""
        self._row.pop(worker, None)
        self._replaced[worker, host] += 1
        return Verdict(worker, host, again=self._replaced[worker, host] > 1)
