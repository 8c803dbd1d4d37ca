"""Summaries of fits (fit.json) as the engine's commits write them, made by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from d2b_ray.store import FitPlace

PLACE = {
    "annotation": "story",
    "model": "BERT",
    "layer": 3,
    "modality": "semantic",
    "delay_start_s": 3,
    "delay_end_s": 5,
    "reduction": "raw",
    "split": "all",
    "label": None,
}


def place_of(subject: str = "DM01", **change: Any) -> FitPlace:
    """Where a fit lies that differs from `PLACE` in the named words."""
    words = PLACE | change
    start, end = words.pop("delay_start_s"), words.pop("delay_end_s")
    hparams = f"{words['annotation']}_cw1_avgToken_ALL"
    return FitPlace(subject, start, end, "mean", hparams=hparams, **words)


def summary(
    subject: str = "DM01",
    key: str = "ab12",
    *,
    mean_r: float = 0.125,
    rois: dict[str, float] | None = None,
    tested: bool = False,
    **change: Any,
) -> dict[str, Any]:
    """What fit.json holds; `rois` label -> mean r."""
    place = place_of(subject, **change)
    words = {name: value for name, value in asdict(place).items() if name in PLACE}
    words |= {"delay_start_s": place.start_s, "delay_end_s": place.end_s}
    regions = {}
    for roi, mean in ({"ctx-a": mean_r} if rois is None else rois).items():
        regions[roi] = {"voxels": 10, "mean_r": mean, "mean_cv_r": mean} | (
            {"significant": 4} if tested else {}
        )
    return {
        "fit": key,
        "subject": subject,
        "folder": place.folder,
        "place": words,
        "params": {"solver": {"name": "ridge"}},
        "fingerprints": {"responses": "00"},
        "numbers": {
            "solver": "torch",
            "samples": 900,
            "features": 384,
            "voxels": 60,
            "left_out": 0,
            "at_ends": 3,
            "test": "block" if tested else "none",
            "permutations": 100 if tested else None,
            "block_trs": 10 if tested else None,
            "mean_r": mean_r,
            "median_r": mean_r - 0.01,
            "max_r": mean_r + 0.5,
            "mean_cv_r": mean_r - 0.02,
            "significant": 17 if tested else None,
        },
        "rois": regions,
    }
