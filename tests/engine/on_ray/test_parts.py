"""Fits in parts: a null task is sent its own voxels, and the bytes are those of a fit that stays whole."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Quiet, banded_sweep
from stores import assert_equal_stores

from d2b_ray.arrays import BandShares, Fit
from d2b_ray.engine.readers import readers_of
from d2b_ray.engine.session import run_sweep
from d2b_ray.plan import Plan, Unit
from d2b_ray.steps.columns import columns_of
from d2b_ray.steps.parts import apart, part_of, series_of, tiles_of

TILES = ((0, 7), (7, 14), (14, 20))


def null(tile, key="n", start=0):
    params = {"fit": "f", "voxels": tile and list(tile), "start": start, "stop": start + 5}
    return Unit("null", f"{key}{tile}{start}", params, ("f",), key)


def made(rng, kept=None, bands=True):
    """A fit of 20 voxels, or of those `kept` of them."""
    width = 20 if kept is None else len(kept)
    series = rng.random((3, 30, width), np.float32)
    shares = BandShares(
        names=("a", "b"), columns=((0, 1), (1, 2)), gamma=np.ones((2, width)), r=series[:2, 0],
        own_r=series[:2, 1], prediction=series[:2], without=series[1:],
    )  # fmt: skip
    one = series[0, 0]
    return Fit(
        one,
        one,
        np.ones(width),
        series[0, :2],
        series[2],
        {},
        bands=shares if bands else None,
        kept=kept,
    )


@pytest.mark.parametrize("kept", [None, np.array([0, 3, 7, 8, 19])], ids=["all", "some"])
@pytest.mark.parametrize("bands", [True, False])
def test_parts_are_the_series_of_their_voxels(rng, kept, bands):
    fit = made(rng, kept, bands)
    head, *parts = apart(fit, TILES)
    assert head.prediction.size == 0
    assert head.r is fit.r
    if bands:
        assert head.bands.prediction.size == head.bands.without.size == 0
    for tile, part in zip(TILES, parts, strict=True):
        whole = series_of(fit, columns_of(tile, kept, len(fit.r)))
        np.testing.assert_array_equal(part.prediction, whole.prediction)
        np.testing.assert_array_equal(part.bands, whole.bands)
        assert part.prediction.base is None  # nothing of the whole is sent with it
    assert sum(part.prediction.nbytes for part in parts) == fit.prediction.nbytes


def test_tiles_are_those_of_the_null_tasks():
    nulls = [null(tile, start=start) for start in (0, 5) for tile in reversed(TILES)]
    assert tiles_of(nulls) == TILES
    assert [part_of(unit, TILES) for unit in nulls[:3]] == [2, 1, 0]
    assert part_of(Unit("commit", "c", {}, ("f",), "c"), TILES) is None
    assert tiles_of([null(None)]) == tiles_of([null((0, 20))]) == tiles_of([]) == ()


@pytest.mark.parametrize(("save", "parts"), [(["scores"], 3), (["scores", "predictions"], 0)])
def test_a_fit_whose_predictions_are_saved_stays_whole(save, parts):
    fit = Unit("fit", "f", {}, (), "f")
    about = {"fit": "f", "save": save, "significance": {"test": "block"}}
    nulls = [null(tile) for tile in TILES]
    units = (fit, *nulls, Unit("commit", "c", about, ("f",), "c"))
    plan = Plan(units, {unit.key: unit for unit in units}, 0)
    assert len(readers_of(plan, ())["f"].tiles) == parts


@pytest.mark.slow  # the fits of on_ray/test_faults.py are in parts too, but have no bands
@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_on_two_nodes_they_give_the_bytes_of_the_whole(on_ray, tiny_root, tmp_path):
    options = ("resources.permute.voxels=7", "output.save=[scores, pvalues]")
    sweep = banded_sweep(tiny_root, tmp_path / "out", *options, more=", refine: 0")
    going = on_ray(sweep)
    whole = banded_sweep(tiny_root, tmp_path / "whole", options[1], more=", refine: 0")
    assert run_sweep(whole, Quiet(), engine="inline").ok
    summary = going.result()
    assert summary.ok, summary.failed
    assert summary.executed["null"] > 2 * summary.executed["fit"]
    assert_equal_stores(tmp_path / "whole", tmp_path / "out")
