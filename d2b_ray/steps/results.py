"""What a finished fit becomes: p-values, arrays by path, rows of tables, a summary. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.steps.columns import all_in_place
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from d2b_ray.arrays import Array, Fit, FloatArray, NullCounts, Voxels
    from d2b_ray.plan import Unit
    from d2b_ray.significance import PValues
    from d2b_ray.steps.intervals import Intervals
    from d2b_ray.store import FitPlace

__all__ = ["FitPValues", "fit_arrays", "fit_summary", "fit_tables"]


@dataclass(frozen=True, slots=True)
class FitPValues:
    """p-values of a fit and of each of its bands; None and empty without a test."""

    joint: PValues | None
    bands: tuple[PValues, ...] = ()
    level: float = 0.05

    @classmethod
    def of(cls, wanted: Mapping[str, Any], fit: Fit, counts: Sequence[NullCounts]) -> FitPValues:
        """p-values from the counts of all permutations: joint first, then a band after the other."""
        from d2b_ray.significance import p_values

        if TESTS[wanted["test"]].null is None:
            return cls(None)
        bands: Sequence[FloatArray] = ()
        if fit.bands is not None:  # one statistic on both sides; drama2brain's is the share
            bands = fit.bands.r if wanted["rule"] == "drama2brain" else fit.bands.own_r  # type: ignore[assignment]
        scores = [fit.r, *bands]
        found = [
            p_values(own, r, rule=wanted["rule"], correction=wanted["correction"])
            for r, own in zip(scores, counts, strict=True)
        ]
        return cls(found[0], tuple(found[1:]), wanted["level"])

    @classmethod
    def by_formula(cls, wanted: Mapping[str, Any], fit: Fit, response: FloatArray) -> FitPValues:
        """p-values by formula, of the joint prediction and of each band's own."""
        from d2b_ray.significance import corrected_p

        test = TESTS[wanted["test"]]
        assert test.p_values is not None
        options = {name: wanted[name] for name in test.options if name in wanted}
        predictions = [fit.prediction, *(() if fit.bands is None else fit.bands.prediction)]
        found = [
            corrected_p(test.p_values(one, response, options), correction=wanted["correction"])
            for one in predictions
        ]
        return cls(found[0], tuple(found[1:]), wanted["level"])

    @property
    def significant(self) -> Array | None:
        """Voxels whose joint corrected p-value is at or below the level (V,)."""
        return None if self.joint is None else self.joint.corrected <= self.level


def fit_arrays(
    place: FitPlace, save: Sequence[str], fit: Fit, tests: FitPValues, bounds: Intervals
) -> dict[str, Array]:
    """Path -> array of what the sweep asks to keep."""
    offered: dict[str, dict[str, Array | None]] = {
        "scores": {place.cc: fit.r, place.cv_cc: fit.cv_r, **bounds.arrays(place, fit.r)},
        "pvalues": {
            place.pvalues_corrected: None if tests.joint is None else tests.joint.corrected
        },
        "coef": {place.coef: fit.coef, place.intercept: fit.intercept},
        "predictions": {
            place.predictions: fit.prediction,
            place.nested_predictions: fit.nested,
            place.intercept: fit.intercept,
        },
        "alphas": {place.alphas: fit.alpha},
        "compared": {place.predictions: fit.prediction},
    }
    if fit.bands is not None:
        offered["scores"][place.band_scores] = fit.bands.r
        offered["scores"][place.band_unique] = fit.bands.unique
        if tests.bands:
            corrected = np.stack([band.corrected for band in tests.bands])
            offered["pvalues"][place.band_pvalues] = corrected
        offered["predictions"][place.band_predictions] = fit.bands.prediction
        offered["alphas"][place.band_weights] = fit.bands.gamma
    found = {path: array for name in save for path, array in offered[name].items()}
    return {path: array for path, array in found.items() if array is not None}


