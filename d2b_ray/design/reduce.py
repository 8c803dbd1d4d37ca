"""Reduction of wide features before the delay: principal components or sparse random projection.

Fitted on all training rows; validation rows never enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from d2b_ray.arrays import FloatArray

__all__ = ["SEED", "Reduce"]

SEED = 42  # drama2brain's


@dataclass(frozen=True, slots=True)
class Reduce:
    """`pca` to `size` components, or `srp` with distortion `size` (Johnson-Lindenstrauss)."""

    method: Literal["pca", "srp"]
    size: float

    def fit(self, train: FloatArray) -> Any:
        """A fitted scikit-learn transformer for rows like `train` (n, p).

        PCA: scikit-learn's solver, random_state 42. SRP: as many components as the lemma of
        Johnson and Lindenstrauss asks for n rows. Raises FitError when `size` does not fit.
        """
        from sklearn.decomposition import PCA
        from sklearn.random_projection import (
            SparseRandomProjection,
            johnson_lindenstrauss_min_dim,
        )

        n, p = train.shape
        if self.method == "pca":
            if not 1 <= self.size <= min(n, p):
                raise FitError(
                    f"reduce: pca {self.size:g} of {p} features and {n} training rows; must be 1 "
                    f"to {min(n, p)}"
                )
            return PCA(n_components=int(self.size), random_state=SEED).fit(train)
        wanted = int(johnson_lindenstrauss_min_dim(n_samples=n, eps=self.size))
        if wanted > p:
            raise FitError(
                f"reduce: srp {self.size:g} of {n} training rows needs {wanted} components, but "
                f"there are {p} features; raise eps or leave the features as they are"
            )
        return SparseRandomProjection(eps=self.size, random_state=SEED).fit(train)


def projection(transformer: Any) -> FloatArray:
    """The matrix (k, p) of a fitted transformer: reduced = (features - mean) @ matrix.T."""
    matrix = transformer.components_
    dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    return np.ascontiguousarray(dense, dtype=np.float32)


def apply(transformer: Any, rows: FloatArray) -> FloatArray:
    """Transformed rows (n, k) float32."""
    return np.ascontiguousarray(transformer.transform(rows), dtype=np.float32)
