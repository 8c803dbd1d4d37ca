"""Products of a design's rows with responses or weights, without a second copy of the design."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.encoding.scoring import BLOCK
from d2b_ray.encoding.tensors import to_array, to_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray
    from d2b_ray.encoding.folds import Fold

__all__ = [
    "ROWS",
    "add_gram",
    "centred_rows",
    "cross_products",
    "mirror",
    "predicted",
    "row_products",
]

ROWS = 2048  # rows centred at a time
STRIPS = 6  # of a symmetric product: more save multiplications, but are thinner


def centred_rows(train: FloatArray, start: int, stop: int, centre: torch.Tensor) -> torch.Tensor:
    """Rows `start` to `stop` of `train` (n, p) less `centre` (p,) float64, on its device."""
    return to_tensor(train[start:stop], str(centre.device), torch.float64) - centre


def add_gram(out: torch.Tensor, left: torch.Tensor) -> None:
    """Add left @ left' (q, q) to the upper triangle of `out`; what lies below means nothing."""
    size = max(1, -(-len(left) // STRIPS))
    for start in range(0, len(left), size):
        out[start : start + size, start:].addmm_(left[start : start + size], left[start:].T)


def mirror(upper: torch.Tensor) -> torch.Tensor:
    """The symmetric matrix whose upper triangle is that of `upper`."""
    return upper.triu() + upper.triu(1).T


def cross_products(rows: torch.Tensor, y: torch.Tensor, folds: Sequence[Fold]) -> torch.Tensor:
    """Z_g'Y_g of every fold, (folds, r, v). `rows` Z (n, r) and `y` (n, v) float32, on one device."""
    out = y.new_empty((len(folds), rows.shape[1], y.shape[1]))
    for number, fold in enumerate(folds):
        own = slice(fold.start, fold.stop)
        torch.mm(rows[own].T, y[own], out=out[number])
    return out


def row_products(train: FloatArray, mean: NDArray[np.float64], dual: torch.Tensor) -> torch.Tensor:
    """X'D (p, v) for D (n, v), in D's precision: from dual to primal coefficients."""
    centre = to_tensor(mean, str(dual.device), torch.float64)
    out = torch.zeros((train.shape[1], dual.shape[1]), dtype=dual.dtype, device=dual.device)
    for start in range(0, len(train), ROWS):
        stop = min(start + ROWS, len(train))
        rows = centred_rows(train, start, stop, centre).to(dual.dtype)
        out.addmm_(rows.T, dual[start:stop])
    return out


def predicted(rows: FloatArray, coef: FloatArray | torch.Tensor, device: str) -> FloatArray:
    """rows (n, p) @ coef (p, V) on a device, a block of voxels at a time; float32, on the host."""
    out = np.empty((len(rows), coef.shape[1]), np.float32)
    left = to_tensor(rows, device, torch.float32)
    for start in range(0, coef.shape[1], BLOCK):
        own = coef[:, start : start + BLOCK]
        right = (
            own.to(device)
            if isinstance(own, torch.Tensor)
            else to_tensor(own, device, torch.float32)
        )
        out[:, start : start + BLOCK] = to_array(left @ right.contiguous())
    return out
