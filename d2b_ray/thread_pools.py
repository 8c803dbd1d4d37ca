"""The libraries of this process that have threads of their own: BLAS, OpenMP. Loads none."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["thread_pools"]


def thread_pools() -> ThreadpoolController:
    """Those that are loaded now; looked for again when a module was imported since."""
    return _looked_for(len(sys.modules))


@lru_cache(maxsize=1)
def _looked_for(modules: int) -> ThreadpoolController:
    """Those that so many imported modules have loaded.

    Looking for them reads the map of the process: 4 ms, more than a small unit takes.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
