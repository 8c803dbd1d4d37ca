"""The primal form: a Gram matrix a fold, made in one pass over the rows, and never again.

G_g = X_g'X_g in float64; fold g is trained on G - G_g. Rescaled columns (bands) rescale the same
Grams. Float64, for with penalties down to 1e-12 a float32 Gram has errors above small eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

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
from d2b_ray.encoding.products import ROWS, add_gram, centred_rows, mirror
from d2b_ray.encoding.tensors import to_array, to_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, IntArray

__all__ = ["Grams", "factorize_grams", "make_grams"]

Sums: TypeAlias = "tuple[torch.Tensor, torch.Tensor, torch.Tensor]"

FEWER = 0.9  # of the columns are independent: then what is turned into those is soon saved


@dataclass(frozen=True, slots=True)
class Grams:
    """Sums over the rows of a design, centred by its training `mean` (p,); float64.

    `grams` (folds, p, p); `means` (folds, p) of the centred rows of each fold; `roots` a fold
    (min(n_g, p), p) with root'root = G_g less its mean. `principal`: eigenvectors U of the Gram
    of all rows, and the rows Z = X U diag(values)^-1/2 (n, r), float32. With `intercept` the rows of
    each fold are centred by the mean m of those it is trained on: G - G_g less n m m', of rank one.
    `turned` how many columns a design has whose sums were turned into these; 0 where they are its own.
    """

    folds: tuple[Fold, ...]
    mean: NDArray[np.float64]
    grams: NDArray[np.float64]
    means: NDArray[np.float64]
    roots: tuple[NDArray[np.float64], ...]
    principal: tuple[Eigen, FloatArray] | None = None
    intercept: bool = True
    turned: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes it takes in an object store."""
        rows = 0 if self.principal is None else self.principal[1].nbytes
        sums = self.grams.nbytes + self.means.nbytes + sum(r.nbytes for r in self.roots)
        return int(sums + rows)

    def rotated(self, train: FloatArray, device: str) -> Grams:
        """Itself with `principal` of the rows `train` (n, p). Cost n p^2, if it was not there."""
        if self.principal is not None:
            return self
        total = to_tensor(self.grams, device, torch.float64).sum(0)
        full, rows = _principal(train, to_tensor(self.mean, device, torch.float64), total)
        return replace(self, principal=(full.kept(), rows))

    def without(self, fold: int) -> Grams:
        """The Grams of the rows outside one fold, centred by their own mean (for nested CV)."""
        keep = [number for number in range(len(self.folds)) if number != fold]
        folds = tuple(self.folds[number] for number in keep)
        counts = np.array([f.stop - f.start for f in folds], np.float64)
        means = self.means[keep]
        shift = counts @ means / counts.sum()
        mixed = means[:, :, None] * shift  # sum of (x - s)(x - s)' from sums of xx' and x
        change = shift[:, None] * shift - mixed - mixed.swapaxes(1, 2)
        return replace(
            self,
            folds=folds,
            mean=self.mean + shift,
            grams=self.grams[keep] + counts[:, None, None] * change,
            means=means - shift,
            roots=tuple(self.roots[number] for number in keep),
            principal=None,
        )

    def columns(self, keep: IntArray) -> Grams:
        """The Grams of some columns: rows and columns of the others struck out."""
        return replace(
            self,
            mean=self.mean[keep],
            grams=np.ascontiguousarray(self.grams[:, keep][:, :, keep]),
            means=np.ascontiguousarray(self.means[:, keep]),
            roots=tuple(np.ascontiguousarray(root[:, keep]) for root in self.roots),
            principal=None,
        )

    def full(self, device: str, scales: NDArray[np.float64]) -> Iterator[Eigen]:
        """Eigenvectors of the Gram of all rows, columns times each of `scales` (N, p)."""
        total = to_tensor(self.grams, device, torch.float64).sum(0)
        weights = to_tensor(scales, device, torch.float64)
        return (found.kept() for found in eigens([partial(_scaled, total, own) for own in weights]))

    def factors(
        self, device: str, scale: NDArray[np.float64] | None = None
    ) -> tuple[FoldFactor, ...]:
        """What scoring needs of each fold, for the columns times `scale` (p,), once `rotated`.

        Columns of scale 0 take no part. Cost folds p^3, and no pass over the rows.
        """
        assert self.principal is not None
        full, rows = self.principal
        vectors, values = full.tensors(device)
        weight = self._weight(device, scale)
        squares = torch.outer(weight, weight)
        turn = values.sqrt()[:, None] * vectors.T * weight  # from Z to the scaled columns (r, p)
        grams = to_tensor(self.grams, device, torch.float64)
        total = grams.sum(0).mul_(squares)
        means = to_tensor(self.means, device, torch.float64) * weight
        sizes = [fold.stop - fold.start for fold in self.folds]
        samples = sum(sizes)
        # all rows have mean 0, so n m = -(sum of the held-out rows)
        shifts = [n**2 / (samples - n) if self.intercept else 0.0 for n in sizes]

        def trained(number: int) -> torch.Tensor:
            own = torch.addcmul(total, grams[number], squares, value=-1)
            return own.addr_(means[number], means[number], alpha=-shifts[number])

        found = eigens([partial(trained, number) for number in range(len(sizes))], self.turned)
        made = []
        for fold, root, shift, own in zip(self.folds, self.roots, shifts, found, strict=True):
            held = (to_tensor(root, device, torch.float64) * weight) @ own.vectors
            mean = rows[fold.start : fold.stop].mean(0, dtype=np.float64).astype(np.float32)
            made.append(
                FoldFactor(
                    fold,
                    own.values,
                    to_array(turn @ own.vectors),
                    to_array(held),
                    mean,
                    shift=shift,
                    rounding=own.rounding,
                )
            )
        return tuple(made)

    def factorize(self, device: str) -> Factorization:
        """All that the fits of one penalty a voxel share, once `rotated`."""
        assert self.principal is not None
        return Factorization(
            self.mean, self.factors(device), *self.principal, intercept=self.intercept
        )

    def _weight(self, device: str, scale: NDArray[np.float64] | None) -> torch.Tensor:
        return to_tensor(np.ones_like(self.mean) if scale is None else scale, device, torch.float64)


