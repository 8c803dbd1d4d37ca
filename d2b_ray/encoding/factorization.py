"""What scoring needs of a design: eigenvectors of the training rows of each fold, roots of the rest.

Primal (samples >= features) and dual (kernel) leave the same parts behind, so that one scoring
serves both. It depends on the design alone and is shared by all subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from d2b_ray.encoding.tensors import to_array, to_tensor
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.encoding.folds import Fold

__all__ = ["Eigen", "Factorization", "FoldFactor", "centred_mean", "eigen", "upper_root"]


@dataclass(frozen=True, slots=True)
class Eigen:
    """Eigenvectors `vectors` (q, r) and eigenvalues `values` (r,) above rounding, float64."""

    vectors: NDArray[np.float64]
    values: NDArray[np.float64]

    def tensors(self, device: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Both on a device."""
        return (
            to_tensor(self.vectors, device, torch.float64),
            to_tensor(self.values, device, torch.float64),
        )


@dataclass(frozen=True, slots=True)
class FoldFactor:
    """One fold: `eigen` of its training rows, and what scoring needs of its held-out rows.

    A (n_g, r) are the held-out rows in eigenvector coordinates, their column means removed. `root`
    (min(n_g, r), r) float32 is upper trapezoidal with root'root = A'A. `mean` (p,) of the held-out
    rows after centring by the training mean (primal), or `held` A itself, float32 (dual).
    """

    fold: Fold
    eigen: Eigen
    root: FloatArray
    mean: NDArray[np.float64] | None = None
    held: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Factorization:
    """Shared part of the fits on one design. `mean` (p,) float64 of the training rows."""

    kind: Literal["ridge", "kernel_ridge"]
    mean: NDArray[np.float64]
    folds: tuple[FoldFactor, ...]
    full: Eigen

    @property
    def nbytes(self) -> int:
        """Bytes it takes in an object store."""
        arrays = [self.mean, self.full.vectors, self.full.values]
        total = sum(array.nbytes for array in arrays)
        for factor in self.folds:
            parts = (
                factor.eigen.vectors,
                factor.eigen.values,
                factor.root,
                factor.mean,
                factor.held,
            )
            total += sum(part.nbytes for part in parts if part is not None)
        return int(total)


def centred_mean(rows: FloatArray) -> NDArray[np.float64]:
    """Mean of each column (p,) in float64; FitError if a value is not finite."""
    mean = rows.mean(0, dtype=np.float64)
    if not np.isfinite(mean).all():
        raise FitError(
            f"{int((~np.isfinite(mean)).sum())} of {rows.shape[1]} columns of the design hold values "
            "that are not finite; look at the features"
        )
    found: NDArray[np.float64] = mean
    return found


def eigen(matrix: torch.Tensor) -> tuple[Eigen, torch.Tensor]:
    """Eigenvectors of a positive matrix (q, q), as arrays and as the tensor (q, r).

    Directions lost in rounding are left out (r <= q): their weights would be rounding divided by
    the smallest penalties. Raises FitError when nothing is left.
    """
    values, vectors = torch.linalg.eigh(matrix)
    floor = values[-1].clamp(min=0) * len(values) * torch.finfo(torch.float64).eps
    keep = values > floor
    if not bool(keep.any()):
        raise FitError("the design is constant over the training rows; nothing can be fitted")
    vectors = vectors[:, keep].contiguous()
    return Eigen(to_array(vectors, np.float64), to_array(values[keep], np.float64)), vectors


def upper_root(rows: torch.Tensor) -> FloatArray:
    """Upper trapezoidal R (min(n, r), r) float32 with R'R = rows'rows, for `rows` (n, r) float64."""
    root: FloatArray = to_array(torch.linalg.qr(rows, mode="r").R)
    return root
