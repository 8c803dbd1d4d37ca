"""Figures as PNG bytes: the same numbers give the same bytes. No pyplot, no global state."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array, FloatArray

__all__ = ["correlation_histogram", "layer_curves", "roi_bars", "volume_mosaic"]

DPI = 110
MOST_SLICES = 18
MOST_REGIONS = 40  # more would not be read; all are in the tables
PALETTE = ("#3366aa", "#cc6633", "#449966", "#aa4477", "#887722", "#555555", "#22aabb", "#dd4444")


def correlation_histogram(r: FloatArray, significant: Array | None, title: str) -> bytes:
    """Histogram of correlations (V,), those of significant voxels (V,) bool in front."""
    # a place that is set and one outline a set, not a layout to be solved and 60 bars: every fit has one
    figure = Figure(figsize=(6, 3.6))
    axes = figure.add_axes((0.15, 0.15, 0.83, 0.75))  # six digits fit beside it
    low, high = float(min(r.min(), -0.05)), float(max(r.max(), 0.05))
    edges = np.linspace(low, high, 61)
    shown = [(r, "#bbbbbb", f"all {len(r):,} voxels")]
    if significant is not None:
        chosen = r[significant]
        shown.append((chosen, PALETTE[0], f"significant: {len(chosen):,}"))
    for values, colour, label in shown:
        counts = np.histogram(values, edges)[0]
        axes.stairs(counts, edges, fill=True, color=colour, label=label)
    axes.axvline(float(r.mean()), color="black", linewidth=1, linestyle="--")
    axes.set_xlabel(f"correlation r of prediction and response (mean {r.mean():.3f})")
    axes.set_ylabel("voxels")
    axes.set_title(title, fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    return _png(figure)


def layer_curves(fits: Sequence[Mapping[str, Any]]) -> bytes:
    """Mean r over layers, a line an annotation and model, a panel a subject."""
    subjects = sorted({fit["subject"] for fit in fits})
    names = sorted({_line(fit) for fit in fits})
    figure = Figure(figsize=(3.6 * len(subjects) + 2.2, 3.4), layout="constrained")
    panels = figure.subplots(1, len(subjects), squeeze=False, sharey=True)[0]
    for axes, subject in zip(panels, subjects, strict=True):
        for number, name in enumerate(names):
            points = sorted(
                (fit["layer"], fit["mean_r"])
                for fit in fits
                if fit["subject"] == subject and _line(fit) == name
            )
            colour = PALETTE[number % len(PALETTE)]
            layers, means = [layer for layer, _ in points], [mean for _, mean in points]
            axes.plot(layers, means, "o-", color=colour, label=name, markersize=4)
        axes.set_title(subject)
        axes.set_xlabel("layer")
        axes.axhline(0, color="#999999", linewidth=0.6)
    panels[0].set_ylabel("mean r over voxels")
    panels[-1].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _png(figure)


def roi_bars(rois: Mapping[str, Mapping[str, float]]) -> bytes:
    """Mean r in each region, a bar an annotation (best layer, mean over subjects).

    Of more than MOST_REGIONS those with the largest means.
    """
    strongest = sorted(rois, key=lambda region: (-_highest(rois[region]), region))[:MOST_REGIONS]
    regions = sorted(strongest)
    levels = sorted({level for row in rois.values() for level in row})
    figure = Figure(
        figsize=(7, 0.9 + 0.22 * len(regions) * max(1, len(levels))), layout="constrained"
    )
    axes = figure.subplots()
    height = 0.8 / max(1, len(levels))
    for number, level in enumerate(levels):
        at = np.arange(len(regions)) + number * height - 0.4 + height / 2
        values = [rois[region].get(level, np.nan) for region in regions]
        axes.barh(at, values, height, color=PALETTE[number % len(PALETTE)], label=level)
    axes.set_yticks(range(len(regions)), regions, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("mean r over the region's voxels, layer of the best CV score")
    axes.legend(frameon=False, fontsize=7, loc="lower right")
    return _png(figure)


def _highest(row: Mapping[str, float]) -> float:
    return max(row.values(), default=-1.0)


def _line(fit: Mapping[str, Any]) -> str:
    """What tells the lines apart: annotation, model, delays, and what differs from the usual."""
    parts = [
        f"{fit['annotation']} {fit['model']}",
        f"{fit['delay_start_s']:g}-{fit['delay_end_s']:g} s",
    ]
    parts += [fit["reduction"]] if fit["reduction"] != "raw" else []
    parts += [fit["split"]] if fit["split"] != "all" else []
    return " ".join([*parts, fit["label"] or ""]).strip()


def volume_mosaic(volume: Array, title: str) -> bytes:
    """Slices of a volume (X, Y, Z) from below to above, as seen from above: left is low i, up is high j."""
    inside = np.flatnonzero(np.isfinite(volume).any((0, 1)))
    places = np.linspace(0, len(inside) - 1, min(len(inside), MOST_SLICES))
    shown = inside[np.unique(places.round().astype(int))]
    columns = min(len(shown), 6)
    rows = -(-len(shown) // columns)
    most = float(np.nanmax(np.abs(volume))) or 1.0
    colours = colormaps["RdBu_r"].with_extremes(bad="#dddddd")  # 0 is white
    figure = Figure(figsize=(1.5 * columns + 1, 1.6 * rows + 0.5))
    panels = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0.01, 0.02, 0.88, 0.86, 0.05, 0.15)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, k in zip(panels.flat, shown, strict=False):
        drawn = axes.imshow(volume[:, :, k].T, cmap=colours, vmin=-most, vmax=most, origin="lower")
        axes.set_title(f"k {k}", fontsize=7, pad=2)
    figure.colorbar(drawn, cax=figure.add_axes((0.90, 0.15, 0.02, 0.6)), label="r")
    figure.suptitle(title, fontsize=8)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()
