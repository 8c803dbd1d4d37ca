"""`block_null` where the prediction is: on a GPU, a tile of voxels right after it was predicted.

The way of `tabled`: the products of every block with every place it can come to are made once, as small
matrix products, and a permutation adds up one of them per place, in the order of places. The same
orders and, product by product and sum by sum, the same order of additions as on a CPU: counts differ where
a null value lies within a rounding of the observed one, and nowhere else. The observed value is made
by the same products, so that a permutation that changes nothing ties with it exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch.nn.functional import embedding_bag

from d2b_ray.arrays import NullCounts
from d2b_ray.errors import FitError
from d2b_ray.significance.block_table import Places
from d2b_ray.significance.blocks import fixed_blocks
from d2b_ray.significance.memory import LAGS, LEAST
from d2b_ray.significance.orders import order_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from d2b_ray.arrays import FloatArray
    from d2b_ray.significance.orders import RngName

__all__ = ["block_null_on_device", "can_table"]

TABLE_BYTES = 2 << 30  # of products of a tile of voxels
MOST_VOXELS = 512  # of a tile
FEWEST_VOXELS = 32  # side by side: what a row of the table needs to be read at full speed


def can_table(samples: int, block_trs: int, runs: Sequence[int] | None) -> bool:
    """Whether the products of the blocks of `FEWEST_VOXELS` fit `TABLE_BYTES`: not of very short blocks."""
    rows = Places.of(fixed_blocks(samples, block_trs, runs), runs).rows
    return 4 * rows * FEWEST_VOXELS <= TABLE_BYTES


def block_null_on_device(
    predict: Callable[[slice], torch.Tensor],
    response: torch.Tensor,
    voxels: slice,
    *,
    start: int,
    stop: int,
    seed: int,
    block_trs: int = 10,
    rng: RngName = "philox",
    observed: FloatArray | None = None,
    runs: Sequence[int] | None = None,
    corrected: bool = False,
) -> NullCounts:
    """`block_null` (kind voxel) of columns `voxels` of `response` (n, V), and of what is predicted of them.

    `predict(columns)` gives predictions (n, v) float32 on the device of `response`; `observed` is of
    these voxels. Other arguments, and errors, as there.
    """
    if not 0 <= start < stop:
        raise FitError(f"permutations {start} to {stop}: the range is empty")
    samples, device = len(response), response.device
    blocks = fixed_blocks(samples, block_trs, runs)
    places = Places.of(blocks, runs)
    tile = int(min(MOST_VOXELS, max(FEWEST_VOXELS, TABLE_BYTES // (4 * places.rows))))
    chunks = [
        torch.from_numpy(places.entries(orders)).to(device)
        for orders in order_chunks(samples, block_trs, start, stop, seed=seed, rng=rng, runs=runs)
    ]
    gather = places.on(device)
    straight = torch.from_numpy(places.entries(np.arange(len(blocks))[None])).to(device)
    exceed, above = [], []
    maxima = torch.full((stop - start,), -torch.inf, device=device)
    for first in range(voxels.start, voxels.stop, tile):
        own = slice(first, min(first + tile, voxels.stop))
        fixed, moved = _standardized(predict(own)), _standardized(response[:, own])
        wider = torch.ones(len(fixed[0]), dtype=torch.float64, device=device)
        if corrected:
            wider = _spread(fixed.double(), moved.double(), block_trs)
        table = gather.table(fixed * wider.float(), moved)
        if observed is None:  # of voxels that are not widened by the very products of the table
            there = embedding_bag(straight, table, mode="sum")[0]
            if corrected:
                there = torch.where(wider == 1, there, gather.straight(fixed, moved))
        else:
            columns = slice(own.start - voxels.start, own.stop - voxels.start)
            there = torch.from_numpy(np.array(observed[columns], np.float32)).to(device)
        null = torch.cat([embedding_bag(some, table, mode="sum") for some in chunks])
        exceed.append((null >= there).sum(0))
        above.append((null > there).sum(0))
        maxima = torch.maximum(maxima, null.amax(1))
    counted = torch.stack([torch.cat(exceed), torch.cat(above)]).cpu().numpy().astype(np.int64)
    return NullCounts(
        counted[0], counted[1], stop - start, maxima.cpu().numpy(), start, voxels.start
    )


def _standardized(series: torch.Tensor) -> torch.Tensor:
    """As `kernels.standardized`, (n + 1, v): with a row of zeros behind the last."""
    there = series.double()
    there = there - there.mean(0)
    norm = there.square().sum(0).sqrt_()
    scale = torch.where(norm > 0, 1 / norm, torch.zeros_like(norm))
    out = torch.zeros((len(series) + 1, series.shape[1]), device=series.device)
    out[:-1] = there * scale
    return out


def _spread(x: torch.Tensor, y: torch.Tensor, block_trs: int) -> torch.Tensor:
    """`memory.spread` of series with a row of zeros behind the last, (v,) float64."""
    samples = len(x) - 1
    lags = int(LAGS * samples)
    if lags < 1:
        return torch.ones(x.shape[1], dtype=torch.float64, device=x.device)
    lag = torch.arange(lags + 1, dtype=torch.float64, device=x.device)
    shared = (_autocorrelation(x, lags) * _autocorrelation(y, lags))[:, 1:]
    whole = 1 + 2 * ((1 - lag[1:] / samples) * shared).sum(1)
    kept = 1 + 2 * ((1 - lag[1:] / block_trs).clamp(min=0) * shared).sum(1)
    return (whole / kept.clamp(min=LEAST)).clamp(min=1).sqrt_()


def _autocorrelation(series: torch.Tensor, lags: int) -> torch.Tensor:
    """`autocorrelation`, (v, lags + 1), of series (n + 1, v) that end with a zero."""
    samples = len(series) - 1
    size = next_fast_len(samples + lags, real=True)
    power = torch.fft.rfft(series[:-1].T.contiguous(), size).abs().square_()
    products = torch.fft.irfft(power, size)[:, : lags + 1]
    square = products[:, :1]
    rho = torch.where(square > 0, products / square, torch.zeros_like(products))
    lag = torch.arange(lags + 1, dtype=torch.float64, device=series.device)
    return rho * (samples / (samples - lag))
