"""Everything of a cross-validated ridge that depends on the design alone; shared by all subjects.

Primal (samples >= features): per fold the eigenvectors of the training Gram. Dual: those of the
training block of the kernel. Both leave the same parts behind, so that one scoring serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from d2b_ray.encoding.folds import Fold, folds_of
from d2b_ray.encoding.tensors import to_array, to_tensor
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, IntArray

__all__ = ["Eigen", "Factorization", "FoldFactor", "factorize_kernel", "factorize_primal"]

ROWS = 2048  # rows turned into float64 at a time


@dataclass(frozen=True, slots=True)
class Eigen:
    """Eigenvectors `vectors` (q, r) and eigenvalues `values` (r,) above rounding, float64."""

    vectors: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoldFactor:
    """One fold: `eigen` of its training rows, and what scoring needs of its held-out rows.

    A (n_g, r) are the held-out rows in eigenvector coordinates, their column means removed.
    `quadratic` float32 is A'A (r, r) if `squared`, else A. `mean` (p,) of the held-out rows, after
    centring by the training mean; empty for a kernel.
    """

    fold: Fold
    eigen: Eigen
    quadratic: FloatArray
    squared: bool
    mean: NDArray[np.float64]


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
        eigens = [self.full, *(factor.eigen for factor in self.folds)]
        own = sum(eigen.vectors.nbytes + eigen.values.nbytes for eigen in eigens)
        return int(own + sum(factor.quadratic.nbytes for factor in self.folds))


def factorize_primal(train: FloatArray, groups: IntArray, device: str) -> Factorization:
    """Fold Grams and their eigenvectors. `train` (n, p) not centred, `groups` (n,) non-decreasing.

    G_g = X_g'X_g in float64, one pass; fold g is trained on G - G_g. Cost n p^2 + (folds + 1) p^3.
    Raises FitError for values that are not finite and for constant designs.
    """
    folds = folds_of(groups)
    mean = _mean(train)
    centre = to_tensor(mean, device, torch.float64)
    grams = [_gram(train, fold, centre, device) for fold in folds]
    total = torch.stack(grams).sum(0)
    made = []
    for fold, gram in zip(folds, grams, strict=True):
        eigen, vectors = _eigen(total - gram)
        held_mean = to_tensor(_mean(train[fold.start : fold.stop]) - mean, device, torch.float64)
        rows = fold.stop - fold.start
        squared = rows >= vectors.shape[1]
        if squared:
            quadratic = vectors.T @ (gram - rows * torch.outer(held_mean, held_mean)) @ vectors
        else:
            held = _rows(train, fold.start, fold.stop, centre, device) - held_mean
            quadratic = held @ vectors
        noted = to_array(held_mean, np.float64)
        made.append(FoldFactor(fold, eigen, to_array(quadratic), squared, noted))
    return Factorization("ridge", mean, tuple(made), _eigen(total)[0])


def factorize_kernel(train: FloatArray, groups: IntArray, device: str) -> Factorization:
    """The linear kernel K = X X' (float64) and eigenvectors of its training blocks.

    `train` (n, p) not centred, `groups` (n,) non-decreasing. Cost n^2 p + (folds + 1) n^3.
    """
    folds = folds_of(groups)
    mean = _mean(train)
    rows = _rows(train, 0, len(train), to_tensor(mean, device, torch.float64), device)
    kernel = rows @ rows.T
    made = []
    for fold in folds:
        inside = torch.ones(len(train), dtype=torch.bool, device=kernel.device)
        inside[fold.start : fold.stop] = False
        eigen, vectors = _eigen(kernel[inside][:, inside])
        held = kernel[fold.start : fold.stop][:, inside] @ vectors
        quadratic = to_array(held - held.mean(0))
        made.append(FoldFactor(fold, eigen, quadratic, False, np.empty(0)))
    return Factorization("kernel_ridge", mean, tuple(made), _eigen(kernel)[0])


def _mean(rows: FloatArray) -> NDArray[np.float64]:
    mean = rows.mean(0, dtype=np.float64)
    if not np.isfinite(mean).all():
        raise FitError("the design holds values that are not finite; look at its features")
    found: NDArray[np.float64] = mean
    return found


def _rows(
    train: FloatArray, start: int, stop: int, centre: torch.Tensor, device: str
) -> torch.Tensor:
    return to_tensor(train[start:stop], device, torch.float64) - centre


def _gram(train: FloatArray, fold: Fold, centre: torch.Tensor, device: str) -> torch.Tensor:
    p = train.shape[1]
    gram = torch.zeros((p, p), dtype=torch.float64, device=device)
    for start in range(fold.start, fold.stop, ROWS):
        rows = _rows(train, start, min(start + ROWS, fold.stop), centre, device)
        gram.addmm_(rows.T, rows)
    return gram


def _eigen(matrix: torch.Tensor) -> tuple[Eigen, torch.Tensor]:
    """Eigenvectors of a positive matrix; directions lost in rounding are left out (r <= q)."""
    values, vectors = torch.linalg.eigh(matrix)
    floor = values[-1] * len(values) * torch.finfo(torch.float64).eps
    keep = values > floor
    if not bool(keep.any()):
        raise FitError("the design is constant over the training rows; nothing can be fitted")
    vectors = vectors[:, keep].contiguous()
    return Eigen(to_array(vectors, np.float64), to_array(values[keep], np.float64)), vectors
