"""What the fits of a design share: eigenvectors of the training rows of each fold, and the rest in them.

Primal (samples >= features) and dual (kernel) leave the same parts behind, so that one scoring
serves both. Eigenvectors are found in float64. Responses meet float32 only, as they are stored: in
the dual form they are multiplied by eigenvectors of length 1, in the primal form by the
principal rows Z = X U diag(values)^-1/2, whose columns have length 1 too. So a product's rounding is
relative to each direction and not, as in X'Y, to the largest.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from d2b_ray.encoding.eigenvectors import eigenvectors
from d2b_ray.encoding.tensors import to_array, to_tensor
from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.encoding.folds import Fold

CERTAIN = 1e3  # times its error: an eigenvalue, or a penalty, known to a part in a thousand

__all__ = ["Directions", "Eigen", "Factorization", "FoldFactor", "centred_mean", "eigens"]


@dataclass(frozen=True, slots=True)
class Eigen:
    """Eigenvectors `vectors` (q, r) and eigenvalues `values` (r,) above rounding, float64.

    `rounding` is the error of an eigenvalue, q eps times the largest.
    """

    vectors: NDArray[np.float64]
    values: NDArray[np.float64]
    rounding: float = 0.0

    def tensors(
        self, device: str, dtype: torch.dtype = torch.float64
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Both on a device."""
        return to_tensor(self.vectors, device, dtype), to_tensor(self.values, device, dtype)


class Directions(NamedTuple):
    """What `Eigen` holds, its `vectors` a tensor where they were found: to go on with, not to keep."""

    values: NDArray[np.float64]
    vectors: torch.Tensor
    rounding: float

    def kept(self) -> Eigen:
        """To be stored and shared."""
        return Eigen(to_array(self.vectors, np.float64), self.values, self.rounding)


@dataclass(frozen=True, slots=True)
class FoldFactor:
    """One fold: eigenvalues `values` (r,) float64 of its training rows, and how responses meet them.

    `project` (q, r) float32 turns what was made of the training responses into eigenvector
    coordinates: Z'Y (primal, q columns of Z) or Y (dual, q training rows). A (n_g, r) are
    the held-out rows in these coordinates, their column means removed: `held` float32 is A itself
    (dual), or at most r rows with the same A'A (primal). `mean` (q,) float32 of the held-out rows of Z
    (primal). `shift` n_g^2 / n of a fold with an intercept, n its training rows (primal; the
    eigenvectors of a dual fold are centred themselves); `rounding` as of `Eigen`.
    """

    fold: Fold
    values: NDArray[np.float64]
    project: FloatArray
    held: FloatArray
    mean: FloatArray | None = None
    shift: float = 0.0
    rounding: float = 0.0

    @property
    def least_penalty(self) -> float:
        """Penalties below are lost in rounding: some eigenvalues are no more certain than they are.

        0 where all eigenvalues are: then the filter of the smallest penalty is that of none.
        """
        certain = CERTAIN * self.rounding
        return certain if self.values[0] < certain else 0.0


@dataclass(frozen=True, slots=True)
class Factorization:
    """Shared part of the fits on one design. `mean` (p,) float64 of the training rows.

    `full` eigenvectors of the Gram (or kernel) of all rows; `rows` Z (n, r) float32 (primal);
    `intercept` whether each fold has a constant of its own.
    """

    mean: NDArray[np.float64]
    folds: tuple[FoldFactor, ...]
    full: Eigen
    rows: FloatArray | None = None
    intercept: bool = True

    @property
    def primal(self) -> bool:
        """Whether it was made of Grams, not of a kernel."""
        return self.rows is not None

    @property
    def nbytes(self) -> int:
        """Bytes it takes in an object store."""
        arrays = [self.mean, self.full.vectors, self.full.values, self.rows]
        for factor in self.folds:
            arrays += [factor.values, factor.project, factor.held, factor.mean]
        return int(sum(array.nbytes for array in arrays if array is not None))


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


def eigens(
    matrices: Sequence[Callable[[], torch.Tensor]], columns: int = 0
) -> Iterator[Directions]:
    """Eigenvectors (q, r) of positive matrices (q, q), in their order.

    `matrices` make them, perhaps of larger ones, of `columns`, whose rounding they have. Directions lost in
    rounding are left out (r <= q): their weights would be rounding divided by the smallest penalties. Raises
    FitError when nothing is left.
    """
    with closing(eigenvectors(matrices)) as found:
        for values, vectors in found:
            yield _certain(to_array(values, np.float64), vectors, max(columns, len(values)))


def _certain(values: NDArray[np.float64], vectors: torch.Tensor, order: int) -> Directions:
    floor = max(float(values[-1]), 0.0) * order * float(np.finfo(np.float64).eps)
    lost = len(values) - int((values > floor).sum())  # they ascend: the first ones
    if lost == len(values):
        raise FitError("the design is constant over the training rows; nothing can be fitted")
    return Directions(values[lost:], vectors[:, lost:], floor)
