"""How much memory the values of a sweep take: what is there, being made, or sure to follow. Pure."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.plan import Unit

__all__ = ["MemoryLedger"]

SHELF = {"design": "designs", "factorize": "designs", "fit": "fits"}


class MemoryLedger:
    """Bytes held on each host by designs (with their factorizations) and by fits, counted apart.

    Apart, because a fit frees the design it reads: designs alone must never leave no room for a
    fit. By host, because a value lies where it was made. Values of other kinds are small.
    `capacity_bytes` of each host, or by host: designs, and fits, are begun on one as far as a half of it
    holds them, one always.
    """

    def __init__(
        self, value_bytes: Mapping[str, int], capacity_bytes: float | Mapping[str, float]
    ) -> None:
        self.capacity_bytes = capacity_bytes
        self._bytes = dict(value_bytes)
        self._held: dict[str, tuple[str, str]] = {}  # key -> shelf and host
        self._sums: Counter[tuple[str, str]] = Counter()

    @property
    def held_bytes(self) -> int:
        """Bytes held now."""
        return sum(self._sums.values())

    def has(self, unit: Unit, beside: Sequence[str], host: str) -> bool:
        """Whether `unit` and the values `beside` it fit on a host, or have their room already."""
        shelf = SHELF.get(unit.kind)
        if shelf is None or unit.kind == "factorize" or unit.key in self._held:
            return True  # a factorization has its room since its design was begun
        asked = sum(self._bytes.get(key, 0) for key in (unit.key, *beside))
        there, room = self._sums[shelf, host], self.capacity_bytes
        whole = room if isinstance(room, float | int) else room.get(host, math.inf)
        return there == 0 or there + asked <= whole / 2

    def take(self, unit: Unit, beside: Sequence[str], host: str) -> None:
        """Hold room on a host for `unit` and what will lie beside it."""
        shelf = SHELF.get(unit.kind)
        if shelf is None:
            return
        for key in (unit.key, *beside):
            if key not in self._held:
                self._put(key, shelf, host)

    def settle(self, key: str, host: str) -> None:
        """The value of a unit was made on a host: another, perhaps, than where it was reckoned with."""
        if key in self._held:
            shelf, _ = self._held[key]
            self.free(key)
            self._put(key, shelf, host)

    def learn(self, key: str, size: int) -> None:
        """The value of a unit is there, and takes `size` bytes."""
        if key in self._held:
            self._sums[self._held[key]] += size - self._bytes.get(key, 0)
            self._bytes[key] = size

    def free(self, key: str) -> None:
        """The value is gone, or will never be."""
        place = self._held.pop(key, None)
        if place is not None:
            self._sums[place] -= self._bytes.get(key, 0)

    def _put(self, key: str, shelf: str, host: str) -> None:
        self._held[key] = (shelf, host)
        self._sums[shelf, host] += self._bytes.get(key, 0)
