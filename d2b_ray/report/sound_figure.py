"""The figure of `soundness`: a row a subject, a panel a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from d2b_ray.report.figures import PALETTE, short, svg_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = ["sound_panels"]

WIDTH = 12.5
TITLES = {
    "r": "r, validation runs",
    "penalty": "log10 of the chosen penalty",
    "p": "-log10 p of a voxel, by r",
    "autocorrelation": "a(k) b(k) by lag k (TR)",
}
DOTTED = "#555555"
MARKS = {"r": "threshold", "autocorrelation": "block"}  # panel -> panel of its dotted line


def sound_panels(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """SVG of rows of `soundness.sound_rows`."""
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    figure = Figure(figsize=(WIDTH, 2.4 * len(subjects) + 0.3), layout="constrained")
    panels = figure.subplots(len(subjects), len(TITLES), squeeze=False)
    for line, subject in zip(panels, subjects, strict=True):
        own = [row for row in rows if row["subject"] == subject]
        for axes, (panel, title) in zip(line, TITLES.items(), strict=True):
            _draw(axes, panel, own)
            axes.set_xlabel(title, fontsize=8)
            axes.tick_params(labelsize=7)
        line[0].set_ylabel(f"{short(subject)}\nvoxels", fontsize=8)
    return svg_of(figure)


def _draw(axes: Axes, panel: str, rows: Sequence[Mapping[str, Any]]) -> None:
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["panel"] == panel and np.isfinite(row["x"]):
            series.setdefault(row["series"], []).append((row["x"], row["y"]))
    if not series:
        words = "no test" if panel == "p" else "not known"
        axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    for number, (name, points) in enumerate(series.items()):
        x, y = np.array(points).T
        if panel == "r":
            colour = "#bbbbbb" if number == 0 else PALETTE[0]
            axes.stairs(y[:-1], x, fill=True, color=colour, label=name)
        elif panel == "penalty":
            axes.bar(x, y, width=0.8 * _least_step(x), color=PALETTE[0])
        elif panel == "p" and number == 0:
            axes.plot(x, y, ".", markersize=4, color=PALETTE[0], label=name)
        else:
            style = "--" if name.endswith("N") else "-"
            axes.plot(x, y, style, linewidth=1, color=PALETTE[number], label=name)
    if panel == "p":
        axes.set_ylim(0, 1.15 * max(y for _, y in next(iter(series.values()))) + 0.2)
    for row in rows:
        if row["panel"] == MARKS.get(panel):
            axes.axvline(row["x"], color=DOTTED, linewidth=1, linestyle=":", label=row["panel"])
    if panel == "autocorrelation":
        axes.axhline(0, color="#999999", linewidth=0.6)
        y = [value for _, value in series["a(k) b(k)"]]
        axes.set_ylim(min(-0.1, *y), max(0.3, 1.1 * max(y)))
    if panel != "penalty":
        axes.legend(frameon=False, fontsize=7)


def _least_step(x: Sequence[float] | np.ndarray[Any, Any]) -> float:
    steps = np.diff(np.sort(np.asarray(x, float)))
    return float(steps.min()) if len(steps) else 1.0
