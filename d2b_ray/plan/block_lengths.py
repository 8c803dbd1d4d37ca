"""How long blocks are where a sweep leaves it open (`block_trs: auto`). Needs sizes only. Pure.

What blocks miss of the autocorrelation the null is widened by (`significance.memory`); what is left to
choose is a length that holds most of it, and leaves blocks enough. The numbers are those of
`scripts/calibration.md`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from d2b_ray.plan.world import World
    from d2b_ray.spec import SignificanceBlock, Sweep

__all__ = ["FEW_FOR_INTERVALS", "n_blocks", "with_block_lengths"]

SHORTEST, LONGEST = 10, 100  # TRs
SHUFFLED = 12  # blocks of a series, and more orders of them than anybody draws
DRAWN = 40  # blocks that are drawn with replacement: percentiles of fewer are too narrow
FEW_FOR_INTERVALS = DRAWN
OF_A_RUN = 4  # blocks of the shortest run, where none reaches into the next


def with_block_lengths(sweep: Sweep, world: World) -> Sweep:
    """The sweep with a number of TRs wherever it says `auto`."""
    block = sweep.significance
    update: dict[str, object] = {}
    if block.block_trs == "auto":
        update["block_trs"] = _length(block, world, SHUFFLED)
    if block.bootstrap is not None and block.bootstrap.block_trs == "auto":
        drawn = {"block_trs": _length(block, world, DRAWN)}
        update["bootstrap"] = block.bootstrap.model_copy(update=drawn)
    if not update:
        return sweep
    return sweep.model_copy(update={"significance": block.model_copy(update=update)})


def n_blocks(samples: int, block_trs: int) -> int:
    """Blocks of a series, the last may be shorter."""
    return math.ceil(samples / block_trs)


def _length(block: SignificanceBlock, world: World, blocks: int) -> int:
    length = world.sizes.n_valid // blocks
    if block.within_runs and world.run_seconds:
        length = min(length, min(world.run_seconds.values()) // OF_A_RUN)
    return max(SHORTEST, min(LONGEST, length))
