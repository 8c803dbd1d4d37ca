"""Whether what a sweep will write has room where it is to be written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from d2b_ray.errors import SpecError
from d2b_ray.plan import estimate
from d2b_ray.plan.describe import bytes_text

if TYPE_CHECKING:
    from d2b_ray.engine.sweep_run import SweepRun

__all__ = ["bytes_left", "check_space", "free_bytes"]


def bytes_left(sweep_run: SweepRun) -> int:
    """What the units still to be run will write, by their estimates."""
    found = estimate(sweep_run.plan, sweep_run.world.sizes, sweep_run.finished_keys)
    return sum(one.bytes for one in found)


def free_bytes(url: str) -> int | None:
    """Room on the disk of a folder, or of where it is to be made; None for a bucket."""
    if "://" in url:
        return None
    place = Path(url)
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def check_space(sweep_run: SweepRun) -> None:
    """SpecError if more will be written than there is room for."""
    free, needed = free_bytes(sweep_run.store.url), bytes_left(sweep_run)
    if free is not None and needed > free:
        saved = ", ".join(sweep_run.sweep.output.save)
        raise SpecError(
            f"output.root {sweep_run.store.url} has room for {bytes_text(free)}, and "
            f"{bytes_text(needed)} will be written: give another folder, save less "
            f"(output.save: [{saved}]), or --ignore-space"
        )