def make_grams(
    train: FloatArray, groups: IntArray, device: str, *, intercept: bool = True
) -> Grams:
    """Sums and principal rows of `train` (n, p), not centred; `groups` (n,) non-decreasing.

    Cost 2 n p^2 multiply-adds. Raises FitError for values that are not finite.
    """
    made = _Sums(train, folds_of(groups), device)
    return made.grams(made.of_columns, made.mean, made.full.kept(), intercept=intercept)


def factorize_grams(
    train: FloatArray, groups: IntArray, device: str, *, intercept: bool = True
) -> Factorization:
    """All that the fits of one penalty a voxel share: of `make_grams`, but of the columns X U where these
    are clearly fewer, for a rank below p. Then a fold's eigenvectors cost r^3."""
    made = _Sums(train, folds_of(groups), device)
    full = made.full.kept()
    if len(full.values) > FEWER * len(made.mean):
        return made.grams(made.of_columns, made.mean, full, intercept=intercept).factorize(device)
    own, mean = replace(full, vectors=np.eye(len(full.values))), made.mean @ full.vectors
    parts = made.grams(made.of_principal_columns, mean, own, intercept=intercept)
    folds = replace(parts, turned=len(made.mean)).factors(device)
    return Factorization(made.mean, folds, full, made.rows, intercept)


