"""Scores: the correlation of prediction and response, and that of many penalties without predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from d2b_ray.arrays import Array, FloatArray
    from d2b_ray.encoding.filters import Filters
    from d2b_ray.encoding.norms import Norms

__all__ = ["BLOCK", "alpha_scores", "correlation"]

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
    norms: Norms,
    response_norm: torch.Tensor,
) -> torch.Tensor:
    """Correlation on held-out rows for every distinct penalty, without forming predictions.

    With A (n_g, r) the centred held-out rows in eigenvector coordinates, the prediction of penalty
    a is A diag(w_a) B. numerator = w_a' (B * A'Y); `norms` ||A diag(w_a) B||.

    projected B (r, V); cross A'Y (r, V), float32; response_norm (V,) of the centred responses.
    Returns (A', V) float32.
    """
    numerator = filters.weights @ (projected * cross)  # (A', V)
    denominator = norms(projected) * response_norm
    scores = numerator / denominator
    return torch.where(denominator > 0, scores, torch.zeros_like(scores))
