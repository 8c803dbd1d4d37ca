"""Batches of voxels, so that the working memory stays under a budget in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["batches"]

TILE = 256  # voxels; batches are multiples of it


def batches(voxels: int, per_voxel: int, budget: int) -> Iterator[tuple[int, int]]:
    """Ranges of voxels whose working memory fits the budget; at least one tile."""
    size = max(TILE, budget // per_voxel // TILE * TILE)
    for start in range(0, voxels, size):
        yield start, min(start + size, voxels)