class _Sums:
    """Sums over the rows (n, p) of each fold, and what spans all of them, on the device."""

    def __init__(self, train: FloatArray, folds: tuple[Fold, ...], device: str) -> None:
        self.train, self.folds, self.mean = train, folds, centred_mean(train)
        self.centre = to_tensor(self.mean, device, torch.float64)
        self.sums = [_gram(train, fold, self.centre) for fold in folds]
        total = self.sums[0][0].clone()
        for gram, _ in self.sums[1:]:
            total += gram
        self.full, self.rows = _principal(train, self.centre, total)

    def of_columns(self, number: int) -> Sums:
        """Gram, mean and root of a fold."""
        gram, mean = self.sums[number]
        count, axes = self._count(number), self.full.vectors
        if count <= len(mean):
            return gram, mean, self._deviations(number)
        square = torch.addr(gram, mean, mean, alpha=-count)
        if axes.shape[1] == len(mean):
            return gram, mean, _root(square)
        return gram, mean, _root(axes.T @ square @ axes) @ axes.T

    def of_principal_columns(self, number: int) -> Sums:
        """The same of the columns X U."""
        gram, mean = self.sums[number]
        count, axes = self._count(number), self.full.vectors
        own, middle = axes.T @ gram @ axes, mean @ axes
        if count <= len(middle):
            return own, middle, self._deviations(number) @ axes
        return own, middle, _root(torch.addr(own, middle, middle, alpha=-count))

    def grams(
        self, of: Callable[[int], Sums], mean: NDArray[np.float64], full: Eigen, *, intercept: bool
    ) -> Grams:
        """Those of all folds, as arrays, of columns with this mean. The sums are gone then."""
        p, count = len(mean), len(self.folds)
        grams, means, roots = np.empty((count, p, p)), np.empty((count, p)), []
        for number in reversed(range(count)):
            gram, own, root = of(number)
            grams[number], means[number] = to_array(gram, np.float64), to_array(own, np.float64)
            roots.append(to_array(root, np.float64))
            self.sums.pop()
        return Grams(
            self.folds, mean, grams, means, tuple(roots[::-1]), (full, self.rows),
            intercept=intercept,
        )  # fmt: skip

    def _count(self, number: int) -> int:
        return self.folds[number].stop - self.folds[number].start

    def _deviations(self, number: int) -> torch.Tensor:
        """Rows of a fold less their mean: a root where they are few."""
        fold, (_, mean) = self.folds[number], self.sums[number]
        return centred_rows(self.train, fold.start, fold.stop, self.centre) - mean


def _principal(
    train: FloatArray, centre: torch.Tensor, total: torch.Tensor
) -> tuple[Directions, FloatArray]:
    """Eigenvectors of the Gram of all rows, and the principal rows Z = X U diag(values)^-1/2 (n, r)."""
    (full,) = eigens([lambda: total])
    turn = full.vectors / to_tensor(full.values, str(centre.device), torch.float64).sqrt()
    rows = np.empty((len(train), len(full.values)), np.float32)
    for start in range(0, len(train), ROWS):
        stop = min(start + ROWS, len(train))
        rows[start:stop] = to_array(centred_rows(train, start, stop, centre) @ turn)
    return full, rows


def _scaled(gram: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return gram * weight[:, None] * weight[None, :]


def _gram(train: FloatArray, fold: Fold, centre: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gram (p, p) and mean (p,) of the rows of a fold."""
    p = train.shape[1]
    gram = torch.zeros((p, p), dtype=torch.float64, device=centre.device)
    total = torch.zeros(p, dtype=torch.float64, device=centre.device)
    for start in range(fold.start, fold.stop, ROWS):
        rows = centred_rows(train, start, min(start + ROWS, fold.stop), centre)
        add_gram(gram, rows.T)
        total += rows.sum(0)
    return mirror(gram), total / (fold.stop - fold.start)


def _root(square: torch.Tensor) -> torch.Tensor:
    """Of a Gram: Cholesky's, or where there are fewer distinct rows than columns by its eigenvectors."""
    lower, failed = torch.linalg.cholesky_ex(square)
    root: torch.Tensor = lower.T.contiguous()
    if bool(failed):
        values, vectors = torch.linalg.eigh(square)
        root = values.clamp(min=0).sqrt()[:, None] * vectors.T
    return root
