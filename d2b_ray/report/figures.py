"""Figures as PNG or SVG bytes: the same numbers give the same bytes. No pyplot, no global state."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from d2b_ray.report.over_subjects import mean_and_half, mean_ceiling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array, FloatArray

__all__ = [
    "band_bars",
    "component_bars",
    "correlation_histogram",
    "layer_curves",
    "level_map",
    "png_of",
    "region_dots",
    "short",
    "svg_of",
    "volume_mosaic",
]  # fmt: skip

DPI = 110
MOST_SLICES = 18
MOST_PANELS = 12
MOST_LETTERS = 28  # of a name in a figure; the numbers beside it have all of it
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
    return png_of(figure)


def layer_curves(profiles: Sequence[Mapping[str, Any]]) -> bytes:
    """Mean r over layers: a panel an annotation, a colour a model; subjects thin, their mean thick.

    `profiles` rows of `overview.layer_profiles`.
    """
    names = sorted({row["annotation"] for row in profiles})
    models = sorted({row["model"] for row in profiles})
    shown = names[:MOST_PANELS]
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.6 * columns + 1.8, 2.9 * rows + 0.3), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axes, name in zip(panels, shown, strict=False):
        for number, model in enumerate(models):
            lines = _lines([r for r in profiles if (r["annotation"], r["model"]) == (name, model)])
            colour = PALETTE[number % len(PALETTE)]
            for subject, points in sorted(lines.items()):
                axes.plot(
                    *zip(*points, strict=True), color=colour, linewidth=0.6, alpha=0.6, gid=subject
                )
            middle = _mean_line(lines)
            if middle:
                layers, means, widths = (np.array(one) for one in zip(*middle, strict=True))
                axes.plot(layers, means, color=colour, linewidth=2, label=short(model))
                axes.fill_between(layers, means - widths, means + widths, color=colour, alpha=0.12)
        ceiling = mean_ceiling([r for r in profiles if r["annotation"] == name])
        if ceiling is not None:
            axes.axhline(
                ceiling, color="#555555", linewidth=1, linestyle="--", label="noise ceiling"
            )
        axes.set_title(short(name), fontsize=9)
        axes.axhline(0, color="#999999", linewidth=0.6)
        axes.set_xlabel("layer")
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    figure.supylabel("mean r over voxels", fontsize=9)
    figure.legend(
        *_legend(figure),
        loc="outside right upper",
        frameon=False,
        fontsize=8,
        title="mean of subjects",
    )
    return svg_of(figure)


def _lines(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Points (layer, mean r) of each subject, by layer."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in sorted(rows, key=lambda one: one["layer"]):
        found.setdefault(row["subject"], []).append((row["layer"], row["mean_r"]))
    return found


def _mean_line(
    lines: Mapping[str, Sequence[tuple[int, float]]],
) -> list[tuple[int, float, float]]:
    """Mean over subjects, and half its interval, at layers that all of them have."""
    values = [dict(points) for points in lines.values()]
    common = sorted(set.intersection(*map(set, values))) if values else []
    return [(n, *mean_and_half([one[n] for one in values])) for n in common]


def _legend(figure: Figure) -> tuple[list[Any], list[str]]:
    """Handles and labels of all panels, each label once."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return [found[label] for label in sorted(found)], sorted(found)


