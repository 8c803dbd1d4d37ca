"""Norms of the predictions of all penalties, without predictions: by pairs where that is less work.

Pairs of eigenvalues add up terms of both signs: where the held-out prediction of a voxel nearly vanishes they
would not keep float32's digits, and it is squared again, by mixtures of filters.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.encoding.mixtures import Mixtures, make_mixtures, mixture_products
from d2b_ray.encoding.pairs import make_pairs, pair_products
from d2b_ray.encoding.tensors import to_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Norms"]

CPU_TILE, GPU_TILE = 256, 1 << 13  # voxels at a time: what stays in cache, what fills a GPU
VANISHING = 0.1  # share of the squares by themselves, below which rounding of the pairs would show


class Norms:
    """||A diag(w_a) b|| of all penalties: `values` (r,) eigenvalues, `penalties` (A',), `held` A (n_g, r) or
    anything with its A'A, float32."""

    def __init__(
        self, values: NDArray[np.float64], penalties: NDArray[np.float64], held: torch.Tensor
    ) -> None:
        self._given = values, penalties, held
        fewer = pair_products(values) < mixture_products(len(values), len(held))
        self._pairs = make_pairs(values, penalties, held) if fewer else None

    @cached_property
    def _mixtures(self) -> Mixtures:
        return make_mixtures(*self._given)

    def __call__(self, projected: torch.Tensor) -> torch.Tensor:
        """Norms (A', v) of `projected` b (r, v), float32, a tile of voxels at a time."""
        width = GPU_TILE if projected.is_cuda else CPU_TILE
        tiles = projected.split(width, 1)  # type: ignore[no-untyped-call]
        if self._pairs is None:
            return torch.cat([self._mixtures.squares(tile) for tile in tiles], 1).sqrt_()
        found = torch.cat([self._pairs.squares(tile) for tile in tiles], 1)
        least = torch.cat([self._pairs.by_themselves(tile) for tile in tiles], 1).mul_(VANISHING)
        vanishing = np.flatnonzero(to_array((found < least).any(0), np.bool_))
        for own in np.split(vanishing, np.flatnonzero(np.diff(vanishing // width)) + 1):
            if len(own):  # of one tile: the same in any batch
                again = torch.from_numpy(own).to(projected.device)
                found[:, again] = self._mixtures.squares(projected[:, again])
        return found.clamp_(min=0).sqrt_()
