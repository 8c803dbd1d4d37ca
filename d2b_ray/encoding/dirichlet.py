"""Candidates of band weights for the random search: equal to himalaya's for equal seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["dirichlet_samples"]


def dirichlet_samples(
    n_iter: int, bands: int, *, concentration: Sequence[float] = (0.1, 1.0), seed: int | None = 42
) -> NDArray[np.float64]:
    """Weights gamma (n_iter, bands) on the simplex, cycling through the concentrations.

    The first candidate is equal weights. Drawn from `numpy.random.RandomState(seed)`, one
    concentration after the other, as himalaya's `generate_dirichlet_samples` does. A concentration
    of 1 is uniform over the simplex, below 1 prefers its corners and edges.
    """
    if n_iter < 1 or bands < 1:
        raise FitError(f"random search: n_iter {n_iter} and {bands} bands must be 1 or more")
    if not len(concentration) or not all(value > 0 for value in concentration):
        raise FitError("random search: concentrations must be numbers above 0")
    state = np.random.RandomState(seed)
    each = -(-n_iter // len(concentration))
    drawn = np.stack([state.dirichlet([value] * bands, each) for value in concentration])
    samples = drawn.swapaxes(0, 1).reshape(-1, bands)[:n_iter].copy()
    samples[0] = 1 / bands
    found: NDArray[np.float64] = samples
    return found
