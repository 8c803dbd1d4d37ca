"""What the overview figures show, as rows: the numbers of each figure, which lie beside it as CSV. Pure.

A layer, or one of several delays, is chosen by the CV score of the training runs, never by the score that is
shown: chosen by that it would look better than it is.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["band_shares", "best_layers", "csv_bytes", "layer_profiles", "region_scores", "variant"]


def variant(fit: Mapping[str, Any]) -> str:
    """What tells fits of one annotation, model and layer apart: delays, and what differs from the usual."""
    parts = [f"{fit['delay_start_s']:g}-{fit['delay_end_s']:g} s"]
    parts += [fit["reduction"]] if fit["reduction"] != "raw" else []
    parts += [fit["split"]] if fit["split"] != "all" else []
    return " ".join([*parts, fit["label"] or ""]).strip()


def layer_profiles(fits: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a subject, annotation, model and layer: mean r and cv_r over voxels.

    Where fits differ in delays and the like, those of the variant with the highest mean cv_r of that
    annotation and model; `variants` says of how many.
    """
    groups: dict[tuple[str, str], dict[str, list[Mapping[str, Any]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for fit in fits:
        if fit["layer"]:  # a banded fit has several, events have none
            groups[fit["annotation"], fit["model"]][variant(fit)].append(fit)
    rows = []
    for (annotation, model), variants in sorted(groups.items()):
        name = max(sorted(variants), key=lambda one: _mean(f["mean_cv_r"] for f in variants[one]))
        for fit in sorted(variants[name], key=lambda one: (one["subject"], one["layer"])):
            rows.append(
                {
                    "annotation": annotation, "model": model, "variant": name, "variants": len(variants),
                    **{n: fit[n] for n in ("subject", "layer", "mean_r", "mean_cv_r")},
                    "mean_ceiling": fit.get("mean_ceiling"),
                }
            )  # fmt: skip
    return rows


def best_layers(profiles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row an annotation and model: mean over subjects of r at each subject's layer of the highest cv_r."""
    best: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in profiles:
        key = (row["annotation"], row["model"], row["subject"])
        if key not in best or row["mean_cv_r"] > best[key]["mean_cv_r"]:
            best[key] = row
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for (annotation, model, _), row in sorted(best.items()):
        groups[annotation, model].append(row)
    return [
        {
            "annotation": annotation, "model": model, "subjects": len(rows),
            "mean_r": _mean(row["mean_r"] for row in rows),
            "mean_cv_r": _mean(row["mean_cv_r"] for row in rows),
            "layers": " ".join(str(row["layer"]) for row in rows),
        }
        for (annotation, model), rows in groups.items()
    ]  # fmt: skip


def region_scores(summaries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a region, annotation and subject: mean r of the fit of the highest mean cv_r in that region."""
    best: dict[tuple[str, str, str], tuple[float, float]] = {}
    for summary in summaries:
        for region, numbers in summary["rois"].items():
            key = (region, summary["place"]["annotation"], summary["subject"])
            here = (numbers["mean_cv_r"], numbers["mean_r"])
            best[key] = max(best.get(key, here), here)
    return [
        {"roi": roi, "annotation": annotation, "subject": subject, "mean_r": r, "mean_cv_r": cv_r}
        for (roi, annotation, subject), (cv_r, r) in sorted(best.items())
    ]


def band_shares(summaries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a banded fit, band and subject: the band's share in the mean r, which they add up to."""
    rows = []
    for summary in summaries:
        place = summary["place"]
        for band in summary.get("bands", ()):
            rows.append(
                {
                    "bands": place["bands"], "model": place["model"], "variant": variant(place),
                    "subject": summary["subject"], "band": band["name"], "mean_r": band["mean_r"],
                }
            )  # fmt: skip
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def csv_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV, UTF-8; the columns are those of the first."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(sum(found) / len(found))
