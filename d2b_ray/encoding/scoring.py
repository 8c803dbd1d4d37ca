"""Scores: the correlation of prediction and response, and that of many penalties without predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from d2b_ray.arrays import Array, FloatArray
    from d2b_ray.encoding.filters import Filters, Segment

__all__ = ["BLOCK", "alpha_scores", "correlation"]

CPU_TILE, GPU_TILE = 256, 1 << 13  # voxels scored at a time: what stays in cache, what fills a GPU
ROW_BLOCKS, LEAST_ROWS = (
    8,
    128,
)  # of a trapezoidal root: more save multiplications, but are less dense
BLOCK = 4096  # voxels turned into float64 at a time


def correlation(prediction: Array, response: Array) -> FloatArray:
    """Pearson correlation of each column; 0 where one of the two is constant.

    r = sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2), in float64, a
    block of columns at a time. `prediction`, `response` (n, V); returns (V,) float32. As himalaya's
    `correlation_score`.
    """
    found = np.empty(response.shape[1], np.float32)
    for start in range(0, len(found), BLOCK):
        block = slice(start, start + BLOCK)
        x = np.asarray(prediction[:, block], np.float64)
        y = np.asarray(response[:, block], np.float64)
        x = x - x.mean(0)
        y = y - y.mean(0)
        norm = np.sqrt(np.einsum("nv,nv->v", x, x) * np.einsum("nv,nv->v", y, y))
        product = np.einsum("nv,nv->v", x, y)
        found[block] = np.divide(product, norm, out=np.zeros_like(product), where=norm > 0)
    return found


def alpha_scores(
    filters: Filters,
    projected: torch.Tensor,
    cross: torch.Tensor,
    root: torch.Tensor,
    response_norm: torch.Tensor,
) -> torch.Tensor:
    """Correlation on held-out rows for every distinct penalty, without forming predictions.

    With A (n_g, r) the centred held-out rows in eigenvector coordinates, the prediction of penalty
    a is A diag(w_a) B. numerator = w_a' (B * A'Y); norm = ||root diag(w_a) B||, root'root = A'A.

    projected B (r, V); cross A'Y (r, V); root (q, r), upper trapezoidal, all float32;
    response_norm (V,) of the centred responses. Returns (A', V) float32.
    """
    numerator = filters.weights @ (projected * cross)  # (A', V)
    denominator = _norms(filters.segments, projected, root)
    denominator *= response_norm
    scores = numerator / denominator
    return torch.where(denominator > 0, scores, torch.zeros_like(scores))


def _norms(
    segments: Sequence[Segment], projected: torch.Tensor, root: torch.Tensor
) -> torch.Tensor:
    """||root diag(w_a) B|| of every distinct penalty, (A', V), float32."""
    blocks = list(_row_blocks(root))
    mix = torch.cat([segment.mix for segment in segments], 1)  # (A', K)
    square = projected.new_zeros(len(mix), projected.shape[1])
    width = GPU_TILE if projected.is_cuda else CPU_TILE
    for start in range(0, projected.shape[1], width):
        tile = projected[:, start : start + width]
        shares = [s.basis[:, :, None] * tile[s.start : s.stop] for s in segments]  # (K_s, r_s, v)
        for first, last, block in blocks:
            part = tile.new_empty(mix.shape[1], last - first, tile.shape[1])  # of root S (K, q, v)
            _multiply(segments, shares, block, first, part)
            mixed = mix @ part.flatten(1)
            square[:, start : start + width] += (
                mixed.square_().view(len(mix), *part.shape[1:]).sum(1)
            )
    return square.sqrt_()


def _multiply(
    segments: Sequence[Segment],
    shares: Sequence[torch.Tensor],
    block: torch.Tensor,
    first: int,
    out: torch.Tensor,
) -> None:
    """block @ share for every filter of every segment; the columns before `first` are zero."""
    number = 0
    for segment, share in zip(segments, shares, strict=True):
        skipped = max(first - segment.start, 0)
        columns = block[:, segment.start + skipped - first : segment.stop - first]
        for filtered in share:
            if segment.stop > first:
                torch.mm(columns, filtered[skipped:], out=out[number])
            else:
                out[number].zero_()
            number += 1


def _row_blocks(root: torch.Tensor) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Rows first to last of `root`, without their leading zeros."""
    rows = root.shape[0]
    size = max(LEAST_ROWS, -(-rows // ROW_BLOCKS))
    for first in range(0, rows, size):
        last = min(first + size, rows)
        yield first, last, root[first:last, first:].contiguous()
