"""Products of every block of a series with every place it can come to, as a table on a device.

The way of `kernels.tabled`: a permutation adds up one row for each place.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import embedding_bag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import IntArray
    from d2b_ray.significance.blocks import Blocks

__all__ = ["Gather", "Places"]

log = logging.getLogger(__name__)
DIAGONAL = (
    32  # blocks whose products with each other are made for the sake of those with themselves
)


@dataclass(frozen=True, slots=True)
class Run:
    """Blocks `first` to `stop`, all of `length` samples, but the last of `length` - `missing`.

    They are the samples `start` to `end` of the series.
    """

    first: int
    stop: int
    start: int
    end: int
    length: int
    missing: int
    row: int  # of the table, where its products begin

    @property
    def count(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True, slots=True)
class Places:
    """Where each block can come to, and which row of the table holds the products.

    A run has a row for each way, place and block: place k begins where its block k does (way 0) or, behind
    the shorter last block, as many samples earlier as that one is shorter (way 1).
    """

    blocks: Blocks
    runs: tuple[Run, ...]
    rows: int

    @classmethod
    def of(cls, blocks: Blocks, runs: Sequence[int] | None) -> Places:
        lengths = blocks.lengths
        edges = np.cumsum([0, *([blocks.stops[-1]] if runs is None else runs)])
        firsts = np.searchsorted(blocks.starts, edges).tolist()
        made, row = [], 0
        for first, stop in pairwise(firsts):
            length = int(lengths[first])
            missing = length - int(lengths[stop - 1])
            start, end = int(blocks.starts[first]), int(blocks.stops[stop - 1])
            made.append(Run(first, stop, start, end, length, missing, row))
            row += (1 + (missing > 0)) * (stop - first) ** 2
        return cls(blocks, tuple(made), row)

    def entries(self, orders: IntArray) -> NDArray[np.integer]:
        """Rows of the table that each permutation adds up, (N, blocks), for `orders` (N, blocks)."""
        out = np.empty(orders.shape, np.int32 if self.rows < 2**31 else np.int64)
        for run in self.runs:
            own = orders[:, run.first : run.stop]
            place = np.arange(run.count)
            way = np.zeros(own.shape, np.int64)
            if run.missing:
                way[:, 1:] = np.cumsum(own == run.stop - 1, axis=1)[:, :-1] > 0
            rows = (way * run.count + place) * run.count + (own - run.first)
            out[:, run.first : run.stop] = run.row + rows
        return out

    def on(self, device: torch.device) -> Gather:
        """The rows of a series that each place and each block has, on a device."""
        samples = int(self.blocks.stops[-1])
        return Gather(self, [self._rows(run, samples).to(device) for run in self.runs])

    def _rows(self, run: Run, samples: int) -> torch.Tensor:
        """(2, blocks, length): of each way; `samples` is a row of zeros behind the end."""
        starts = self.blocks.starts[run.first : run.stop]
        end = int(self.blocks.stops[run.stop - 1])
        steps = np.arange(run.length)
        here = starts[:, None] + steps
        here[here >= end] = samples
        earlier = starts[:, None] - run.missing + steps
        earlier[earlier < starts[0]] = samples  # no order begins there
        return torch.from_numpy(np.stack([here, earlier]))


@dataclass(frozen=True, slots=True)
class Gather:
    """Products of the blocks of two series (n, v)."""

    places: Places
    rows: list[torch.Tensor]

    def table(self, fixed: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
        """All products (rows, v), block length by block length summed in the order of samples."""
        voxels = fixed.shape[1]
        out = torch.empty((self.places.rows, voxels), dtype=torch.float32, device=fixed.device)
        kernel = _kernel(fixed.device)
        for run, rows in zip(self.places.runs, self.rows, strict=True):
            if kernel is not None:
                for way in range(1 + (run.missing > 0)):
                    at = run.row + way * run.count**2
                    kernel(
                        fixed, moved, out[at : at + run.count**2], first=run.start, end=run.end,
                        count=run.count, length=run.length, earlier=way * run.missing,
                    )  # fmt: skip
                continue
            blocks = _blocks(moved, rows[0]).transpose(1, 2)  # (v, length, blocks)
            for way in range(1 + (run.missing > 0)):
                products = torch.bmm(_blocks(fixed, rows[way]), blocks)  # (v, places, blocks)
                first = run.row + way * run.count**2
                out[first : first + run.count**2] = products.view(voxels, -1).T
        return out

    def straight(self, fixed: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
        """Sums (v,) where every block stays: the same products, added in the same order."""
        diagonals = []
        for rows in self.rows:
            own, other = _blocks(fixed, rows[0]), _blocks(moved, rows[0])
            voxels, count, length = own.shape
            groups = -(-count // DIAGONAL)
            padded = torch.zeros(
                (2, voxels, groups * DIAGONAL, length), dtype=own.dtype, device=own.device
            )
            padded[0, :, :count], padded[1, :, :count] = own, other
            one, two = padded.view(2, voxels * groups, DIAGONAL, length)
            products = torch.bmm(one, two.transpose(1, 2))
            found = products.diagonal(dim1=1, dim2=2).reshape(voxels, -1)[:, :count]
            diagonals.append(found)
        table = torch.cat(diagonals, 1).T.contiguous()  # (blocks, v)
        order = torch.arange(len(table), device=table.device)[None]
        return embedding_bag(order, table, mode="sum")[0]


@cache
def _kernel(device: torch.device) -> Callable[..., None] | None:
    """The kernel that makes a table, tried once; None where torch has no Triton, or no compiler is there."""
    if device.type != "cuda":
        return None
    try:
        from d2b_ray.significance.triton_table import block_products

        x, out = torch.ones((4, 3), device=device), torch.zeros((4, 3), device=device)
        block_products(x, x, out, first=0, end=4, count=2, length=2, earlier=0)
        works = bool((out == 2).all())
    except Exception as error:  # whatever keeps it from being built: matrix products do the same
        log.warning("nulls on the GPU take three times as long: no Triton kernel (%s)", error)
        return None
    return block_products if works else None


def _blocks(series: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Blocks of each voxel, (v, blocks, length), of `series` (n + 1, v), the last row zeros."""
    count, length = rows.shape
    return series[rows.flatten()].T.reshape(-1, count, length).contiguous()
