"""How much memory the values of a sweep take: what is there, being made, or sure to follow. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.plan import Unit

__all__ = ["MemoryLedger"]

SHELF = {"design": "designs", "factorize": "designs", "fit": "fits"}


class MemoryLedger:
    """Bytes held by designs (with their factorizations) and by fits, counted apart.

    Apart, because a fit frees the design it reads: designs alone must never leave no room for a
    fit. Values of other kinds are small.
    """

    def __init__(self, value_bytes: Mapping[str, int]) -> None:
        self._bytes = dict(value_bytes)
        self._held: dict[str, str] = {}  # key -> shelf
        self._sums: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """Bytes held now."""
        return sum(self._sums.values())

    def has(self, unit: Unit, beside: Sequence[str], limit: float) -> bool:
        """Whether `unit` and the values `beside` it fit, or have their room already."""
        shelf = SHELF.get(unit.kind)
        if shelf is None or unit.kind == "factorize" or unit.key in self._held:
            return True  # a factorization has its room since its design was begun
        asked = sum(self._bytes.get(key, 0) for key in (unit.key, *beside))
        return self._sums[shelf] == 0 or self._sums[shelf] + asked <= limit

    def take(self, unit: Unit, beside: Sequence[str]) -> None:
        """Hold room for `unit` and what will lie beside it."""
        shelf = SHELF.get(unit.kind)
        if shelf is None:
            return
        for key in (unit.key, *beside):
            if key not in self._held:
                self._held[key] = shelf
                self._sums[shelf] += self._bytes.get(key, 0)

    def learn(self, key: str, size: int) -> None:
        """The value of a unit is there, and takes `size` bytes."""
        shelf = self._held.get(key)
        if shelf is not None:
            self._sums[shelf] += size - self._bytes.get(key, 0)
            self._bytes[key] = size

    def free(self, key: str) -> None:
        """The value is gone, or will never be."""
        shelf = self._held.pop(key, None)
        if shelf is not None:
            self._sums[shelf] -= self._bytes.get(key, 0)
