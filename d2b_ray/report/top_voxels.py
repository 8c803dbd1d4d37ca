"""A summary of fits by their best voxels: which layer, how well, and whether a level or model is better.

The voxels, and the layer of each subject, are chosen by a score of the training runs (cv_r); what is told is
r of the validation runs. Chosen by r itself it would look better than it is.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.report.overview import variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from d2b_ray.arrays import Array

__all__ = ["best_rows", "paired_rows", "top_rows"]


def top_rows(
    fits: Iterable[Mapping[str, Any]],
    read: Callable[[Mapping[str, Any]], tuple[Array, Array]],
    count: int,
) -> list[dict[str, Any]]:
    """A row a fit: mean of r, and of cv_r, over the `count` voxels of the highest cv_r (all, of fewer).

    `read(fit)` gives cv_r and r of its voxels, not a number where a voxel was left out.
    """
    rows = []
    for fit in fits:
        by, r = read(fit)
        there = np.flatnonzero(np.isfinite(by))
        order = there[np.argsort(-by[there], kind="stable")[:count]]
        rows.append(
            {
                "fit": fit["fit"], "subject": fit["subject"], "annotation": fit["annotation"],
                "model": fit["model"], "layer": fit["layer"], "variant": variant(fit), "voxels": len(order),
                "mean_r": float(np.mean(r[order], dtype=float)),
                "mean_cv_r": float(np.mean(by[order], dtype=float)),
            }
        )  # fmt: skip
    return rows


def best_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each subject, annotation and model the row of the highest mean cv_r, the first of equals."""
    best: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in rows:
        key = (row["annotation"], row["model"], row["subject"])
        if key not in best or row["mean_cv_r"] > best[key]["mean_cv_r"]:
            best[key] = row
    return [dict(best[key]) for key in sorted(best)]


def paired_rows(best: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every pair of annotations of one model, and of models on one annotation, tested over subjects.

    Of the subjects that have both, two at least: mean difference, Student's paired t-test, flips of signs
    (Fisher), and p_fdr of the t-test over all pairs of its table (Benjamini & Hochberg).
    """
    from d2b_ray.significance import correct, paired_flips, paired_t

    rows: list[dict[str, Any]] = []
    for by, of in (("annotation", "model"), ("model", "annotation")):
        scores: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        for row in best:
            scores[row[of]][row[by]][row["subject"]] = row["mean_r"]
        own = []
        for group, sides in sorted(scores.items()):
            for first, second in combinations(sorted(sides), 2):
                subjects = sorted(sides[first].keys() & sides[second].keys())
                if len(subjects) < 2:
                    continue
                one, two = (np.array([[sides[s][n]] for n in subjects]) for s in (first, second))
                t, flips = paired_t(one, two), paired_flips(one, two)
                own.append(
                    {
                        "by": by, "of": group, "first": first, "second": second, "subjects": len(subjects),
                        "mean_first": float(one.mean()), "mean_second": float(two.mean()),
                        "difference": float(t.difference[0]), "p": float(t.p[0]),
                        "p_flips": float(flips.p[0]),
                    }
                )  # fmt: skip
        for row, p_fdr in zip(own, correct(np.array([r["p"] for r in own]), "fdr_bh"), strict=True):
            rows.append({**row, "p_fdr": float(p_fdr)})
    return rows
