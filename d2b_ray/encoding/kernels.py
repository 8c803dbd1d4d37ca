"""The dual form, for fewer samples than features: one linear kernel a band, every fold a sub-block."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.encoding.factorization import (
    Directions,
    Eigen,
    Factorization,
    FoldFactor,
    centred_mean,
    eigens,
)
from d2b_ray.encoding.folds import Fold, folds_of
from d2b_ray.encoding.products import add_gram, mirror
from d2b_ray.encoding.tensors import to_array, to_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, IntArray

__all__ = ["Kernels", "make_kernels"]

CONSTANT = 1e-3  # cosine with the vector of ones that no eigenvector of a centred kernel has


@dataclass(frozen=True, slots=True)
class Kernels:
    """K_b = X_b X_b' (bands, n, n) float64 of columns centred by their training `mean` (p,).

    `means` (folds, p) of the centred rows of each fold. With `intercept` the kernel of each fold is
    centred by the rows it is trained on.
    """

    folds: tuple[Fold, ...]
    mean: NDArray[np.float64]
    means: NDArray[np.float64]
    kernels: NDArray[np.float64]
    intercept: bool = True

    @property
    def nbytes(self) -> int:
        """Bytes it takes in an object store."""
        return int(self.kernels.nbytes)

    def without(self, fold: int) -> Kernels:
        """The kernels of the rows outside one fold, centred by their own mean (for nested CV)."""
        gone = self.folds[fold]
        keep = np.r_[0 : gone.start, gone.stop : self.kernels.shape[1]]
        count = gone.stop - gone.start
        folds = [
            f if f.start < gone.start else Fold(f.start - count, f.stop - count)
            for f in self.folds
            if f != gone
        ]
        kernels = self.kernels[:, keep][:, :, keep]
        level = kernels.mean(1, keepdims=True)
        kernels = kernels - level - level.swapaxes(1, 2) + level.mean(2, keepdims=True)
        means = np.delete(self.means, fold, axis=0)
        shift = np.array([f.stop - f.start for f in folds]) @ means / len(keep)
        return replace(
            self, folds=tuple(folds), mean=self.mean + shift, means=means - shift, kernels=kernels
        )

    def bands(self, keep: Sequence[int], columns: IntArray) -> Kernels:
        """The kernels of some bands, whose columns are `columns`."""
        return replace(
            self,
            mean=self.mean[columns],
            means=self.means[:, columns],
            kernels=self.kernels[list(keep)],
        )

    def full(self, device: str, gammas: NDArray[np.float64]) -> Iterator[Eigen]:
        """Eigenvectors of sum_b gamma_b K_b for each of `gammas` (N, bands)."""
        return (
            found.kept()
            for found in eigens([partial(self._weighted, device, own) for own in gammas])
        )

    def factors(
        self, device: str, gammas: NDArray[np.float64] | None = None
    ) -> tuple[FoldFactor, ...]:
        """What scoring needs of each fold, for sum_b gamma_b K_b. Cost folds n^3."""
        kernel = self._weighted(device, gammas)
        found = eigens([partial(self._trained, kernel, fold) for fold in self.folds])
        return tuple(
            self._factor(kernel, fold, own) for fold, own in zip(self.folds, found, strict=True)
        )

    def factorize(self, device: str) -> Factorization:
        """All that the fits of one penalty a voxel share."""
        kernel = self._weighted(device, None)
        # the kernel of all rows first: it takes longest
        found = eigens(
            [lambda: kernel, *(partial(self._trained, kernel, fold) for fold in self.folds)]
        )
        full = next(found).kept()
        factors = [
            self._factor(kernel, fold, own) for fold, own in zip(self.folds, found, strict=True)
        ]
        return Factorization(self.mean, tuple(factors), full, intercept=self.intercept)

    def _trained(self, kernel: torch.Tensor, fold: Fold) -> torch.Tensor:
        """The kernel of the rows that a fold is trained on; with an intercept less their mean."""
        trained = _outside(fold, _outside(fold, kernel, rows=True))
        if not self.intercept:
            return trained
        level = trained.mean(0)
        return trained.sub_(level).sub_((level - level.mean())[:, None])

    def _factor(self, kernel: torch.Tensor, fold: Fold, own: Directions) -> FoldFactor:
        held = _outside(fold, kernel[fold.start : fold.stop])
        if self.intercept:  # the vectors are centred: so is what they meet, before it can cancel
            own = _centred(own)
            held.sub_(held.mean(1, keepdim=True))
        held = held @ own.vectors
        held.sub_(held.mean(0))
        return FoldFactor(
            fold, own.values, to_array(own.vectors), to_array(held), rounding=own.rounding
        )

    def _weighted(self, device: str, gammas: NDArray[np.float64] | None) -> torch.Tensor:
        shares = np.ones(len(self.kernels)) if gammas is None else gammas
        first, *others = (to_tensor(own, device, torch.float64) for own in self.kernels)
        kernel = first * float(shares[0])
        for share, own in zip(shares[1:], others, strict=True):
            kernel.add_(own, alpha=float(share))
        return kernel


def make_kernels(
    train: FloatArray,
    groups: IntArray,
    device: str,
    edges: Sequence[int] = (),
    *,
    intercept: bool = True,
) -> Kernels:
    """Kernels of `train` (n, p), not centred; `edges` the first columns of the second band and on.

    Cost n^2 p multiply-adds.
    """
    mean = centred_mean(train)
    rows = to_tensor(train, device, torch.float64) - to_tensor(mean, device, torch.float64)
    cuts = [0, *edges, train.shape[1]]
    bands = [rows[:, a:b] for a, b in itertools.pairwise(cuts)]
    kernels = np.stack([to_array(_kernel(band), np.float64) for band in bands])
    folds = folds_of(groups)
    means = np.stack([to_array(rows[f.start : f.stop].mean(0), np.float64) for f in folds])
    return Kernels(folds, mean, means, kernels, intercept)


def _outside(fold: Fold, matrix: torch.Tensor, *, rows: bool = False) -> torch.Tensor:
    """A copy of the columns of those that a fold is trained on, or of their rows."""
    if rows:
        return torch.cat([matrix[: fold.start], matrix[fold.stop :]])
    return torch.cat([matrix[:, : fold.start], matrix[:, fold.stop :]], 1)


def _centred(found: Directions) -> Directions:
    """Eigenvectors of H K H, H = I - 11'/n, the kernel (n, n) of rows less their mean, without that of ones.

    The vector of ones belongs to its null space: it is left out, and out of those that lie so near in
    eigenvalue that rounding mixes it in.
    """
    values, vectors, rounding = found
    own = vectors.sum(0).abs() < CONSTANT * len(vectors) ** 0.5
    if not bool(own.all()):
        vectors, values = vectors[:, own], values[own.cpu().numpy()]
    return Directions(values, vectors - vectors.mean(0), rounding)


def _kernel(band: torch.Tensor) -> torch.Tensor:
    out = band.new_zeros(len(band), len(band))
    add_gram(out, band)
    return mirror(out)