def level_map(best: Sequence[Mapping[str, Any]]) -> bytes:
    """Mean r at the layer of the best CV score: annotations down, models across. Rows of `best_layers`."""
    names = sorted({row["annotation"] for row in best})
    models = sorted({row["model"] for row in best})
    values = np.full((len(names), len(models)), np.nan)
    for row in best:
        values[names.index(row["annotation"]), models.index(row["model"])] = row["mean_r"]
    figure = Figure(
        figsize=(2.4 + 0.95 * len(models), 1.3 + 0.42 * len(names)), layout="constrained"
    )
    axes = figure.subplots()
    most = max(float(np.nanmax(np.abs(values))), 1e-3)
    drawn = axes.imshow(
        values, cmap="cividis", vmin=min(0.0, float(np.nanmin(values))), vmax=most, aspect="auto"
    )
    axes.set_xticks(range(len(models)), map(short, models), rotation=20, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), map(short, names), fontsize=8)
    for (y, x), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "black" if value > 0.6 * most else "white"
            axes.text(x, y, f"{value:.3f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(drawn, ax=axes, label="mean r", shrink=0.9)
    return svg_of(figure)


def region_dots(scores: Sequence[Mapping[str, Any]]) -> bytes:
    """Mean r in each region: a small dot a subject, a large one their mean with its interval.

    A colour an annotation.

    `scores` rows of `region_scores`; of more than MOST_REGIONS those with the largest means.
    """
    means: dict[str, dict[str, list[float]]] = {}
    for row in scores:
        means.setdefault(row["roi"], {}).setdefault(row["annotation"], []).append(row["mean_r"])
    ranked = sorted(means, key=lambda roi: (-max(map(np.mean, means[roi].values())), roi))
    regions = ranked[:MOST_REGIONS]
    levels = sorted({row["annotation"] for row in scores})
    figure = Figure(figsize=(7.5, 1.2 + 0.2 * len(regions)), layout="constrained")
    axes = figure.subplots()
    for number, level in enumerate(levels):
        colour = PALETTE[number % len(PALETTE)]
        shift = 0.5 * (number - (len(levels) - 1) / 2) / max(1, len(levels))
        for place, roi in enumerate(regions):
            values = means[roi].get(level)
            if values:
                label = short(level) if place == _first_with(regions, means, level) else None
                axes.plot(values, [place + shift] * len(values), ".", color=colour, markersize=3)
                mean, half = mean_and_half(values)
                axes.plot(mean, place + shift, "o", color=colour, markersize=5, label=label)
                axes.plot(
                    [mean - half, mean + half], [place + shift] * 2, color=colour, linewidth=1
                )
    axes.set_yticks(range(len(regions)), map(short, regions), fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="y", color="#eeeeee")
    axes.axvline(0, color="#999999", linewidth=0.6)
    axes.set_xlabel("mean r over the region's voxels, fit of the best CV score there")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg_of(figure)


def _first_with(regions: Sequence[str], means: Mapping[str, Mapping[str, Any]], level: str) -> int:
    return next(place for place, roi in enumerate(regions) if level in means[roi])


def band_bars(shares: Sequence[Mapping[str, Any]]) -> bytes:
    """Shares of the bands in the mean r, stacked: a bar a banded fit and subject. Rows of `band_shares`."""
    fits = sorted({_words(row) for row in shares})
    bands = list(dict.fromkeys(row["band"] for row in shares))
    figure = Figure(figsize=(7.5, 1.3 + 0.28 * len(fits[:MOST_REGIONS])), layout="constrained")
    axes = figure.subplots()
    for place, words in enumerate(fits[:MOST_REGIONS]):
        ends = {True: 0.0, False: 0.0}  # shares above zero to the right, below to the left
        for number, band in enumerate(bands):
            value = sum(r["mean_r"] for r in shares if _words(r) == words and r["band"] == band)
            colour = PALETTE[number % len(PALETTE)]
            label = short(band) if place == 0 else None
            axes.barh(place, value, 0.7, left=ends[value >= 0], color=colour, label=label)
            ends[value >= 0] += value
    axes.set_yticks(range(len(fits[:MOST_REGIONS])), fits[:MOST_REGIONS], fontsize=7)
    axes.invert_yaxis()
    axes.axvline(0, color="#999999", linewidth=0.6)
    axes.set_xlabel("share of each band in the mean r (product measure)")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg_of(figure)


def component_bars(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """What each component of weights explains, in the colours of the bands. Rows of `component_rows`."""
    units = list(dict.fromkeys(row["weights"] for row in rows))[:MOST_REGIONS]
    bands = list(dict.fromkeys(row["band"] for row in rows))
    figure = Figure(figsize=(7.5, 0.9 + 1.1 * len(units)), layout="constrained")
    every = figure.subplots(len(units), 1, squeeze=False, sharex=True)[:, 0]
    for axes, unit in zip(every, units, strict=True):
        own = [row for row in rows if row["weights"] == unit]
        left: dict[int, float] = {}
        for row in own:
            number = bands.index(row["band"])
            value = row["explained"] * row["share"]
            label = short(row["band"]) if row["band"] and row["component"] == 1 else None
            colour = PALETTE[number % len(PALETTE)]
            begin = left.get(row["component"], 0.0)
            axes.barh(row["component"], value, 0.7, left=begin, color=colour, label=label)
            left[row["component"]] = begin + value
        axes.set_yticks(sorted(left))
        axes.invert_yaxis()
        axes.set_title(short(own[0]["of"], 60), fontsize=8, loc="left")
        axes.set_ylabel("component", fontsize=7)
    every[-1].set_xlabel("share of the variance of weights over voxels")
    if len(bands) > 1:
        every[0].legend(frameon=False, fontsize=8)
    return svg_of(figure)


def _words(row: Mapping[str, Any]) -> str:
    models = dict.fromkeys(short(model, 16) for model in row["model"].split(" + "))
    return " ".join([short(row["subject"], 16), *list(models)[:2], short(row["variant"])])


def short(name: str, most: int = MOST_LETTERS) -> str:
    """A name that fits a figure: of a path its end, of what is long the beginning and the end."""
    name = name.rstrip("/").rpartition("/")[2] or name
    if len(name) <= most:
        return name
    return f"{name[: most // 2]}\N{HORIZONTAL ELLIPSIS}{name[-(most - most // 2 - 1) :]}"


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
    head = 0.45 / figure.get_size_inches()[1]  # of the title, in inches whatever the rows
    figure.subplots_adjust(0.01, 0.02, 0.88, 1 - head, 0.05, 0.15)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, k in zip(panels.flat, shown, strict=False):
        drawn = axes.imshow(volume[:, :, k].T, cmap=colours, vmin=-most, vmax=most, origin="lower")
        axes.set_title(f"k {k}", fontsize=7, pad=2)
    figure.colorbar(drawn, cax=figure.add_axes((0.90, 0.15, 0.02, 0.6)), label="r")
    figure.suptitle(title, fontsize=8)
    return png_of(figure)


def png_of(figure: Figure, dpi: int = DPI) -> bytes:
    """Without the version of matplotlib in it."""
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def svg_of(figure: Figure) -> bytes:
    """Text stays text, so that it can be read aloud and found; ids are of what they name."""
    out = io.BytesIO()
    with rc_context({"svg.hashsalt": "d2b_ray", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
