"""A bounded look ahead: threads prepare the next items while the model runs on the present ones."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["ahead"]

Given = TypeVar("Given")
Made = TypeVar("Made")

PER_THREAD = 4  # items under way a thread: enough to keep it busy, few enough for large frames


def ahead(
    make: Callable[[Given], Made], given: Iterable[Given], *, threads: int, each: int = PER_THREAD
) -> Iterator[Made]:
    """make(g) for every g of `given`, in their order, at most `threads` at once.

    At most `each` · threads results wait to be taken. `given` itself is walked in the calling
    thread. An exception in `make` is raised where its result would have come.
    """
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="ahead")
    under_way: deque[Future[Made]] = deque()
    try:
        for item in given:
            under_way.append(pool.submit(make, item))
            if len(under_way) >= each * threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
