"""Scores: the correlation of prediction and response, and that of many penalties without predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from d2b_ray.arrays import Array, FloatArray

__all__ = ["BLOCK", "alpha_scores", "correlation", "shrinkage"]

CPU_TILE, GPU_TILE = 512, 1 << 15  # voxels scored at a time: what stays in cache, what fills a GPU
ROW_BLOCKS, LEAST_ROWS = (
    8,
    128,
)  # of a trapezoidal root: more save multiplications, but are less dense
BLOCK = 4096  # voxels turned into float64 at a time
SAME = 1e-7  # relative change of a penalty's weights below which float32 scores cannot differ


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


def shrinkage(values: torch.Tensor, alphas: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """Weights (A', r) of the distinct penalties, and for each of the A penalties its row.

    w = (min(values) + alpha) / (values + alpha): the ridge filter 1 / (values + alpha) up to a
    factor, to which correlation is blind. A penalty far below or far above all `values` has the
    weights of its neighbour: it is not computed again, and ties in score stay exact ties.
    """
    weights = (values.min() + alphas[:, None]) / (values[None, :] + alphas[:, None])  # (A, r)
    rows: list[int] = []
    kept: list[torch.Tensor] = []
    for weight in weights:
        if not kept or bool(((weight / kept[-1] - 1).abs() > SAME).any()):
            kept.append(weight)
        rows.append(len(kept) - 1)
    return torch.stack(kept), rows


def alpha_scores(
    weights: torch.Tensor,
    projected: torch.Tensor,
    cross: torch.Tensor,
    root: torch.Tensor,
    response_norm: torch.Tensor,
) -> torch.Tensor:
    """Correlation on held-out rows for every penalty, without forming predictions.

    With A (n_g, r) the centred held-out rows in eigenvector coordinates, the prediction of penalty
    a is A diag(w_a) B. numerator = w_a' (B * A'Y); norm = ||root S||, S = diag(w_a) B,
    root'root = A'A.

    weights (A, r) float64; projected B (r, V) float64; cross A'Y (r, V) float64; root (q, r)
    float32, upper trapezoidal; response_norm (V,) of the centred responses. Returns
    (A, V) float32.
    """
    numerator = weights @ (projected * cross)  # (A, V)
    small = projected.to(torch.float32)
    shares = weights.to(torch.float32)[:, :, None]
    blocks = list(_row_blocks(root))
    norm = torch.empty(numerator.shape, dtype=torch.float32, device=numerator.device)
    width = GPU_TILE if small.is_cuda else CPU_TILE
    for start in range(0, small.shape[1], width):
        tile = small[:, start : start + width].contiguous()
        scaled = torch.empty_like(tile)
        product = tile.new_empty(root.shape[0], tile.shape[1])
        for row, share in enumerate(shares):
            torch.mul(tile, share, out=scaled)  # S (r, v)
            for first, last, block in blocks:
                torch.mm(block, scaled[first:], out=product[first:last])  # root S (q, v)
            torch.sum(product.square_(), 0, out=norm[row, start : start + tile.shape[1]])
    denominator = norm.sqrt_() * response_norm.to(torch.float32)
    scores = numerator.to(torch.float32) / denominator
    return torch.where(denominator > 0, scores, torch.zeros_like(scores))


def _row_blocks(root: torch.Tensor) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Rows first to last of `root`, without their leading zeros."""
    rows = root.shape[0]
    size = max(LEAST_ROWS, -(-rows // ROW_BLOCKS))
    for first in range(0, rows, size):
        last = min(first + size, rows)
        yield first, last, root[first:last, first:].contiguous()
