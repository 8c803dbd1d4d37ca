"""The section on soundness: its numbers are those of the tables, of theory where a series is planted."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from problems import Quiet, common_sweep
from scipy import stats

from d2b_ray.engine.session import run_sweep
from d2b_ray.report.over_subjects import mean_ceiling
from d2b_ray.report.sound_figure import sound_panels
from d2b_ray.report.soundness import best_fits, sound_rows, sound_table
from d2b_ray.significance.memory import shared_lags
from d2b_ray.steps.autocorrelated import LAGS, autocorrelated, sampled_columns
from d2b_ray.store import Layout, Store

FIT = {
    "subject": "S1", "fit": "ab12", "folder": "a", "test": "block", "permutations": 99, "block_trs": 10,
    "validation_samples": 100, "effective_samples": 50.0, "left_out": 2, "at_ends": 1, "voxels": 4,
    "significant": 2, "mean_cv_r": 0.1,
}  # fmt: skip
VOXELS = {
    "r": np.array([0.1, np.nan, 0.5, -0.2, 0.4, np.nan], np.float32),
    "alpha": np.array([1.0, np.nan, 100.0, 1.0, 10.0, np.nan]),
    "p": np.array([0.2, np.nan, 0.01, 0.9, 0.02, np.nan]),
    "significant": np.array([0, np.nan, 1, 0, 1, np.nan]),
}


def of(rows, panel, series=None):
    """Points of a panel, or of one series of it."""
    chosen = [row for row in rows if row["panel"] == panel]
    return [(row["x"], row["y"]) for row in chosen if series in (None, row["series"])]


def series(rng, samples, voxels, keep):
    """First-order autoregressive series (samples, voxels): lag k has autocorrelation keep ** k."""
    out = rng.normal(size=(samples, voxels))
    for row in range(1, samples):
        out[row] = keep * out[row - 1] + np.sqrt(1 - keep**2) * out[row]
    return out


def test_panels_are_of_the_voxels_that_were_fitted():
    rows = sound_rows(FIT, VOXELS, [0.5, 0.25])
    assert sum(y for _, y in of(rows, "r", "all voxels")) == 4
    assert sum(y for _, y in of(rows, "r", "significant")) == 2
    assert of(rows, "threshold") == [(pytest.approx(0.4), 0)]
    assert of(rows, "penalty") == [(0, 2), (1, 1), (2, 1)]
    assert of(rows, "block") == [(10, 0)]
    assert of(rows, "autocorrelation") == [(1, 0.5), (2, 0.25)]
    dots = of(rows, "p", "block test")
    assert dots == [
        (pytest.approx(r), pytest.approx(-np.log10(p)))
        for r, p in ((-0.2, 0.9), (0.1, 0.2), (0.4, 0.02), (0.5, 0.01))
    ]


@pytest.mark.parametrize(("name", "samples"), [("t-test, N", 100), ("t-test, N*", 50)])
def test_lines_are_those_of_a_t_test(name, samples):
    for r, y in of(sound_rows(FIT, VOXELS, []), "p", name):
        t = r * np.sqrt((samples - 2) / (1 - r * r))
        assert y == pytest.approx(-np.log10(stats.t.sf(t, samples - 2)), abs=1e-9)


def test_without_a_test_its_panel_is_empty_and_nothing_fails():
    fit = {**FIT, "test": None, "permutations": None, "block_trs": None}
    none = np.full(6, np.nan)
    rows = sound_rows(fit, {**VOXELS, "p": none, "significant": none}, [])
    assert {row["panel"] for row in rows} == {"r", "penalty"}
    assert sound_panels(rows).startswith(b"<?xml")
    (told,) = sound_table([fit])
    assert told["least_p"] is told["blocks"] is None


def test_the_table_says_what_p_values_rest_on():
    (told,) = sound_table([FIT])
    assert (told["samples"], told["effective"], told["blocks"]) == (100, 50.0, 10)
    assert told["least_p"] == 0.01
    assert told["at_ends"] == 0.25


def test_what_nobody_knows_is_left_empty_and_not_zero():
    """As of imported results: no penalties, no memory, no count of the ends."""
    fit = {**FIT, "at_ends": None, "left_out": None, "effective_samples": None}
    rows = sound_rows(fit, {**VOXELS, "alpha": np.full(6, np.nan)}, [])
    assert not of(rows, "penalty")
    assert sound_panels(rows).count(b"not known") == 2
    assert sound_table([fit])[0]["at_ends"] is None


def test_the_best_fit_of_a_subject_is_that_of_the_highest_cv_r():
    fits = [
        {**FIT, "subject": s, "fit": s + str(cv), "mean_cv_r": cv} for s in "BA" for cv in (1, 3, 2)
    ]
    assert [fit["fit"] for fit in best_fits(fits, 5).values()] == ["A3", "B3"]
    assert list(best_fits(fits, 1)) == ["A"]


def test_independent_samples_are_those_of_bartlett(rng):
    keep, samples = 0.8, 6000
    x, y = (series(rng, samples, 64, keep) for _ in range(2))
    lags, effective = shared_lags(x - x.mean(0), y - y.mean(0), 20)
    theory = samples * (1 - keep**2) / (1 + keep**2)
    assert effective == pytest.approx(theory, rel=0.1)
    assert lags == pytest.approx(keep ** (2 * np.arange(1, 21)), abs=0.05)
    spread = np.corrcoef(x.T, y.T)[:64, 64:].std()  # of unrelated series
    assert effective == pytest.approx(1 / spread**2, rel=0.1)


def test_white_noise_leaves_all_samples(rng):
    x, y = rng.normal(size=(2, 3000, 64))
    assert shared_lags(x - x.mean(0), y - y.mean(0), 10)[1] > 2800


def test_constant_voxels_have_no_say(rng):
    x, y = (series(rng, 500, 5, 0.9) for _ in range(2))
    found = autocorrelated(x, y)
    x, y = (np.pad(one, ((0, 0), (0, 3)), constant_values=2.0) for one in (x, y))
    assert autocorrelated(x, y) == {**found, "voxels": 8}
    assert autocorrelated(np.ones((9, 2)), np.ones((9, 2)))["effective_samples"] == 9
    assert len(found["lags"]) == LAGS


@pytest.mark.parametrize("voxels", [1, 127, 128, 129, 88_000])
def test_voxels_that_are_looked_at_are_few_and_spread(voxels):
    own = sampled_columns(voxels)
    places = np.concatenate([np.arange(voxels)[one] for one in own])
    assert len(places) == min(voxels, 128)
    assert (places[0], places[-1]) == (0, voxels - 1)


def test_of_subjects_without_a_ceiling_there_is_no_line():
    rows = [{"subject": s, "mean_ceiling": c} for s, c in (("A", 0.2), ("A", 0.2), ("B", 0.4))]
    assert mean_ceiling(rows) == pytest.approx(0.3)
    assert mean_ceiling([*rows, {"subject": "C", "mean_ceiling": None}]) is None
    assert mean_ceiling([]) is None


def test_a_sweep_tells_how_sound_it_is(common_root, tmp_path):
    sweep = common_sweep(common_root, tmp_path / "out", "output.report=pictures")
    assert run_sweep(sweep, Quiet(), engine="inline").ok
    store = Store(str(tmp_path / "out"))
    fits = store.read_table(Layout.FITS).to_pylist()
    rows = list(
        csv.DictReader(io.StringIO(store.read_bytes(Layout.figure("sound", "csv")).decode()))
    )
    best = best_fits(fits, 6)
    assert {row["fit"] for row in rows} == {fit["fit"] for fit in best.values()}
    for subject, fit in best.items():
        own = [{**row, "x": float(row["x"]), "y": float(row["y"])} for row in rows]
        own = [row for row in own if row["subject"] == subject]
        assert sum(y for _, y in of(own, "r", "all voxels")) == fit["voxels"]
        assert {x for x, _ in of(own, "block")} == {fit["block_trs"]}
        assert 0 < fit["effective_samples"] <= fit["validation_samples"]
        table = store.read_table(Layout.voxels(subject, fit["fit"]))
        ceiling = table["ceiling"].to_numpy()
        assert fit["mean_ceiling"] == pytest.approx(float(np.nanmean(ceiling)), rel=1e-6)
    page = store.read_bytes(Layout.REPORT).decode()
    assert "Is it sound?" in page
    assert "noise ceiling" in store.read_bytes(Layout.figure("layers")).decode()
