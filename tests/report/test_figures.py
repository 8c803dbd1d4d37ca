"""Figures: PNG, the same bytes for the same numbers, and drawn whatever is missing."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from report_cases import summary

from d2b_ray.report import figures
from d2b_ray.report.figures import correlation_histogram, layer_curves, roi_bars
from d2b_ray.report.tables import fits_table

ROIS = {"ctx-a": {"story": 0.2, "timePlace": 0.1}, "ctx-b": {"story": -0.1}}


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


def r(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(500) * 0.1).astype("f4")


def size(figure: bytes) -> tuple[int, int]:
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
    "curves": lambda: layer_curves(grid()),
    "curves of other layers": lambda: layer_curves(grid(layers=(1, 2, 4))),
    "curves of other annotations": lambda: layer_curves(grid(annotations=("timePlace",))),
    "bars": lambda: roi_bars(ROIS),
    "other bars": lambda: roi_bars({**ROIS, "ctx-b": {"story": 0.1}}),
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
        with Image.open(io.BytesIO(draw())) as image:
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
    size(layer_curves(grid(subjects=("DM01",), layers=(7,))))


def test_a_subject_more_widens_the_figure():
    widths = [size(layer_curves(grid(subjects=names)))[0] for names in (["A"], ["A", "B"])]
    assert widths[0] < widths[1]


def test_a_subject_that_lacks_a_line_is_drawn_without_it(monkeypatch):
    """Fits fail: a subject may have none of a level, and its panel still has numbers as axis."""
    drawn = []
    monkeypatch.setattr(figures, "_png", drawn.append)
    whole = grid(annotations=("story", "timePlace"))
    for place, lacking in enumerate(("DM01", "DM03")):
        rest = [f for f in whole if (f["subject"], f["annotation"]) != (lacking, "timePlace")]
        layer_curves(rest)
        panels = drawn.pop().axes
        assert [panel.get_title() for panel in panels] == ["DM01", "DM03"]
        for number, panel in enumerate(panels):
            points = {line.get_label(): line.get_xydata().tolist() for line in panel.lines[:2]}
            values = [[n, 0.01 * n] for n in (1, 2, 3)]
            assert points == {
                "story BERT 3-5 s": values,
                "timePlace BERT 3-5 s": [] if number == place else values,
            }
        named = [text.get_text() for text in panels[-1].get_legend().get_texts()]
        assert named == ["story BERT 3-5 s", "timePlace BERT 3-5 s"]


def test_lines_that_differ_in_delay_reduction_split_or_label_are_told_apart():
    usual = {"layer": 1, "mean_r": 0.1}
    changes = [
        {"delay_end_s": 6},
        {"reduction": "8PCs"},
        {"split": "splitA"},
        {"label": "other"},
        {"model": "GPT2"},
    ]
    plain = layer_curves(rows(usual))
    for change in changes:
        both = layer_curves(rows(usual, {**usual, **change}))
        assert both != layer_curves(rows(usual, usual))
        assert layer_curves(rows({**usual, **change})) != plain


def test_the_order_of_fits_changes_nothing():
    fits = grid(annotations=("story", "timePlace"))
    assert layer_curves(fits[::-1]) == layer_curves(fits)


def test_more_lines_than_colours_are_drawn():
    size(layer_curves(grid(annotations=[f"level{n}" for n in range(20)])))


def test_a_region_without_a_level_and_one_without_any_are_drawn():
    size(roi_bars({**ROIS, "ctx-empty": {}}))
    size(roi_bars({"ctx-a": {"story": 0.1}}))


def test_the_order_of_regions_changes_nothing():
    assert roi_bars(dict(reversed(ROIS.items()))) == roi_bars(ROIS)


def test_of_too_many_regions_the_strongest_are_kept_whatever_their_order(monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "_png", drawn.append)
    rois = {f"ctx-{n:03d}": {"story": 0.1 if n < 5 else 0.2 * (n % 2)} for n in range(200)}
    for given in (rois, dict(reversed(rois.items()))):
        roi_bars(given)
    names = [[t.get_text() for t in figure.axes[0].get_yticklabels()] for figure in drawn]
    assert names[0] == names[1] == sorted(names[0])
    assert len(names[0]) == figures.MOST_REGIONS
    assert {max(rois[name].values()) for name in names[0]} == {0.2}


def test_more_regions_make_a_higher_figure():
    few, many = ({f"ctx-{n}": {"story": 0.1} for n in range(count)} for count in (3, 60))
    assert size(roi_bars(few))[1] < size(roi_bars(many))[1]
