"""CV scores of all penalties, and the best of each voxel: what the primal and dual solvers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.catalog.solvers import Solution
from d2b_ray.encoding.filters import make_filters
from d2b_ray.encoding.scoring import alpha_scores
from d2b_ray.encoding.tensors import to_array, to_tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.encoding.factorization import FoldFactor

__all__ = ["FoldScorer", "best_alphas", "empty_solution", "keep_best"]

SUMMED = 64  # rows summed in float32, in cache; their sums in float64
CONSTANT = 1e-6  # a deviation below this share of the mean is float32 rounding


class FoldScorer:
    """Scores of all penalties on the held-out rows of one fold.

    What depends on the design alone, filters among it, is on `device` once, for all voxels.
    Penalties that are lost in the rounding of eigenvalues score -inf, all but the largest: what they
    would predict is rounding, and must not win. `alphas` (A,).
    """

    def __init__(self, factor: FoldFactor, alphas: NDArray[np.float64], device: str) -> None:
        def on_device(array: FloatArray) -> torch.Tensor:
            return to_tensor(array, device, torch.float32)

        self.fold, self._shift = factor.fold, factor.shift
        self._project, self._root = on_device(factor.project).T, on_device(factor.root)
        self._mean = None if factor.mean is None else on_device(factor.mean)
        self._held = None if factor.held is None else on_device(factor.held).T
        self._filters = make_filters(factor.values, alphas, device)
        barred = alphas < min(factor.least_penalty, alphas.max())
        self._barred = torch.from_numpy(barred).to(device)[:, None] if barred.any() else None

    def __call__(
        self, trained: torch.Tensor, part: torch.Tensor | None, held: torch.Tensor
    ) -> torch.Tensor:
        """Scores (A, v) float32; all responses float32.

        Primal: `trained` Z'Y of the training rows (q, v), `part` that of the held-out rows. Dual:
        `trained` the training responses, `part` None. `held` (n_g, v) the held-out responses.
        """
        mean, norm = _spread(held)
        if part is None or self._mean is None:
            assert self._held is not None
            cross = self._held @ held  # A'Y (r, v)
        else:
            own = torch.outer(self._mean, mean)
            cross = self._project @ (part - own * len(held))
            if self._shift:  # of responses whose mean over all rows is 0, as `centred` leaves them
                trained = trained - own * self._shift
        found = alpha_scores(self._filters, self._project @ trained, cross, self._root, norm)
        scores = found[self._filters.rows]
        if self._barred is None:
            return scores
        return scores.masked_fill_(self._barred, -torch.inf)


def _spread(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (v,) of the columns and norm (v,) of what is left of them; 0 for a constant column."""
    total = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
    square = torch.zeros_like(total)
    for block in rows.split(SUMMED):  # type: ignore[no-untyped-call]
        total += block.sum(0)
    mean = (total / len(rows)).to(torch.float32)
    for block in rows.split(SUMMED):  # type: ignore[no-untyped-call]
        square += (block - mean).square_().sum(0)
    norm = square.sqrt_().to(torch.float32)
    norm[norm <= CONSTANT * len(rows) ** 0.5 * mean.abs()] = 0
    return mean, norm


def best_alphas(scores: torch.Tensor) -> tuple[NDArray[np.int64], FloatArray]:
    """Index of each voxel's best penalty, the first of equals, and its score. `scores` (A, v)."""
    # torch's argmax promises no order among equals; numpy takes the first, as himalaya does
    found = to_array(scores)
    best = found.argmax(0)
    return best, found[best, np.arange(found.shape[1])]


def keep_best(
    scores: torch.Tensor, alphas: NDArray[np.float64], out: Solution, start: int, stop: int
) -> torch.Tensor:
    """Put the best penalties (and scores) of voxels `start` to `stop` into `out`; their indices (v,)."""
    best, score = best_alphas(scores)
    out.alpha[start:stop] = alphas[best]
    out.cv_r[start:stop] = score
    return torch.from_numpy(best).to(scores.device)


def empty_solution(p: int, voxels: int) -> Solution:
    """A solution of `voxels` with `p` coefficients each, to be filled."""
    return Solution(
        alpha=np.empty(voxels, np.float64),
        cv_r=np.empty(voxels, np.float32),
        coef=np.empty((p, voxels), np.float32),
    )
