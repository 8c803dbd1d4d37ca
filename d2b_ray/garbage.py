"""How often a process of ours looks for garbage.

By default Python does after every 700 new objects that stay, which while libraries are imported is a fifth of
the time: hundreds of thousands of objects are made, and none is garbage.
"""

from __future__ import annotations

import gc

__all__ = ["collect_seldom"]

OBJECTS, YOUNG, OLD = 10_000, 20, 20


def collect_seldom() -> None:
    """For commands and workers; not for a process that is somebody else's, which imports the package."""
    gc.set_threshold(OBJECTS, YOUNG, OLD)
