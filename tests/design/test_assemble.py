"""Assembly: the old loaders' outputs on a small data set, and laws of rows and bands."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import GOLDEN, arrays

from d2b_ray.arrays import Run
from d2b_ray.data import open_dataset
from d2b_ray.design import Delays, FeatureSpace, Reduce, build_design, in_features
from d2b_ray.errors import DataError, FitError

FOLDER = GOLDEN / "numerics" / "dataset"
LAYER = FOLDER / "stim_features/semantic/story_cw1_avgToken_ALL/Tiny/layer2"


@pytest.fixture(scope="module")
def table():
    return open_dataset("drama2brain", str(FOLDER)).runs


@pytest.fixture(scope="module")
def space(table):
    return FeatureSpace(
        "story", {run.name: np.load(LAYER / f"{run.name}.npy") for run in table.runs}
    )


def in_table_order(rows, runs, table_runs):
    """Undo the sorting by CV group: the old code kept table order and sorted later."""
    parts, at = {}, 0
    for run in runs:
        parts[run.name] = rows[at : at + run.samples]
        at += run.samples
    return np.concatenate([parts[run.name] for run in table_runs])


@pytest.mark.parametrize("split", ["all", "splitA", "splitB"])
def test_golden_delayed_by_video(table, space, split):
    golden = arrays("dataset")
    train, valid = table.train(split), table.valid(split)
    design = build_design([space], train, valid, Delays(3, 5, boundary="video"))
    old = [run for run in table.runs if run.role(split) == "TRAIN"]
    rows = in_table_order(design.train, train, old)
    np.testing.assert_allclose(rows, golden[f"stim_{split}_TRAIN_3_5"], atol=1e-5)
    np.testing.assert_allclose(design.valid, golden[f"stim_{split}_VALID_3_5"], atol=1e-5)


def test_golden_reduced(table, space):
    golden = arrays("dataset")
    train, valid = table.train("all"), table.valid("all")
    design = build_design([space], train, valid, Delays(3, 5, boundary="run"), Reduce("pca", 8))
    old = [run for run in table.runs if run.role("all") == "TRAIN"]
    rows = in_table_order(design.train, train, old)
    wanted = golden["reduced_pca8_TRAIN"]
    sign = np.sign((rows * wanted).sum(0))  # components are defined up to sign
    np.testing.assert_allclose(rows * sign, wanted, atol=2e-5)
    np.testing.assert_allclose(design.valid * sign, golden["reduced_pca8_VALID"], atol=2e-5)


def test_groups_are_those_of_the_titles(table, space):
    train = table.train("all")
    design = build_design([space], train, table.valid("all"), Delays(3, 5))
    expected = [run.cv_group for run in train for _ in range(run.samples)]
    assert design.groups.tolist() == expected == sorted(expected)


def test_a_run_is_not_touched_by_the_others():
    runs = [Run("A", 1, 12, 0, "TRAIN", "", "", 0), Run("B", 1, 10, 0, "VALID", "", "", 0)]
    rng = np.random.default_rng(0)
    rows = {run.name: rng.standard_normal((run.seconds, 2)) for run in runs}
    alone = build_design([FeatureSpace("x", rows)], runs[:1], runs[1:], Delays(2, 4))
    more = Run("C", 1, 7, 0, "TRAIN", "", "", 1)
    rows[more.name] = rng.standard_normal((7, 2))
    both = build_design([FeatureSpace("x", rows)], [runs[0], more], runs[1:], Delays(2, 4))
    np.testing.assert_array_equal(both.train[:12], alone.train)
    np.testing.assert_array_equal(both.valid, alone.valid)


def test_bands_cover_the_columns(table, space):
    design = build_design(
        [space, FeatureSpace("again", space.rows)],
        table.train("all"),
        table.valid("all"),
        Delays(3, 5, "concat"),
    )
    assert [(band.name, band.start, band.stop) for band in design.bands] == [
        ("story", 0, 36),
        ("again", 36, 72),
    ]
    np.testing.assert_array_equal(design.train[:, :36], design.train[:, 36:])


def test_wrong_features_are_named(table, space):
    rows = dict(space.rows)
    rows["Beta_001"] = rows["Beta_001"][:-1]
    with pytest.raises(DataError, match=r"Beta_001 has shape \(89, 12\); expected \(90, width\)"):
        build_design(
            [FeatureSpace("s", rows)], table.train("all"), table.valid("all"), Delays(3, 5)
        )
    rows["Beta_001"] = np.full((90, 12), np.nan)
    with pytest.raises(DataError, match="not finite"):
        build_design(
            [FeatureSpace("s", rows)], table.train("all"), table.valid("all"), Delays(3, 5)
        )
    del rows["Beta_001"]
    with pytest.raises(DataError, match="Beta_001 is missing"):
        build_design(
            [FeatureSpace("s", rows)], table.train("all"), table.valid("all"), Delays(3, 5)
        )


def test_impossible_reductions(table, space):
    for reduce, words in [
        (Reduce("pca", 13), "must be 1 to 12"),
        (Reduce("srp", 0.5), "raise eps"),
    ]:
        with pytest.raises(FitError, match=words):
            build_design([space], table.train("all"), table.valid("all"), Delays(3, 5), reduce)


def test_random_projection_keeps_distances(table):
    rng = np.random.default_rng(1)
    rows = {run.name: rng.standard_normal((run.seconds, 900)) for run in table.runs}
    design = build_design(
        [FeatureSpace("wide", rows)], table.train("all"), table.valid("all"), Delays(0, 0),
        Reduce("srp", 0.5),
    )  # fmt: skip
    raw = build_design(
        [FeatureSpace("wide", rows)], table.train("all"), table.valid("all"), Delays(0, 0)
    )
    for a, b in [(0, 1), (5, 80), (100, 400)]:
        before = np.square(raw.train[a] - raw.train[b]).sum()
        after = np.square(design.train[a] - design.train[b]).sum()
        assert 0.5 < after / before < 1.5


@pytest.mark.parametrize("combine", ["mean", "concat"])
@pytest.mark.parametrize("reduce", [Reduce("pca", 4), Reduce("srp", 0.9)])
def test_coefficients_in_feature_space_predict_the_same(table, combine, reduce):
    rng = np.random.default_rng(2)
    rows = {run.name: rng.standard_normal((run.seconds, 200)) for run in table.runs}
    train, valid = table.train("all"), table.valid("all")
    delays = Delays(1, 3, combine)
    reduced = build_design([FeatureSpace("x", rows)] * 2, train, valid, delays, reduce)
    plain = build_design([FeatureSpace("x", rows)] * 2, train, valid, delays)
    coef = rng.standard_normal((reduced.train.shape[1], 5)).astype(np.float32)
    full = in_features(coef, reduced)
    assert full.shape == (plain.train.shape[1], 5)
    inner = np.concatenate([np.arange(5, run.samples) for run in valid[:1]])  # past the zeros
    one, other = (reduced.valid @ coef)[inner], (plain.valid @ full)[inner]
    np.testing.assert_allclose(one - one.mean(0), other - other.mean(0), atol=2e-3)
