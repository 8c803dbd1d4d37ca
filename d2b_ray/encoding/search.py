"""How band weights are searched: a random search, and a refinement around what it found.

A hundred Dirichlet samples cover the simplex of five bands thinly. The refinement draws candidates
near those that won, weighted by how many voxels each won, and lets all voxels choose again. All
voxels share every candidate, so a refined candidate costs what a random one costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.catalog.solvers import BandedSolution
from d2b_ray.encoding.banded import solve_banded
from d2b_ray.encoding.dirichlet import dirichlet_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Band, FloatArray
    from d2b_ray.catalog.solvers import Responses, Search
    from d2b_ray.encoding.grams import Grams
    from d2b_ray.encoding.kernels import Kernels

__all__ = ["search_bands"]

WIDTHS = (1.0, 0.5, 0.25, 0.125)  # standard deviation of log gamma, a round each; the last repeats
SMALLEST = 1e-8  # weight below which a band is out of play, and may come back


def search_bands(
    train: FloatArray,
    response: Responses,
    bands: Sequence[Band],
    alphas: NDArray[np.float64],
    search: Search,
    parts: Grams | Kernels,
    device: str,
    memory_budget_bytes: int,
) -> BandedSolution:
    """Search the weights of `bands`; arguments as in `solve_banded`."""
    candidates = dirichlet_samples(
        search.n_iter, len(bands), concentration=search.concentration, seed=search.seed
    )

    def solved(some: NDArray[np.float64]) -> BandedSolution:
        return solve_banded(
            train, response, bands, alphas, some, parts, device, memory_budget_bytes
        )

    best = solved(candidates)
    for number in range(search.refine):
        width = WIDTHS[min(number, len(WIDTHS) - 1)]
        rng = np.random.default_rng([search.seed, number])
        near = neighbours(rng, best.gamma, width, search.n_refine)
        best = _better(best, solved(near))
    return best


def neighbours(
    rng: np.random.Generator, gamma: NDArray[np.float64], width: float, count: int
) -> NDArray[np.float64]:
    """`count` candidates near the chosen ones: log gamma of a voxel at random plus normal noise.

    `gamma` (bands, V); returns (count, bands) on the simplex.
    """
    parents = gamma[:, rng.integers(0, gamma.shape[1], count)].T
    logs = np.log(np.maximum(parents, SMALLEST)) + width * rng.standard_normal(parents.shape)
    made: NDArray[np.float64] = np.exp(logs)
    made /= made.sum(1, keepdims=True)
    return made


def _better(one: BandedSolution, other: BandedSolution) -> BandedSolution:
    """Voxel by voxel the solution with the higher CV score, the first of equals."""
    choose = other.cv_r > one.cv_r
    assert isinstance(one.coef, torch.Tensor)
    assert isinstance(other.coef, torch.Tensor)
    there = torch.from_numpy(choose).to(one.coef.device)
    return BandedSolution(
        alpha=np.where(choose, other.alpha, one.alpha),
        gamma=np.where(choose, other.gamma, one.gamma),
        cv_r=np.where(choose, other.cv_r, one.cv_r),
        coef=torch.where(there, other.coef, one.coef),
        history=np.concatenate([one.history, other.history]),
    )