def fit_tables(
    place: FitPlace, key: str, voxels: Voxels, fit: Fit, tests: FitPValues, bounds: Intervals
) -> dict[str, pa.Table]:
    """Path -> rows of the fit in the table of voxels and, for a banded fit, in that of bands."""
    from d2b_ray.report.tables import band_table, voxel_table

    values: dict[str, Array | None] = {
        "r": fit.r,
        "cv_r": fit.cv_r,
        "alpha": fit.alpha,
        "significant": tests.significant,
    }
    values |= _p_columns(tests.joint) | bounds.columns(fit.r)
    count = len(voxels.index)
    same = {"fit": key, "subject": place.subject, **place_words(place)}
    tables = {
        Layout.voxels(place.subject, key): voxel_table(
            same, voxels, all_in_place(values, fit.kept, count)
        )
    }
    if fit.bands is not None:
        parts = [
            {
                "r": r,
                "own_r": own,
                "gamma": gamma,
                "unique": None if fit.bands.unique is None else fit.bands.unique[number],
            }
            | _p_columns(tests.bands[number] if tests.bands else None)
            | bounds.band_columns(number)
            for number, (r, own, gamma) in enumerate(
                zip(fit.bands.r, fit.bands.own_r, fit.bands.gamma, strict=True)
            )
        ]
        placed = [all_in_place(part, fit.kept, count) for part in parts]
        tables[Layout.bands(place.subject, key)] = band_table(same, fit.bands.names, voxels, placed)
    return tables


def _tested(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the p-values of a fit rest on."""
    return {name: wanted.get(name) for name in ("test", "permutations", "block_trs", "ceiling")}


def _p_columns(found: PValues | None) -> dict[str, Array | None]:
    return {
        name: None if found is None else getattr(found, name) for name in ("p", "p_fdr", "p_fwe")
    }


def place_words(place: FitPlace) -> dict[str, Any]:
    """The place of a fit in the words of the tables; bands are joined with ` + `."""

    def joined(value: Any) -> Any:
        return " + ".join(map(str, value)) if isinstance(value, tuple) else value

    return {
        "annotation": joined(place.annotation),
        "model": joined(place.model),
        "layer": None if isinstance(place.layer, tuple) else place.layer,
        "modality": joined(place.modality),
        "bands": " + ".join(place.bands) or None,
        "delay_start_s": place.start_s,
        "delay_end_s": place.end_s,
        "reduction": place.reduction,
        "split": place.split,
        "label": place.label,
    }


def fit_summary(
    place: FitPlace,
    unit: Unit,
    fingerprints: Mapping[str, str],
    fit: Fit,
    tests: FitPValues,
    voxels: Voxels,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """What made the fit and its numbers in short. Holds no time and no host: same spec, same bytes.

    `about` the responses: tr_s, and what was done with them.
    """
    significant = tests.significant
    scores = (("r", fit.r), ("cv_r", fit.cv_r))
    rois, regions = {}, voxels.roi if fit.kept is None else voxels.roi[fit.kept]
    for roi in sorted(set(regions.tolist()) - {""}):
        own = regions == roi
        means = {
            f"mean_{name}": float(np.mean(values[own], dtype=float)) for name, values in scores
        }
        rois[roi] = {"voxels": int(own.sum()), **means}
        if significant is not None:
            rois[roi]["significant"] = int(significant[own].sum())
    summary: dict[str, Any] = {
        "fit": unit.key,
        "subject": place.subject,
        "folder": place.folder,
        "place": place_words(place),
        "params": unit.params,
        "fingerprints": fingerprints,
        "numbers": {
            "solver": fit.details["solver"],
            "samples": fit.details["samples"],
            "features": fit.details["features"],
            "voxels": len(fit.r),
            "left_out": len(voxels.index) - len(fit.r),
            "at_ends": fit.details["at_ends"],
            **about,
            "effective_samples": fit.details["autocorrelation"]["effective_samples"],
            **_tested(unit.params["significance"]),
            "mean_r": float(np.mean(fit.r, dtype=float)),
            "median_r": float(np.median(fit.r)),
            "max_r": float(fit.r.max()),
            "mean_cv_r": float(np.mean(fit.cv_r, dtype=float)),
            "significant": None if significant is None else int(significant.sum()),
        },
        "autocorrelation": fit.details["autocorrelation"],
        "rois": rois,
    }
    if fit.bands is not None:
        bands = fit.bands
        summary["bands"] = [
            {"name": name, "columns": list(columns), "mean_r": float(np.mean(r, dtype=float))}
            for name, columns, r in zip(bands.names, bands.columns, bands.r, strict=True)
        ]
    return summary
