"""CV scores of all penalties, and the best of each voxel: what the primal and dual solvers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.catalog.solvers import Solution
from d2b_ray.encoding.filters import make_filters
from d2b_ray.encoding.norms import Norms
from d2b_ray.encoding.scoring import alpha_scores
from d2b_ray.encoding.tensors import to_array, to_tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.encoding.factorization import FoldFactor
    from d2b_ray.encoding.held_out import HeldOut

__all__ = ["FoldScorer", "best_alphas", "empty_solution", "keep_best"]


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
        self._project, self._held = on_device(factor.project).T, on_device(factor.held)
        self._mean = None if factor.mean is None else on_device(factor.mean)
        self._filters = make_filters(factor.values, alphas, device)
        self._norms = Norms(factor.values, self._filters.penalties, self._held)
        barred = alphas < min(factor.least_penalty, alphas.max())
        self._barred = torch.from_numpy(barred).to(device)[:, None] if barred.any() else None

    def __call__(
        self, trained: torch.Tensor, part: torch.Tensor | None, held: HeldOut
    ) -> torch.Tensor:
        """Scores (A, v) float32; all responses float32.

        Primal: `trained` Z'Y of the training rows (q, v), `part` that of the held-out rows. Dual:
        `trained` the training responses, `part` None. `held` the held-out responses; in the primal form
        what is measured of them is enough.
        """
        if part is None or self._mean is None:
            cross = self._held.T @ held.rows  # A'Y (r, v)
        else:
            count = self.fold.stop - self.fold.start
            cross = self._project @ part.addr(self._mean, held.mean, alpha=-count)
            if self._shift:  # of responses whose mean over all rows is 0, as `centred` leaves them
                trained = trained.addr(self._mean, held.mean, alpha=-self._shift)
        found = alpha_scores(self._filters, self._project @ trained, cross, self._norms, held.norm)
        scores = found[self._filters.rows]
        if self._barred is None:
            return scores
        return scores.masked_fill_(self._barred, -torch.inf)


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


def empty_solution(p: int, voxels: int, home: str) -> Solution:
    """A solution of `voxels` with `p` coefficients each on device `home`, to be filled."""
    return Solution(
        alpha=np.empty(voxels, np.float64),
        cv_r=np.empty(voxels, np.float32),
        coef=torch.empty((p, voxels), dtype=torch.float32, device=home),
    )
