"""Unique variance: what a joint fit explains that it does not explain without a band.

The fit without a band needs no new pass over the rows: its Grams are those of all bands with rows
and columns struck out, its kernels those of the other bands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.arrays import Band
from d2b_ray.encoding.centring import held_out_rows
from d2b_ray.encoding.grams import Grams
from d2b_ray.encoding.products import predicted
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.search import search_bands
from d2b_ray.encoding.split import signed_square

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from d2b_ray.arrays import Design, FloatArray, IntArray
    from d2b_ray.catalog.solvers import BandedSolution, Problem
    from d2b_ray.encoding.kernels import Kernels

__all__ = ["solve_without", "unique_variance"]


def unique_variance(
    design: Design,
    valid: FloatArray,
    joint_r: FloatArray,
    fit_without: Callable[[int], BandedSolution],
    device: str,
    *,
    keep: bool = False,
) -> tuple[FloatArray, FloatArray | None]:
    """r|r| of the joint fit less that of a fit without the band, (bands, V) float32.

    `valid` (n_valid, V) responses; `joint_r` (V,) validation correlation of the joint fit;
    `fit_without(number)` the solution for the columns of all bands but one. To `keep` the predictions
    of these fits returns them too, (bands, n_valid, V).
    """
    out = np.empty((len(design.bands), valid.shape[1]), np.float32)
    kept = np.empty((len(design.bands), *valid.shape), np.float32) if keep else None
    rows = held_out_rows(design)
    for number in range(len(design.bands)):
        solution = fit_without(number)
        held = np.ascontiguousarray(rows[:, _others_columns(design.bands, number)])
        prediction = predicted(held, solution.coef, device)
        out[number] = signed_square(joint_r) - signed_square(correlation(prediction, valid))
        if kept is not None:
            kept[number] = prediction
    return out, kept


def solve_without(problem: Problem, parts: Grams | Kernels, number: int) -> BandedSolution:
    """The fit of all bands but one, which searches its own weights with the same search.

    `parts` the Grams or kernels of all bands; the coefficients (p - p_band, V) are of the other columns.
    """
    others = [n for n in range(len(problem.bands)) if n != number]
    columns = _others_columns(problem.bands, number)
    left = parts.columns(columns) if isinstance(parts, Grams) else parts.bands(others, columns)
    search = problem.search
    return search_bands(
        np.ascontiguousarray(problem.train[:, columns]),
        problem.response,
        _packed([problem.bands[n] for n in others]),
        problem.alphas,
        search if len(others) > 1 else replace(search, n_iter=1, refine=0),
        left,
        problem.device,
        problem.memory_budget_bytes,
    )


def _others_columns(bands: Sequence[Band], number: int) -> IntArray:
    others = [band for n, band in enumerate(bands) if n != number]
    return np.concatenate([np.arange(band.start, band.stop) for band in others])


def _packed(bands: Sequence[Band]) -> tuple[Band, ...]:
    """The bands side by side, from column 0."""
    edges = np.cumsum([0, *(band.stop - band.start for band in bands)]).tolist()
    return tuple(Band(band.name, edges[n], edges[n + 1]) for n, band in enumerate(bands))
