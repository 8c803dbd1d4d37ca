"""Wide rows -> fewer columns while they are made: seeded sparse random projection, batch by batch.

Flattened tokens are 10^5 to 10^6 columns; only projected rows are ever kept. Since the projection is
linear, the mean over frames or annotators may follow it. Nothing is fitted: no data set is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import ExtractionError

if TYPE_CHECKING:
    from d2b_ray.arrays import FloatArray

__all__ = ["Projection", "components_for"]

KEPT = 8  # matrices kept: layers of a model have one width, or a few


@dataclass(frozen=True, slots=True)
class Projection:
    """y = x Rᵀ, R (components, width) sparse, of scikit-learn's SparseRandomProjection.

    Rows that are no wider than `components` stay as they are. Equal `identity(width)`, equal R.
    """

    components: int
    seed: int = 42

    def __post_init__(self) -> None:
        if self.components < 1:
            raise ExtractionError(f"reduce: {self.components} components; must be 1 or more")

    def identity(self, width: int) -> tuple[int, int, int]:
        """(width, components, seed): all that R depends on."""
        return width, self.components, self.seed

    def columns(self, width: int) -> int:
        """Columns that are left of `width`."""
        return min(width, self.components)

    def __call__(self, rows: FloatArray) -> FloatArray:
        """(n, width) -> (n, columns(width)) float32. A row does not depend on the others."""
        width = rows.shape[1]
        if width <= self.components:
            return rows
        projected = _matrix(*self.identity(width)) @ rows.T  # (components, width) (width, n)
        return np.ascontiguousarray(projected.T, dtype=np.float32)


def components_for(eps: float, n_samples: int) -> int:
    """Columns that keep all distances between `n_samples` rows within 1 ± eps (Johnson-Lindenstrauss).

    k = 4 ln(n) / (eps²/2 - eps³/3). Raises ExtractionError unless 0 < eps < 1 and n_samples >= 1.
    """
    from sklearn.random_projection import johnson_lindenstrauss_min_dim

    if not 0 < eps < 1 or n_samples < 1:
        raise ExtractionError(
            f"reduce: eps {eps} for {n_samples} rows; eps must be between 0 and 1, with 1 row or more"
        )
    return max(1, int(johnson_lindenstrauss_min_dim(n_samples, eps=eps)))


@lru_cache(maxsize=KEPT)
def _matrix(width: int, components: int, seed: int) -> Any:
    from sklearn.random_projection import SparseRandomProjection

    made = SparseRandomProjection(n_components=components, random_state=seed)
    made.fit(np.zeros((1, width), dtype=np.float32))  # only the width is looked at
    return made.components_.astype(np.float32)
