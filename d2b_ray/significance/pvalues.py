"""Counts, or p-values of a formula -> p-values corrected over voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from d2b_ray.errors import FitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, NullCounts

__all__ = ["Correction", "PValues", "Rule", "correct", "corrected_p", "holm", "p_values"]

Correction: TypeAlias = Literal["fdr_bh", "fdr_by", "max"]
Rule: TypeAlias = Literal["plus_one", "drama2brain"]


@dataclass(frozen=True, slots=True)
class PValues:
    """All (V,) float64. `p` of a voxel alone; `p_fdr` and `p_fwe` corrected over voxels.

    `corrected` is the one that was asked for.
    """

    p: NDArray[np.float64]
    p_fdr: NDArray[np.float64]
    p_fwe: NDArray[np.float64]
    corrected: NDArray[np.float64]


def p_values(
    counts: NullCounts, r: FloatArray, *, rule: Rule = "plus_one", correction: Correction = "fdr_bh"
) -> PValues:
    """p-values of correlations `r` (V,) from all their null counts.

    `plus_one`: p = (1 + #{null >= observed}) / (1 + #null) (Phipson & Smyth 2010), never 0.
    `drama2brain`: p = #{null > observed} / V, whatever the number of permutations.
    p_fwe = (1 + #{maximum over voxels >= r}) / (1 + N) (Westfall & Young 1993); never below p. `r` is the
    statistic that was permuted: of a band, the correlation of its own prediction, not its share.
    """
    p = (
        counts.above / len(r)
        if rule == "drama2brain"
        else (1 + counts.exceed) / (1 + counts.n_null)
    )
    p = np.minimum(p, 1.0)
    maxima = np.sort(counts.maxima)
    reached = len(maxima) - np.searchsorted(maxima, r, side="left")
    p_fwe = (1 + reached) / (1 + len(maxima))
    if rule == "plus_one":  # a null that ties with the observed value may round below it here
        p_fwe = np.maximum(p_fwe, p)
    p_fdr = correct(p, "fdr_by" if correction == "fdr_by" else "fdr_bh")
    return PValues(p, p_fdr, p_fwe, p_fwe if correction == "max" else p_fdr)


def corrected_p(
    p: NDArray[np.float64], *, correction: Literal["fdr_bh", "fdr_by"] = "fdr_bh"
) -> PValues:
    """The same for p-values (V,) that no permutation made, as those of `parametric_p`.

    Without a null there is no maximum over voxels: p_fwe is Holm's (`holm`), which holds for any
    dependence and is stricter than it need be where voxels are alike.
    """
    p_fdr = correct(p, correction)
    return PValues(p, p_fdr, holm(p), p_fdr)


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values adjusted for the family-wise error, whatever the dependence.

    p~_(i) = max over j <= i of min(1, (V - j + 1) p_(j)), p_(1) <= ... <= p_(V). (V,) -> (V,).
    Holm (1979, Scand. J. Statist. 6:65).
    """
    order = np.argsort(p, kind="stable")
    steps = np.minimum(p[order] * np.arange(len(p), 0, -1), 1.0)
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted


def correct(p: NDArray[np.float64], correction: Literal["fdr_bh", "fdr_by"]) -> NDArray[np.float64]:
    """p-values adjusted for the false discovery rate.

    p~_(i) = min over j >= i of min(1, c p_(j) V / j), p_(1) <= ... <= p_(V). (V,) -> (V,).
    c = 1: Benjamini & Hochberg (1995); c = sum over k <= V of 1 / k: Benjamini & Yekutieli (2001), for any
    dependence. The bits are those of `scipy.stats.false_discovery_control`, whose import takes every
    worker half a second.
    """
    if correction not in ("fdr_bh", "fdr_by"):
        raise FitError(f"correction {correction!r} does not exist; allowed: fdr_bh, fdr_by")
    if not ((p >= 0) & (p <= 1)).all():
        raise FitError("p-values must lie between 0 and 1")
    order, ranks = np.argsort(p), np.arange(1, len(p) + 1)
    steps = p[order] * (len(p) / ranks)
    if correction == "fdr_by":
        steps *= np.sum(1 / ranks)
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum.accumulate(steps[::-1])[::-1]
    return np.clip(adjusted, 0, 1)
