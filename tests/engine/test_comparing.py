"""Comparisons of fits: what was planted is found, the table says what the arrays say."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from problems import Quiet, common_sweep
from scipy import stats

from d2b_ray.data import open_dataset
from d2b_ray.engine.session import run_sweep
from d2b_ray.store import Store


@pytest.fixture(scope="module")
def rows(common_store):
    """Rows of comparisons.parquet."""
    return Store(str(common_store)).read_table("tables/comparisons.parquet").to_pylist()


def summaries(store):
    """The compare.json files."""
    return [store.read_json(p) for p in store.list("comparisons/") if p.endswith("compare.json")]


def test_a_comparison_is_the_difference_of_two_scores(common_store):
    store = Store(str(common_store))
    fits = {fit["fit"]: fit for fit in store.read_table("tables/fits.parquet").to_pylist()}
    found = summaries(store)
    assert len(found) == 8  # two pairs of each of four subjects
    for summary in found:
        first, second = (fits[key] for key in summary["fits"])
        assert first["subject"] == second["subject"] == summary["subject"]
        r = [store.read_array(f"{fit['folder']}/cc_raw.npy") for fit in (first, second)]
        folder = f"comparisons/{summary['subject']}/{summary['key']}"
        difference = store.read_array(f"{folder}/difference.npy")
        np.testing.assert_allclose(difference, r[0] - r[1], atol=1e-6)
        p = store.read_array(f"{folder}/pvalues_corrected.npy")
        assert ((p > 0) & (p <= 1)).all()
        assert summary["rois"][""]["better"] == ((p <= 0.05) & (difference > 0)).sum()
        assert summary["rois"][""]["difference"] == pytest.approx(difference.mean(), abs=1e-6)
        assert summary["rois"]["noise"]["voxels"] == 8


def slow_swaps(x, z, y, block_trs, count, rng):
    """Differences of correlations of series in which blocks were exchanged, (count, V)."""
    starts = range(0, len(y), block_trs)
    found = []
    for _ in range(count):
        swapped = np.zeros(len(y), bool)
        for start in starts:
            swapped[start : start + block_trs] = rng.integers(2)
        one, other = (np.where(swapped[:, None], *pair) for pair in ((z, x), (x, z)))
        found.append((stats.zscore(one) * y).mean(0) - (stats.zscore(other) * y).mean(0))
    return np.array(found)


def test_p_values_are_those_of_swaps_done_row_by_row(common_root, common_store, rng):
    store = Store(str(common_store))
    (summary,) = [s for s in summaries(store) if s["subject"] == "S2" and s["by"] == "annotation"]
    dataset = open_dataset("arrays", str(common_root))
    y = stats.zscore(dataset.responses("S2", dataset.runs.valid("all")))
    folders = {
        fit["fit"]: fit["folder"] for fit in store.read_table("tables/fits.parquet").to_pylist()
    }
    x, z = (
        stats.zscore(store.read_array(f"{folders[key]}/preds_val_raw.npy"))
        for key in summary["fits"]
    )
    null = np.abs(slow_swaps(x, z, y, 10, 1000, rng))
    observed = np.abs((x * y).mean(0) - (z * y).mean(0))
    p = (1 + (null >= observed).sum(0)) / (1 + len(null))
    stored = store.read_array(f"comparisons/S2/{summary['key']}/pvalues_corrected.npy")
    np.testing.assert_allclose(stored, stats.false_discovery_control(p), atol=0.06)


def test_the_better_model_is_found_where_it_is_better_and_nowhere_else(rows):
    by_level = [row for row in rows if row["by"] == "annotation" and row["roi"]]
    for row in by_level:
        assert (row["first"].split()[0], row["second"].split()[0]) == ("speech", "story")
        assert row["better"] <= 1
        if row["roi"] == "driven":
            assert row["worse"] == row["voxels"]
            assert row["difference"] < -0.2
        else:
            assert row["worse"] <= 1
            assert abs(row["difference"]) < 0.05
    assert len(by_level) == 2 * (4 + 1)  # two regions, of four subjects and of their mean


def test_the_test_over_subjects_is_scipys(rows):
    for pair in {row["pair"] for row in rows}:
        for roi in ("", "driven", "noise"):
            own = [row for row in rows if row["pair"] == pair and row["roi"] == roi]
            (mean,) = [row for row in own if row["subject"] is None]
            each = [row for row in own if row["subject"] is not None]
            assert [row["subject"] for row in each] == ["S1", "S2", "S3", "S4"]
            first, second = (
                np.array([row[f"mean_{n}"] for row in each]) for n in ("first", "second")
            )
            assert mean["subjects"] == 4
            assert mean["p"] == pytest.approx(stats.ttest_rel(first, second).pvalue, rel=1e-6)
            assert mean["difference"] == pytest.approx((first - second).mean())
            test = stats.permutation_test(
                (first - second,), np.mean, permutation_type="samples", n_resamples=np.inf
            )
            assert mean["p_flips"] == pytest.approx(test.pvalue)
            assert (mean["p_fdr"] is None) is (roi == "")


def test_the_report_shows_them(common_store):
    page = Store(str(common_store)).read_bytes("report/index.html").decode()
    assert "<h2>Is it better?</h2>" in page
    assert page.count("mean of 4") == 2 * 3


def test_a_comparison_added_later_costs_itself_and_the_predictions(
    common_root, common_store, tmp_path
):
    """Fits whose predictions lie there already are not fitted again."""
    out = tmp_path / "out"
    shutil.copytree(common_store, out)
    more = "compare=[{by: annotation, where: {layer: 1}}, {by: layer, where: {annotation: story}}]"
    summary = run_sweep(common_sweep(common_root, out, more), Quiet(), engine="inline")
    assert summary.executed == {"compare": 4, "gather": 1}
    summary = run_sweep(common_sweep(common_root, out, more), Quiet(), engine="inline")
    assert summary.executed == {}


def test_predictions_that_were_removed_are_made_again(common_root, common_store, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(common_store, out)
    (gone,) = out.glob("encoding/S1/**/story*/*/layer1/preds_val_raw.npy")
    gone.unlink()
    more = common_sweep(common_root, out, "compare.0.permutations=7")
    summary = run_sweep(more, Quiet(), engine="inline")
    assert summary.ok
    assert (summary.executed["fit"], summary.executed["compare"]) == (1, 4)
    assert gone.is_file()


def test_fits_that_are_gone_take_their_comparisons_with_them(common_root, common_store, tmp_path):
    """Another fit in the folder of a compared one: the table speaks of the new pair only."""
    out = tmp_path / "out"
    shutil.copytree(common_store, out)
    other = "fits.0.alphas=[100.0]"
    run_sweep(common_sweep(common_root, out, other), Quiet(), engine="inline")
    store = Store(str(out))
    fits = {fit["fit"] for fit in store.read_table("tables/fits.parquet").to_pylist()}
    table = store.read_table("tables/comparisons.parquet").to_pylist()
    assert {row["first_fit"] for row in table if row["subject"]} <= fits
    assert len(table) == 2 * 3 * 5
