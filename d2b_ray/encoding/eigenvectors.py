"""Eigenvectors of several matrices side by side, a thread each: the largest part of a factorization.

Half of an eigendecomposition reads the matrix once per column: two threads make one 1.3 to 1.6 times as fast,
but do two at once in the time of one. Each by LAPACK's dsyevd as NumPy is built with it, which on one thread
takes 0.6 to 0.8 of the time of torch's. So found, they do not depend on how many threads there are.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from d2b_ray.thread_pools import thread_pools

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from concurrent.futures import Future

    from d2b_ray.arrays import Array

__all__ = ["eigenvectors"]

Found: TypeAlias = "tuple[torch.Tensor, torch.Tensor]"
FEW = 4  # times as many threads as matrices: then all threads share each in turn


class _OneThread:
    """BLAS has one thread as long as anybody is within: the number is one for the whole process.

    Set from a thread of the pool it has no effect (OpenBLAS 0.3.31), so whoever waits for the pool sets it.
    """

    def __init__(self) -> None:
        self._lock, self._within, self._limit = Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._within == 0:
                self._limit.enter_context(thread_pools().limit(limits=1, user_api="blas"))
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0:
                self._limit.close()


_one_thread = _OneThread()


def eigenvectors(matrices: Sequence[Callable[[], torch.Tensor]]) -> Generator[Found]:
    """Eigenvalues (q,), ascending, and eigenvectors (q, q) of symmetric matrices, in their order.

    `matrices` make them, float64, when there is a thread for them: three more than there are threads exist at
    a time, so that none waits for the first, which may take longest. On a GPU, and of a single matrix where
    there are threads to share, by torch.
    """
    threads = torch.get_num_threads()
    side_by_side = threads == 1 or (len(matrices) > 1 and threads <= FEW * len(matrices))
    first = matrices[0]()
    if first.device.type != "cpu" or not side_by_side:
        yield _by_torch(first)
        for make in matrices[1:]:
            yield _by_torch(make())
        return
    begun: deque[Future[tuple[Array, Array]]] = deque()
    with _one_thread, ThreadPoolExecutor(min(threads, len(matrices))) as pool:
        begun.append(pool.submit(np.linalg.eigh, first.numpy()))
        for make in matrices[1:]:
            if len(begun) > threads + 1:
                yield _tensors(begun.popleft())
            begun.append(pool.submit(np.linalg.eigh, make().numpy()))
        while begun:
            yield _tensors(begun.popleft())


def _by_torch(matrix: torch.Tensor) -> Found:
    values, vectors = torch.linalg.eigh(matrix)
    return values, vectors


def _tensors(found: Future[tuple[Array, Array]]) -> Found:
    values, vectors = found.result()
    return torch.from_numpy(values), torch.from_numpy(vectors)
