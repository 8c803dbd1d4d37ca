"""Products of all blocks of two series as one kernel, where torch brings Triton: written as they are read.

Matrix products give them voxel by voxel, and turning them around takes five times as long as making them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import triton
import triton.language as tl

if TYPE_CHECKING:
    import torch

__all__ = ["block_products"]

PLACES, BLOCKS, VOXELS = (
    8,
    8,
    64,
)  # of a program: 1.4 ms for 448 voxels of 2 x 774^2 products on an H100
WARPS = 4


def block_products(
    fixed: torch.Tensor,
    moved: torch.Tensor,
    out: torch.Tensor,
    *,
    first: int,
    end: int,
    count: int,
    length: int,
    earlier: int,
) -> None:
    """out[k count + b, v] = sum_l fixed[first + k length - earlier + l, v] moved[first + b length + l, v].

    For places k and blocks b below `count`; `fixed`, `moved` (n, v), of which rows `first` to `end` are
    those of the run: what lies outside is zero. `out` (count^2, v) float32. A chain of multiply-adds,
    l rising, each rounded once: the bits of `kernels.direct`.
    """
    voxels = fixed.shape[1]
    grid = (triton.cdiv(count, PLACES), triton.cdiv(count, BLOCKS), triton.cdiv(voxels, VOXELS))
    _products[grid](
        fixed, moved, out, voxels, count, first, end, length, earlier,
        PLACES=PLACES, BLOCKS=BLOCKS, VOXELS=VOXELS, num_warps=WARPS,
    )  # fmt: skip


@triton.jit  # type: ignore[untyped-decorator]
def _products(  # type: ignore[no-untyped-def]  # Triton compiles annotations, too
    x,
    y,
    out,
    voxels,
    count,
    first,
    end,
    length,
    earlier,
    PLACES: tl.constexpr,
    BLOCKS: tl.constexpr,
    VOXELS: tl.constexpr,
):
    places = tl.program_id(0) * PLACES + tl.arange(0, PLACES)
    blocks = tl.program_id(1) * BLOCKS + tl.arange(0, BLOCKS)
    columns = tl.program_id(2) * VOXELS + tl.arange(0, VOXELS)
    there = columns < voxels
    total = tl.zeros((PLACES, BLOCKS, VOXELS), tl.float32)
    for step in range(length):
        here = first + places * length - earlier + step
        own = tl.load(
            x + here[:, None] * voxels + columns[None, :],
            mask=((here >= first) & (here < end))[:, None] & there[None, :],
            other=0.0,
        )
        row = first + blocks * length + step
        other = tl.load(
            y + row[:, None] * voxels + columns[None, :],
            mask=(row < end)[:, None] & there[None, :],
            other=0.0,
        )
        total = tl.fma(
            tl.broadcast_to(own[:, None, :], (PLACES, BLOCKS, VOXELS)),
            tl.broadcast_to(other[None, :, :], (PLACES, BLOCKS, VOXELS)),
            total,
        )
    at = (places[:, None, None] * count + blocks[None, :, None]).to(tl.int64) * voxels
    inside = (places < count)[:, None, None] & (blocks < count)[None, :, None]
    tl.store(out + at + columns[None, None, :], total, mask=inside & there[None, None, :])
