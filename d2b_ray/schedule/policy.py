"""What happens after a failure: one table. Decides nothing else and knows no ray.

| fault | what it was | tried again | then |
| --- | --- | --- | --- |
| error | an exception of our own code or of a library | once, if there is another worker | unit failed |
| device | the accelerator is broken, or only a new process mends it | 2 times, elsewhere | unit failed |
| worker_died | the process or its node vanished | 3 times, on any worker | unit failed |
| preempted | its node had announced its end | 10 times, on other nodes | unit failed |
| out_of_memory | the system killed it for its memory | 2 times, with half the memory | unit failed |
| value_lost | an input in the object store is gone | 3 times, after it is made again | unit failed |
| timeout | it took longer than resources.timeout_s | once, on another machine if there is one | unit failed |
| store | the disk is full, or the bucket does not answer | 2 times | sweep stops |
| lease | another run has taken over the output root | never | sweep stops |

A failed unit is recorded with its traceback, what depends on it is skipped, the rest of the sweep goes on;
`--retry-failed` takes it up again. A stopped sweep loses nothing: the same command goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["POLICY", "Failure", "Fault", "Rule", "Tries"]

Fault: TypeAlias = Literal[
    "error",
    "device",
    "worker_died",
    "preempted",
    "out_of_memory",
    "value_lost",
    "timeout",
    "store",
    "lease",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """How often a fault is tried again, how differently, and whether the sweep stops after it.

    `elsewhere`: on another host, else another worker; `only_there`: not at all where there is none.
    `ends_worker`: the process that it befell is of no use any more.
    """

    retries: int
    less_memory: bool = False
    elsewhere: bool = False
    only_there: bool = False
    ends_worker: bool = False
    stops: bool = False


POLICY: dict[Fault, Rule] = {
    "error": Rule(retries=1, elsewhere=True, only_there=True),
    "device": Rule(retries=2, elsewhere=True, only_there=True, ends_worker=True),
    "worker_died": Rule(retries=3),
    "preempted": Rule(retries=10),
    "out_of_memory": Rule(retries=2, less_memory=True),
    "value_lost": Rule(retries=3),
    "timeout": Rule(retries=1, elsewhere=True),
    "store": Rule(retries=2, stops=True),
    "lease": Rule(retries=0, stops=True),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a unit failed, as it is stored under its key."""

    fault: Fault
    error: str  # class name
    message: str
    traceback: str = ""


class Tries:
    """How often each unit was started, and what befell it."""

    def __init__(self) -> None:
        self._started: Counter[str] = Counter()
        self._befell: Counter[tuple[str, Fault]] = Counter()

    def start(self, key: str) -> None:
        """One more try."""
        self._started[key] += 1

    def forget(self, key: str) -> None:
        """The last try never began."""
        self._started[key] -= 1

    def started(self, key: str) -> int:
        """Tries so far."""
        return self._started[key]

    def again(self, key: str, fault: Fault) -> bool:
        """Note a fault; whether the policy grants another try."""
        self._befell[key, fault] += 1
        return self._befell[key, fault] <= POLICY[fault].retries

    def memory_factor(self, key: str) -> float:
        """Share of the memory budget for the next try: halved after each out-of-memory kill."""
        return float(0.5 ** self._befell[key, "out_of_memory"])
