"""Scores: the correlation of prediction and response, and that of many penalties without predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from d2b_ray.arrays import Array, FloatArray

__all__ = ["alpha_scores", "correlation", "shrinkage"]

SAME = 1e-7  # relative change of a penalty's weights below which float32 scores cannot differ


def correlation(prediction: Array, response: Array) -> FloatArray:
    """Pearson correlation of each column; 0 where one of the two is constant.

    r = sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2), in float64.
    `prediction`, `response` (n, V); returns (V,) float32. As himalaya's `correlation_score`.
    """
    x = np.asarray(prediction, np.float64)
    y = np.asarray(response, np.float64)
    x = x - x.mean(0)
    y = y - y.mean(0)
    norm = np.sqrt(np.einsum("nv,nv->v", x, x) * np.einsum("nv,nv->v", y, y))
    product = np.einsum("nv,nv->v", x, y)
    r = np.divide(product, norm, out=np.zeros_like(product), where=norm > 0)
    found: FloatArray = r.astype(np.float32)
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
    quadratic: torch.Tensor,
    response_norm: torch.Tensor,
    *,
    squared: bool,
) -> torch.Tensor:
    """Correlation on held-out rows for every penalty, without forming predictions.

    With A (n_g, r) the centred held-out rows in eigenvector coordinates, the prediction of penalty
    a is A diag(w_a) B. numerator = w_a' (B * A'Y); norm^2 = colsum(S * (M S)), S = diag(w_a) B,
    M = A'A, or colsum((A S)^2) when n_g < r.

    weights (A, r) float64; projected B (r, V) float64; cross A'Y (r, V) float64; quadratic M
    (r, r) if `squared`, else A (n_g, r), float32; response_norm (V,) of the centred responses.
    Returns (A, V) float32.
    """
    numerator = weights @ (projected * cross)  # (A, V)
    small = projected.to(torch.float32)
    norm = torch.empty(numerator.shape, dtype=torch.float32, device=numerator.device)
    for row, weight in enumerate(weights.to(torch.float32)):
        scaled = small * weight[:, None]  # S (r, V)
        product = quadratic @ scaled  # M S (r, V) or A S (n_g, V)
        product *= scaled if squared else product
        norm[row] = product.sum(0)
    denominator = norm.clamp_(min=0).sqrt_() * response_norm.to(torch.float32)
    scores = numerator.to(torch.float32) / denominator
    return torch.where(denominator > 0, scores, torch.zeros_like(scores))
