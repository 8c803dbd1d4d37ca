"""Figures: PNG, the same bytes for the same numbers, and drawn whatever is missing."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from report_cases import summary
from scipy import stats

from d2b_ray.report import figures
from d2b_ray.report.figures import (
    band_bars,
    correlation_histogram,
    layer_curves,
    level_map,
    region_dots,
)
from d2b_ray.report.over_subjects import mean_and_half
from d2b_ray.report.overview import best_layers, layer_profiles, region_scores
from d2b_ray.report.tables import fits_table


def dots(**regions: dict[str, float]) -> list[dict]:
    """Rows of a figure of regions: region -> annotation -> mean r, of two subjects."""
    return [
        {
            "roi": roi,
            "annotation": level,
            "subject": subject,
            "mean_r": value + shift,
            "mean_cv_r": value,
        }
        for roi, row in regions.items()
        for level, value in row.items()
        for subject, shift in (("DM01", 0.0), ("DM03", 0.02))
    ]


ROIS = {"ctx_a": {"story": 0.2, "timePlace": 0.1}, "ctx_b": {"story": -0.1}}
SHARES = [
    {"bands": "a + b", "model": "M + M", "variant": "3-5 s", "subject": s, "band": b, "mean_r": r}
    for s in ("DM01", "DM03")
    for b, r in (("a", 0.2), ("b", -0.05))
]


def rows(*changes: dict) -> list[dict]:
    """Rows of the fits table, as gather makes them."""
    return fits_table([summary(**change) for change in changes]).to_pylist()


def grid(subjects=("DM01", "DM03"), layers=(1, 2, 3), annotations=("story",)) -> list[dict]:
    return rows(
        *(
            {"subject": s, "layer": n, "annotation": a, "mean_r": 0.01 * n}
            for s in subjects
            for n in layers
            for a in annotations
        )
    )


def curves(fits: list[dict]) -> bytes:
    return layer_curves(layer_profiles(fits))


def r(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(500) * 0.1).astype("f4")


def size(figure: bytes) -> tuple[int, int]:
    if figure.startswith(b"<?xml"):
        root = ElementTree.fromstring(figure)
        assert len(list(root.iter())) > 50, "not a blank sheet"
        width, height = (float(root.get(name).removesuffix("pt")) for name in ("width", "height"))
        return int(width), int(height)
    assert figure.startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(io.BytesIO(figure)) as image:
        image.load()
        assert len(set(image.convert("L").resize((64, 64)).tobytes())) > 2, "not a blank sheet"
        return image.size


DRAWN = {
    "histogram": lambda: correlation_histogram(r(), None, "title"),
    "histogram with test": lambda: correlation_histogram(r(), r() > 0.1, "title"),
    "other numbers": lambda: correlation_histogram(r(1), None, "title"),
    "other title": lambda: correlation_histogram(r(), None, "other"),
    "curves": lambda: curves(grid()),
    "curves of other layers": lambda: curves(grid(layers=(1, 2, 4))),
    "curves of other annotations": lambda: curves(grid(annotations=("timePlace",))),
    "map": lambda: level_map(best_layers(layer_profiles(grid(annotations=("story", "plot"))))),
    "dots": lambda: region_dots(dots(**ROIS)),
    "other dots": lambda: region_dots(dots(**{**ROIS, "ctx_b": {"story": 0.1}})),
    "bands": lambda: band_bars(SHARES),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_numbers_give_the_same_png(name):
    first = DRAWN[name]()
    size(first)
    assert DRAWN[name]() == first


def test_other_numbers_and_titles_give_other_bytes():
    drawn = [draw() for draw in DRAWN.values()]
    assert len(set(drawn)) == len(drawn)


def test_figures_hold_no_time_and_no_version():
    for draw in DRAWN.values():
        figure = draw()
        if figure.startswith(b"<?xml"):
            assert b"dc:date" not in figure
            assert b"Matplotlib" not in figure
            continue
        with Image.open(io.BytesIO(figure)) as image:
            assert set(image.info) <= {"dpi"}


def test_the_settings_of_a_caller_and_its_figures_are_left_alone():
    import matplotlib.pyplot as plt

    before = {str(key): str(value) for key, value in plt.rcParams.items()}
    for draw in DRAWN.values():
        draw()
    assert plt.get_fignums() == []
    assert {str(key): str(value) for key, value in plt.rcParams.items()} == before


@pytest.mark.parametrize(
    ("values", "significant"),
    [
        (np.zeros(3, "f4"), None),
        (np.array([0.5], "f4"), np.array([True])),
        (np.array([-1, 1], "f4"), np.array([False, False])),
        (np.full(4, -0.9, "f4"), np.ones(4, bool)),
    ],
    ids=["constant", "one voxel", "extremes, none significant", "all below zero"],
)
def test_a_histogram_is_drawn_of_any_correlations(values, significant):
    size(correlation_histogram(values, significant, "title"))


def test_one_subject_with_one_layer_is_drawn():
    size(curves(grid(subjects=("DM01",), layers=(7,))))


def lines_of(monkeypatch, fits):
    """Panel -> label or subject -> points of its lines."""
    drawn = []
    monkeypatch.setattr(figures, "svg_of", drawn.append)
    curves(fits)
    return {
        panel.get_title(): {
            line.get_gid() or line.get_label(): line.get_xydata().tolist()
            for line in panel.lines
            if line.get_gid() or not line.get_label().startswith("_")
        }
        for panel in drawn[0].axes
        if panel.get_title()
    }


def test_a_panel_has_a_line_a_subject_and_their_mean_where_all_have_a_layer(monkeypatch):
    fits = grid(annotations=("story", "timePlace"))
    fits = [f for f in fits if (f["subject"], f["layer"]) != ("DM03", 3)]
    found = lines_of(monkeypatch, fits)
    values = [[n, 0.01 * n] for n in (1, 2, 3)]
    assert found.keys() == {"story", "timePlace"}
    for lines in found.values():
        assert lines == {"DM01": values, "DM03": values[:2], "BERT": values[:2]}


def test_of_several_delays_those_of_the_best_cv_score_are_drawn_and_told():
    """Not those of the best score that is shown."""
    usual = {"layer": 1}
    fits = rows({**usual, "mean_r": 0.1}, {**usual, "mean_r": 0.3, "delay_end_s": 6})
    fits[0]["mean_cv_r"], fits[1]["mean_cv_r"] = 0.2, 0.1
    (row,) = layer_profiles(fits)
    assert (row["mean_r"], row["variant"], row["variants"]) == (0.1, "3-5 s", 2)


def test_the_layer_of_a_map_is_chosen_by_the_cv_score_of_each_subject():
    fits = grid(layers=(1, 2))
    for fit in fits:  # mean_r rises with the layer; of DM03 the CV score falls
        fit["mean_cv_r"] = fit["mean_r"] * (1 if fit["subject"] == "DM01" else -1)
    (row,) = best_layers(layer_profiles(fits))
    assert row["layers"] == "2 1"
    assert row["mean_r"] == pytest.approx(0.015)
    assert row["subjects"] == 2


def test_a_region_shows_the_fit_of_the_best_cv_score_there():
    made = [summary(layer=n, key=f"k{n}", rois={"ctx-a": 0.1 * n}) for n in (1, 2)]
    made[0]["rois"]["ctx-a"]["mean_cv_r"] = 0.9
    (row,) = region_scores(made)
    assert row == {
        "roi": "ctx-a", "annotation": "story", "subject": "DM01", "mean_r": 0.1, "mean_cv_r": 0.9,
    }  # fmt: skip


def test_the_order_of_fits_changes_nothing():
    fits = grid(annotations=("story", "timePlace"))
    assert curves(fits[::-1]) == curves(fits)


def test_more_panels_models_and_regions_than_are_shown_are_drawn():
    size(curves(grid(annotations=[f"level{n}" for n in range(20)])))
    many = {f"ctx_{n:02d}": {f"level{m}": 0.01 * n} for n in range(60) for m in range(10)}
    size(region_dots(dots(**many)))


def test_a_region_without_a_level_is_drawn():
    size(region_dots(dots(ctx_a={"story": 0.1}, ctx_b={"timePlace": 0.2})))


LONG = "/a/very/long/place/of/models/" + "x" * 120


def test_names_of_any_length_leave_room_for_the_figure():
    """Warnings are errors here: a layout that collapses would be one."""
    fits = [{**fit, "annotation": f"{LONG}{n}"} for n, fit in enumerate(grid())]
    fits += [{**fit, "model": LONG} for fit in fits]
    size(curves(fits))
    size(level_map(best_layers(layer_profiles(fits))))
    size(region_dots(dots(**{LONG: {LONG: 0.1, "story": 0.2}})))
    size(
        band_bars(
            [{**row, "model": f"{LONG} + {LONG}y", "band": row["band"] + LONG} for row in SHARES]
        )
    )


def test_of_a_long_name_both_ends_are_shown():
    short = figures.short(LONG)
    assert len(short) == figures.MOST_LETTERS
    assert "/" not in short
    assert figures.short("story") == "story"


def test_the_interval_of_a_mean_is_students():
    values = [0.1, 0.3, 0.2, 0.25]
    mean, half = mean_and_half(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert mean_and_half([0.1, 0.3]) == (pytest.approx(0.2), 0.0)  # two tell no interval
