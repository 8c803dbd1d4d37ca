"""What each band adds: its own prediction, its share of the score, its unique variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.encoding.scoring import BLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import Array, Band, FloatArray

__all__ = ["signed_square", "split_correlation", "split_prediction"]


def split_prediction(rows: Array, coef: Array, bands: Sequence[Band]) -> FloatArray:
    """X_b B_b, (bands, n, V) float32; their sum is the joint prediction.

    `rows` (n, p) centred, `coef` (p, V).
    """
    made = [rows[:, b.start : b.stop] @ coef[b.start : b.stop] for b in bands]
    return np.stack(made).astype(np.float32)


def split_correlation(predictions: Array, response: Array) -> FloatArray:
    """Share of each band in the joint correlation (the product measure), (bands, V) float32.

    r_b = cov(prediction_b, y) / (sd(sum_b prediction_b) sd(y)); the r_b add up to r. 0 where one of
    the two is constant. `predictions` (bands, n, V), `response` (n, V). As himalaya's
    `correlation_score_split`; Dupré la Tour et al. (2022).
    """
    found = np.empty((len(predictions), response.shape[1]), np.float32)
    for start in range(0, response.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        x = np.asarray(predictions[:, :, block], np.float64)
        y = np.asarray(response[:, block], np.float64)
        x = x - x.mean(1, keepdims=True)
        y = y - y.mean(0)
        joint = x.sum(0)
        norm = np.sqrt(np.einsum("nv,nv->v", joint, joint) * np.einsum("nv,nv->v", y, y))
        product = np.einsum("bnv,nv->bv", x, y)
        found[:, block] = np.divide(
            product,
            norm,
            out=np.zeros_like(product),
            where=np.broadcast_to(norm > 0, product.shape),
        )
    return found


def signed_square(r: Array) -> FloatArray:
    """r |r|: explained variance that keeps the sign of the correlation."""
    found: FloatArray = np.asarray(r * np.abs(r), np.float32)
    return found
