"""Batches of voxels, so that the working memory stays under a budget in bytes: how solvers meet responses.

Responses are an array on the host, moved to the device a batch at a time, or lie there already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.encoding.centring import centred
from d2b_ray.encoding.held_out import HeldOut
from d2b_ray.encoding.on_device import SPARE, DeviceResponses, free_bytes
from d2b_ray.encoding.tensors import to_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from d2b_ray.arrays import FloatArray
    from d2b_ray.catalog.solvers import Responses
    from d2b_ray.encoding.folds import Fold

__all__ = ["TILE", "Batch", "batches", "home_of", "on_host", "some_responses", "working_bytes"]

TILE = 256  # voxels; batches are multiples of it


def batches(voxels: int, per_voxel: int, budget: int) -> Iterator[tuple[int, int]]:
    """Ranges of voxels whose working memory fits the budget; at least one tile."""
    size = max(TILE, budget // per_voxel // TILE * TILE)
    for start in range(0, voxels, size):
        yield start, min(start + size, voxels)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some voxels: `y` (n, v) float32; `whole` all of them where they lie on the device."""

    y: torch.Tensor
    whole: DeviceResponses | None = None
    voxels: slice | None = None

    def held(self, fold: Fold) -> HeldOut:
        """The rows that a fold holds out, measured once a subject where responses stay."""
        rows = self.y[fold.start : fold.stop]
        if self.whole is None or self.voxels is None:
            return HeldOut.of(rows)
        mean, norm = self.whole.spread(fold)
        return HeldOut(rows, mean[self.voxels], norm[self.voxels])


def some_responses(
    response: Responses,
    start: int,
    stop: int,
    folds: Sequence[Fold],
    device: str,
    *,
    intercept: bool,
) -> Batch:
    """Voxels `start` to `stop` on `device`, `centred` over the rows of `folds`."""
    if isinstance(response, DeviceResponses):
        assert sum(fold.stop - fold.start for fold in folds) == len(response)
        assert intercept == (response.mean is not None)
        return Batch(response.deviations[:, start:stop], response, slice(start, stop))
    own = centred(on_host(response)[:, start:stop], folds, intercept=intercept)
    return Batch(to_tensor(own, device, torch.float32))


def working_bytes(response: Responses, device: str, budget: int) -> int:
    """What a batch may take: `budget`, or of a device that holds the responses a share of what is free."""
    if isinstance(response, DeviceResponses) and device != "cpu":
        return int(SPARE * free_bytes(device))
    return budget


def home_of(response: Responses) -> str:
    """Where the coefficients lie: with the responses."""
    return str(response.deviations.device) if isinstance(response, DeviceResponses) else "cpu"


def on_host(response: Responses) -> FloatArray:
    """Responses as they were given."""
    return response if isinstance(response, np.ndarray) else response.host
