"""Responses and rows less their mean in training: a baseline costs no digits and moves no penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.encoding.tensors import to_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Design, FloatArray
    from d2b_ray.catalog.solvers import Responses
    from d2b_ray.encoding.folds import Fold

__all__ = ["centred", "held_out_rows", "mean_response"]

ROWS = 64
CONSTANT = 1e-6  # a deviation below this share of the mean is float32 rounding


def mean_response(response: Responses, folds: Sequence[Fold] | None = None) -> NDArray[np.float64]:
    """Mean (V,) of `response` (n, V) in float64, over all rows or over those of `folds`."""
    if not isinstance(response, np.ndarray):
        if folds is None and response.mean is not None:
            return response.mean
        response = response.host
    rows = [(0, len(response))] if folds is None else [(fold.start, fold.stop) for fold in folds]
    total = torch.zeros(response.shape[1], dtype=torch.float64)
    for start, stop in (block for part in rows for block in _blocks(part)):
        total += _exact(response, start, stop).sum(0)
    return np.asarray((total / sum(stop - start for start, stop in rows)).numpy())


def held_out_rows(design: Design) -> FloatArray:
    """Validation rows (n_valid, p) less the training mean; 0, which is that mean, in silent bands."""
    found: FloatArray = (design.valid - design.train.mean(0, dtype=np.float64)).astype(np.float32)
    for number in design.silent:
        band = design.bands[number]
        found[:, band.start : band.stop] = 0
    return found


def centred(response: FloatArray, folds: Sequence[Fold], *, intercept: bool) -> FloatArray:
    """`response` (n, v) less its mean over the rows of `folds`, float32; itself without an intercept.

    The difference is made in float64: of a baseline of 10,000 and deviations of 100 nothing is lost
    that float32 has. Columns that only rounding moves become 0.
    """
    if not intercept:
        return response
    mean = torch.from_numpy(mean_response(response, folds))
    counted = torch.zeros(len(response), dtype=torch.bool)
    for fold in folds:
        counted[fold.start : fold.stop] = True
    out, square = torch.empty(response.shape), torch.zeros_like(mean)
    for start, stop in _blocks((0, len(response))):
        rows = out[start:stop].copy_(_exact(response, start, stop) - mean)
        square += rows[counted[start:stop]].double().square_().sum(0)
    samples = int(counted.sum())
    out[:, square.sqrt_() <= CONSTANT * samples**0.5 * mean.abs()] = 0
    made: FloatArray = out.numpy()
    return made


def _exact(response: FloatArray, start: int, stop: int) -> torch.Tensor:
    """Rows in float64. By torch, whose threads share the columns; NumPy has one."""
    return to_tensor(response[start:stop], "cpu", torch.float64)


def _blocks(rows: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Few rows at a time: float64 copies of them stay small."""
    for start in range(*rows, ROWS):
        yield start, min(start + ROWS, rows[1])
