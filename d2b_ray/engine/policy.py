"""What happens after a failure: one table. Decides nothing else and knows no ray.

| fault          | what it was                                   | tried again                      |
| -------------- | --------------------------------------------- | -------------------------------- |
| error          | an exception of our own code or of a library  | never: it would fail again       |
| worker_died    | the process or its node vanished              | 3 times, on any worker           |
| out_of_memory  | the system killed the unit for its memory     | 2 times, with half the memory    |
| value_lost     | an input in the object store is gone          | 3 times, after it is made again  |
| store          | the disk or bucket did not answer             | 2 times                          |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["POLICY", "Failure", "Fault", "Rule"]

Fault: TypeAlias = Literal["error", "worker_died", "out_of_memory", "value_lost", "store"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How often a fault is tried again, and whether with less memory."""

    retries: int
    less_memory: bool = False


POLICY: dict[Fault, Rule] = {
    "error": Rule(retries=0),
    "worker_died": Rule(retries=3),
    "out_of_memory": Rule(retries=2, less_memory=True),
    "value_lost": Rule(retries=3),
    "store": Rule(retries=2),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a unit failed, as it is stored under its key."""

    fault: Fault
    error: str  # class name
    message: str
    traceback: str = ""
