"""What a reader judges p-values and penalties by, of the best fit of each subject. Pure: rows of numbers.

Scores with their threshold; penalties on offer and chosen; p-values of the null beside those of a t-test;
what predictions and responses share of their pasts beside the length of a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from d2b_ray.arrays import Array

__all__ = ["MOST_SUBJECTS", "best_fits", "sound_rows", "sound_table"]

MOST_SUBJECTS = 6  # of a figure and of its table
BINS = 40
DOTS = 80  # voxels of the panel of p-values, evenly by rank of r
LEAST_P = 1e-12  # of a t-test's line


def best_fits(fits: Iterable[Mapping[str, Any]], most: int) -> dict[str, Mapping[str, Any]]:
    """Subject -> its fit of the highest mean cv_r, of up to `most` subjects in their order."""
    best: dict[str, Mapping[str, Any]] = {}
    for fit in sorted(fits, key=lambda one: (-one["mean_cv_r"], one["folder"])):
        best.setdefault(fit["subject"], fit)
    return dict(sorted(best.items())[:most])


def sound_rows(
    fit: Mapping[str, Any], voxels: Mapping[str, Array], lags: Sequence[float]
) -> list[dict[str, Any]]:
    """Rows of panel, series, x and y of one fit.

    `fit` a row of fits.parquet; `voxels` columns r, alpha, p, significant (V,) of the table of voxels, not a
    number where nothing was fitted; `lags` a(k) b(k) from 1 TR on. Panels: `r` counts of voxels from x on,
    `threshold` lowest r that is significant, `penalty` voxels a log10 alpha, `p` -log10 p at r,
    `block` its length in TRs, `autocorrelation` a(k) b(k) at lag k.
    """
    there = np.isfinite(voxels["r"])
    r, alpha, p = (np.asarray(voxels[name], float)[there] for name in ("r", "alpha", "p"))
    significant = np.asarray(voxels["significant"], float)[there] == 1
    panels = [
        *_scores(r, significant),
        *_penalties(alpha),
        *(_tests(fit, r, p) if np.isfinite(p).any() else []),
        *_block(fit),
        *(("autocorrelation", "a(k) b(k)", k, value) for k, value in enumerate(lags, 1)),
    ]
    same = {"subject": fit["subject"], "fit": fit["fit"]}
    return [
        {**same, "panel": panel, "series": series, "x": float(x), "y": float(y)}
        for panel, series, x, y in panels
    ]


def _scores(r: Array, significant: Array) -> Iterable[tuple[str, str, float, float]]:
    edges = np.linspace(min(float(r.min()), -0.05), max(float(r.max()), 0.05), BINS + 1)
    shown = {"all voxels": r} | ({"significant": r[significant]} if significant.any() else {})
    for name, values in shown.items():
        for left, count in zip(edges[:-1], np.histogram(values, edges)[0], strict=True):
            yield "r", name, left, count
        yield "r", name, edges[-1], 0
    if significant.any():
        yield "threshold", "lowest significant r", r[significant].min(), 0


def _penalties(alpha: Array) -> Iterable[tuple[str, str, float, float]]:
    for value, count in zip(*np.unique(alpha[alpha > 0], return_counts=True), strict=True):
        yield "penalty", "voxels", np.log10(value), count


def _block(fit: Mapping[str, Any]) -> Iterable[tuple[str, str, float, float]]:
    if fit["block_trs"] and fit["permutations"]:
        yield "block", "block length", fit["block_trs"], 0


def _tests(fit: Mapping[str, Any], r: Array, p: Array) -> Iterable[tuple[str, str, float, float]]:
    """Voxels, and the lines of the t-tests of N and of N* independent samples."""
    order = np.argsort(r, kind="stable")
    places = np.unique(np.linspace(0, len(r) - 1, min(DOTS, len(r))).round().astype(int))
    for voxel in order[places]:
        yield "p", f"{fit['test'] or 'its'} test", r[voxel], -np.log10(max(p[voxel], LEAST_P))
    for series, samples in (
        ("t-test, N", fit.get("validation_samples")),
        ("t-test, N*", fit.get("effective_samples")),
    ):
        if samples is not None and samples > 2:
            for x in np.linspace(max(0.0, float(r.min())), max(float(r.max()), 0.05), 30):
                yield "p", series, x, -np.log10(max(_t_test(x, samples), LEAST_P))


def _t_test(r: float, samples: float) -> float:
    """One-sided p of a correlation of independent samples."""
    from scipy.special import stdtr

    free = samples - 2
    return float(stdtr(free, -r * np.sqrt(free / max(1 - r * r, 1e-12))))


def sound_table(best: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a fit: what its p-values rest on, voxels left out, penalties at the ends, as shares."""
    rows = []
    for fit in best:
        samples, block, drawn = (
            fit.get(n) for n in ("validation_samples", "block_trs", "permutations")
        )
        rows.append(
            {
                "subject": fit["subject"],
                "test": fit["test"],
                "samples": samples,
                "effective": fit.get("effective_samples"),
                "block_trs": block,
                "blocks": -(-samples // block) if samples and block else None,
                "least_p": 1 / (drawn + 1) if drawn else None,
                "left_out": fit["left_out"],
                "at_ends": None if fit["at_ends"] is None else fit["at_ends"] / fit["voxels"],
                "significant": fit["significant"],
                "voxels": fit["voxels"],
            }
        )
    return rows
