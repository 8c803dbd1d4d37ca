"""Comparisons of fits: a row a pair, subject and region, and the test over subjects."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["comparison_rows"]


def comparison_rows(
    summaries: Sequence[Mapping[str, Any]], fits: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of comparisons.parquet from the compare.json files, pair by pair.

    Comparisons of which a fit is not among `fits` any more (its folder was taken by another) are
    left out.
    """
    there = set(fits)
    chosen: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for summary in summaries:
        if there.issuperset(summary["fits"]):
            chosen[summary["pair"]].append(summary)
    rows: list[dict[str, Any]] = []
    for pair in sorted(chosen, key=lambda pair: (chosen[pair][0]["names"], pair)):
        own = sorted(chosen[pair], key=lambda summary: summary["subject"])
        rows += [row for summary in own for row in _of_subject(summary)]
        if len(own) > 1:
            rows += _over_subjects(own)
    return rows


def _words(summary: Mapping[str, Any]) -> dict[str, Any]:
    first, second = summary["names"]
    return {"pair": summary["pair"], "by": summary["by"], "first": first, "second": second}


def _of_subject(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    first, second = summary["fits"]
    fits = {"first_fit": first, "second_fit": second, "subject": summary["subject"]}
    for roi, numbers in summary["rois"].items():
        counted = {name: numbers[name] for name in ("voxels", "difference", "better", "worse")}
        means = {"mean_first": numbers["first"], "mean_second": numbers["second"]}
        yield {**_words(summary), **fits, "roi": roi, **counted, **means}


def _over_subjects(summaries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mean and the tests over the subjects, for the regions that all of them have."""
    from d2b_ray.significance import correct, paired_flips, paired_t

    shared = set.intersection(*(set(summary["rois"]) for summary in summaries))
    regions = sorted(shared)  # all voxels, the empty name, first
    scores = np.array(
        [[[s["rois"][r][side] for r in regions] for s in summaries] for side in ("first", "second")]
    )  # (2, subjects, regions)
    t, flips = paired_t(*scores), paired_flips(*scores)
    p_fdr = dict(zip(regions[1:], correct(t.p[1:], "fdr_bh"), strict=True))
    means = scores.mean(1)
    return [
        {
            **_words(summaries[0]),
            "subject": None,
            "roi": roi,
            **{
                name: _sum(summary["rois"][roi][name] for summary in summaries)
                for name in ("voxels", "better", "worse")
            },
            "mean_first": means[0, number],
            "mean_second": means[1, number],
            "difference": t.difference[number],
            "subjects": len(summaries),
            "p": t.p[number],
            "p_flips": flips.p[number],
            "p_fdr": p_fdr.get(roi),
        }
        for number, roi in enumerate(regions)
    ]


def _sum(counts: Iterable[int | None]) -> int | None:
    """Of counts; None where voxels were not tested."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
