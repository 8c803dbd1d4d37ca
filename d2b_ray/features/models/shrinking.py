"""Batches that halve when the memory is full, and stay small: a forward pass too large is not the end."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Shrinking", "is_out_of_memory"]

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

CPU_MESSAGE = "DefaultCPUAllocator"  # torch on a CPU: "... can't allocate memory: you tried ..."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python had no memory left, on a device or on the host."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and CPU_MESSAGE in str(error))
    )


class Shrinking(Generic[Item]):
    """Runs batches; one that does not fit is halved, and later ones are kept to what did fit.

    `cost` of a batch, in the unit of its budget: items, or padded tokens. `limit`: largest cost
    still tried, None until the memory was full once. Results come in the order of the items.
    Halving changes which items are computed together, hence the order of sums (below 1e-6).
    """

    def __init__(self, cost: Callable[[list[Item]], int] = len) -> None:
        self.limit: int | None = None
        self._cost = cost

    def __call__(
        self, batches: Iterable[list[Item]], forward: Callable[[list[Item]], Result]
    ) -> Iterator[tuple[list[Item], Result]]:
        """Each batch, or part of one, with `forward(part)`.

        Raises what `forward` raises, and, for one item that does not fit alone,
        torch.OutOfMemoryError on a device and MemoryError on the host.
        """
        for batch in batches:
            waiting = [batch]
            while waiting:
                part = waiting.pop()
                fits = len(part) == 1 or self.limit is None or self._cost(part) <= self.limit
                done = self._attempt(forward, part) if fits else None
                if done is None:
                    middle = (len(part) + 1) // 2
                    waiting += [part[middle:], part[:middle]]  # the first half is taken first
                else:
                    yield part, done[0]

    def _attempt(
        self, forward: Callable[[list[Item]], Result], part: list[Item]
    ) -> tuple[Result] | None:
        try:
            return (forward(part),)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(part) == 1:
                if type(error) is RuntimeError:  # no class of its own: say what it is
                    raise MemoryError(str(error)) from error
                raise
        # Outside the handler: the traceback, which holds the tensors of the pass, is gone.
        self.limit = max(1, self._cost(part) // 2)
        logger.warning("out of memory at a batch of %d: at most %d from here", *self._sizes(part))
        _free()
        return None

    def _sizes(self, part: list[Item]) -> tuple[int, int]:
        return self._cost(part), self.limit or 0


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
