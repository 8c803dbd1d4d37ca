"""Products of a design's rows with responses or weights, without a float64 copy of the design."""

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

__all__ = ["ROWS", "centred_rows", "cross_products", "predicted", "row_products"]

ROWS = 2048  # rows turned into float64 at a time


def centred_rows(train: FloatArray, start: int, stop: int, centre: torch.Tensor) -> torch.Tensor:
    """Rows `start` to `stop` of `train` (n, p) less `centre` (p,), float64, on its device."""
    return to_tensor(train[start:stop], str(centre.device), torch.float64) - centre


def cross_products(
    train: FloatArray, mean: NDArray[np.float64], y: torch.Tensor, folds: Sequence[Fold]
) -> torch.Tensor:
    """C_g = X_g'Y_g of every fold, (folds, p, v), float64. `y` (n, v)."""
    centre = to_tensor(mean, str(y.device), torch.float64)
    out = torch.zeros((len(folds), train.shape[1], y.shape[1]), dtype=y.dtype, device=y.device)
    for number, fold in enumerate(folds):
        for start in range(fold.start, fold.stop, ROWS):
            stop = min(start + ROWS, fold.stop)
            out[number].addmm_(centred_rows(train, start, stop, centre).T, y[start:stop])
    return out


def row_products(train: FloatArray, mean: NDArray[np.float64], dual: torch.Tensor) -> torch.Tensor:
    """X'D (p, v) for D (n, v): from dual to primal coefficients."""
    centre = to_tensor(mean, str(dual.device), torch.float64)
    out = torch.zeros((train.shape[1], dual.shape[1]), dtype=dual.dtype, device=dual.device)
    for start in range(0, len(train), ROWS):
        stop = min(start + ROWS, len(train))
        out.addmm_(centred_rows(train, start, stop, centre).T, dual[start:stop])
    return out


def predicted(rows: FloatArray, coef: FloatArray, device: str) -> FloatArray:
    """rows (n, p) @ coef (p, V) on a device, a block of voxels at a time; float32."""
    out = np.empty((len(rows), coef.shape[1]), np.float32)
    left = to_tensor(rows, device, torch.float32)
    for start in range(0, coef.shape[1], BLOCK):
        right = to_tensor(coef[:, start : start + BLOCK], device, torch.float32)
        out[:, start : start + BLOCK] = to_array(left @ right)
    return out
