"""CPU threads of the numeric libraries, limited for the length of one unit.

A reused worker keeps the thread count that torch read at its import, and Ray's num_cpus is no
affinity: without this, eight workers of a 16-core node run 128 threads. What has no need of torch
(a null, a commit) does not load it for that: 2.3 s of CPU and 200 MB a worker.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from d2b_ray.thread_pools import thread_pools

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["limited_threads"]


VARIABLE = "OMP_NUM_THREADS"  # what torch reads when it is imported


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Run the block with `count` threads in BLAS, OpenMP and torch; restores what was before."""
    with ExitStack() as stack:
        stack.enter_context(_torch_limited(count))
        stack.enter_context(thread_pools().limit(limits=count))
        yield


@contextmanager
def _torch_limited(count: int) -> Iterator[None]:
    if "torch" in sys.modules:
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)
        return
    told = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(count)  # should the block import it
    try:
        yield
    finally:
        if told is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = told
