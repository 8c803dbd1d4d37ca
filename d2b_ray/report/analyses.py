"""Rows of the tables of `generalise` and `weights_pca`, from the small files that their units left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["best_generalisation", "component_rows", "generalisation_rows", "moment_rows"]

WORDS = ("annotation", "model", "layer", "delay_start_s", "delay_end_s", "reduction", "label")


def generalisation_rows(
    summaries: Iterable[Mapping[str, Any]], fits: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A row a fit, title or other subject, and region; of `fits` (rows of fits.parquet) alone.

    What two units tell of one fit (subjects were asked for later, say) is told once.
    """
    known = {fit["fit"]: fit for fit in fits}
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for summary in sorted(summaries, key=lambda one: (one["subject"], one["fit"])):
        fit = known.get(summary["fit"])
        if fit is None:
            continue
        words = {name: fit[name] for name in WORDS}
        same = {
            "fit": fit["fit"],
            "subject": fit["subject"],
            **words,
            "mean_cv_r": fit["mean_cv_r"],
        }
        for row in summary["rows"]:
            place = (fit["fit"], row["over"], row["name"], row["roi"])
            rows[place] = {**same, **row, "roi": row["roi"] or None}
    return list(rows.values())


def best_generalisation(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of all voxels of each subject's fit of the highest mean cv_r: what the page shows."""
    best: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        held = best.setdefault(row["subject"], row)
        if row["mean_cv_r"] > held["mean_cv_r"]:
            best[row["subject"]] = row
    chosen = {row["fit"] for row in best.values()}
    return [row for row in rows if row["fit"] in chosen and row["roi"] is None]


def component_rows(summaries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a fit over subjects, component and band: what it explains, and the band's part in it."""
    rows = []
    for summary in sorted(summaries, key=lambda one: (one["words"], one["key"])):
        cumulated = 0.0
        for number, component in enumerate(summary["components"], start=1):
            cumulated += component["explained"]
            for band, share in component["bands"].items():
                rows.append(
                    {
                        "weights": summary["key"], "of": summary["words"],
                        "subjects": len(summary["subjects"]), "voxels": summary["voxels"],
                        "component": number, "explained": component["explained"],
                        "cumulated": cumulated, "band": band or None, "share": share,
                    }
                )  # fmt: skip
    return rows


def moment_rows(summaries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a moment of the training runs at an end of a component."""
    return [
        {"weights": summary["key"], "of": summary["words"], **moment}
        for summary in sorted(summaries, key=lambda one: (one["words"], one["key"]))
        for moment in summary["moments"]
    ]
