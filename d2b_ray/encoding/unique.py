"""Unique variance: what a joint fit explains that it does not explain without a band.

The fit without a band needs no new pass over the rows: its Grams are those of all bands with rows
and columns struck out, its kernels those of the other bands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.arrays import Band
from d2b_ray.encoding.grams import Grams
from d2b_ray.encoding.products import predicted
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.search import Search, search_bands
from d2b_ray.encoding.split import signed_square

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Design, FloatArray
    from d2b_ray.encoding.kernels import Kernels

__all__ = ["unique_variance"]


def unique_variance(
    design: Design,
    train: FloatArray,
    valid: FloatArray,
    joint_r: FloatArray,
    alphas: NDArray[np.float64],
    search: Search,
    parts: Grams | Kernels,
    device: str,
    memory_budget_bytes: int,
    *,
    keep: bool = False,
) -> tuple[FloatArray, FloatArray | None]:
    """r|r| of the joint fit less that of a fit without the band, (bands, V) float32.

    To `keep` the predictions of the fits without a band returns them too, (bands, n_valid, V).

    `joint_r` (V,) validation correlation of the joint fit; `train` (n, V), `valid` (n_valid, V)
    responses; the fits without a band search their own weights with the same `search`.
    """
    out = np.empty((len(design.bands), train.shape[1]), np.float32)
    kept = np.empty((len(design.bands), *valid.shape), np.float32) if keep else None
    for number in range(len(design.bands)):
        others = [n for n in range(len(design.bands)) if n != number]
        columns = np.concatenate([np.arange(*_edges(design.bands[n])) for n in others])
        rows = np.ascontiguousarray(design.train[:, columns])
        left = parts.columns(columns) if isinstance(parts, Grams) else parts.bands(others, columns)
        own = search if len(others) > 1 else replace(search, n_iter=1, refine=0)
        solution = search_bands(
            rows, train, _packed([design.bands[n] for n in others]), alphas, own, left, device,
            memory_budget_bytes,
        )  # fmt: skip
        held = (design.valid[:, columns] - rows.mean(0, dtype=np.float64)).astype(np.float32)
        prediction = predicted(held, solution.coef, device)
        out[number] = signed_square(joint_r) - signed_square(correlation(prediction, valid))
        if kept is not None:
            kept[number] = prediction
    return out, kept


def _edges(band: Band) -> tuple[int, int]:
    return band.start, band.stop


def _packed(bands: Sequence[Band]) -> tuple[Band, ...]:
    """The bands side by side, from column 0."""
    edges = np.cumsum([0, *(band.stop - band.start for band in bands)]).tolist()
    return tuple(Band(band.name, edges[n], edges[n + 1]) for n, band in enumerate(bands))
