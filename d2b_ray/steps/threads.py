"""CPU threads of the numeric libraries, limited for the length of one unit.

A reused worker keeps the thread count that torch read at its import, and Ray's num_cpus is no
affinity: without this, eight workers of a 16-core node run 128 threads.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["limited_threads"]


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Run the block with `count` threads in BLAS, OpenMP and torch; restores what was before."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(limits=count):
            yield
    finally:
        torch.set_num_threads(before)
