"""How benches measure: ours several times, the peer between, and the machine's own product rate around both.

A single best of a busy machine says what it can do on a good day; what a user gets is the median, and how far
it is from the extremes says how much to trust it.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_turns", "machine", "product_rates", "spread", "timed"]

ORDER = 1024  # of the products that tell a machine's rate
T = TypeVar("T")


def timed(act: Callable[[], T]) -> tuple[T, float]:
    """What `act` returns, and its seconds, with all that a device still computes."""
    on_device = torch.cuda.is_available()
    if on_device:
        torch.cuda.synchronize()
    began = time.perf_counter()
    made = act()
    if on_device:
        torch.cuda.synchronize()
    return made, time.perf_counter() - began


def product_rates(device: str = "cpu") -> dict[str, float]:
    """GFLOP/s of a square matrix product here and now, by type; the better of five."""
    found = {}
    for kind in (torch.float32, torch.float64):
        left, right = (torch.randn(ORDER, ORDER, dtype=kind, device=device) for _ in range(2))
        torch.mm(left, right)
        seconds = min(timed(lambda a=left, b=right: torch.mm(a, b))[1] for _ in range(5))
        found[str(kind).removeprefix("torch.")] = round(2 * ORDER**3 / seconds / 1e9, 1)
    return found


def machine() -> str:
    """The processor's own name, its kind where it has none."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def spread(seconds: list[float], name: str = "seconds") -> dict[str, float]:
    """Median under `name`, and the extremes beside it."""
    return {
        name: round(median(seconds), 4),
        f"{name}_min": round(min(seconds), 4),
        f"{name}_max": round(max(seconds), 4),
    }


def in_turns(
    ours: Callable[[], T], peer: Callable[[], Any], *, times: int = 5, device: str = "cpu"
) -> tuple[T, Any, dict[str, Any]]:
    """Ours `times` times with the peer once in the middle; what both returned last, and the figures.

    `seconds` (median, _min, _max), `peer_seconds`, `ratio` of the peer to our median, `gflops` before
    and after.
    """
    before = product_rates(device)
    taken, theirs, peer_seconds = [], None, 0.0
    for turn in range(times):
        mine, seconds = timed(ours)
        taken.append(seconds)
        if turn == times // 2:
            theirs, peer_seconds = timed(peer)
    figures = {
        **spread(taken),
        "peer_seconds": round(peer_seconds, 3),
        "ratio": round(peer_seconds / median(taken), 1),
        "gflops": [before, product_rates(device)],
    }
    return mine, theirs, figures
