"""How many operations a fit takes: what the solvers tell a plan. Counts only, loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.catalog.solvers import EIGH_FLOPS

if TYPE_CHECKING:
    from d2b_ray.catalog.solvers import FitSizes

__all__ = ["banded_flops", "reference_flops", "ridge_flops"]

PAIRS = 1.2  # products of a fold's order, whatever the penalties
MIXTURES = 8  # products with the held-out rows, where these are few


def ridge_flops(sizes: FitSizes) -> float:
    """Of the fold-Gram ridge and the kernel ridge, once they are factorized."""
    n, p, voxels = sizes.samples, sizes.columns, sizes.voxels
    order = min(n, p)
    return (
        2.0 * n * p * voxels
        + (sizes.folds + 2) * 2.0 * order**2 * voxels
        + _score_flops(sizes, order)
    )


def banded_flops(sizes: FitSizes) -> float:
    """Of the search of band weights: eigenvectors and scores anew for every candidate."""
    order = min(sizes.samples, sizes.columns)
    eigen = (sizes.folds + 1) * EIGH_FLOPS * order**3
    products = sizes.folds * 4.0 * order**2 * sizes.voxels
    return float(sizes.searched * (_score_flops(sizes, order) + eigen + products))


def reference_flops(sizes: FitSizes) -> float:
    """Of a solver by the book: an SVD a fold, and predictions for every penalty."""
    n, p = sizes.samples, sizes.columns
    return 2.0 * n * p * sizes.voxels * sizes.alphas + sizes.folds * 9.0 * n * p**2


def _score_flops(sizes: FitSizes, order: int) -> float:
    """Of the CV scores of all penalties, with `order` eigenvectors a fold."""
    held_out = min(order, sizes.samples // sizes.folds)
    products = order * min(PAIRS * order, MIXTURES * held_out)
    return 2.0 * sizes.folds * products * sizes.voxels
