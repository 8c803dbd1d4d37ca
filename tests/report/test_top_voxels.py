"""The summary by the best voxels: chosen by cv_r alone, and tested over subjects."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Quiet, tiny_sweep
from report_cases import summary
from scipy.stats import ttest_rel

from d2b_ray.engine.session import run_sweep
from d2b_ray.report.results import open_results
from d2b_ray.report.tables import fits_table
from d2b_ray.report.top_voxels import best_rows, paired_rows, top_rows


def rows(subjects=("A", "B", "C"), annotations=("story", "plot"), layers=(1, 2)):
    return fits_table(
        [
            summary(s, f"{s}{a}{n}", layer=n, annotation=a)
            for s in subjects for a in annotations for n in layers
        ]
    ).to_pylist()  # fmt: skip


def test_voxels_and_layers_are_chosen_by_cv_r_and_r_is_told():
    fits = rows(subjects=("A",), annotations=("story",))
    cv_r = {1: [0.1, 0.5, np.nan, 0.4, 0.2], 2: [0.3, 0.1, np.nan, 0.1, 0.2]}
    r = {1: [9.0, 0.2, np.nan, 0.4, 9.0], 2: [1.0, 9.0, np.nan, 9.0, 2.0]}
    found = top_rows(fits, lambda f: (np.array(cv_r[f["layer"]]), np.array(r[f["layer"]])), 2)
    assert [row["mean_r"] for row in found] == pytest.approx([0.3, 1.5])
    assert [row["voxels"] for row in found] == [2, 2]
    (best,) = best_rows(found)
    assert best["layer"] == 1  # though the other has the higher r
    everything = top_rows(fits, lambda f: (np.array(cv_r[f["layer"]]), np.array(r[f["layer"]])), 99)
    assert [row["voxels"] for row in everything] == [4, 4]


def test_tests_over_subjects_are_scipys():
    rng = np.random.default_rng(0)
    scores = {fit["fit"]: float(rng.uniform()) for fit in rows()}
    found = top_rows(
        rows(), lambda f: (np.full(3, scores[f["fit"]]), np.full(3, 2 * scores[f["fit"]])), 3
    )
    best = best_rows(found)
    (row,) = paired_rows(best)
    assert (row["by"], row["of"], row["first"], row["second"], row["subjects"]) == (
        "annotation", "BERT", "plot", "story", 3,
    )  # fmt: skip
    sides = [[b["mean_r"] for b in best if b["annotation"] == a] for a in ("plot", "story")]
    assert row["p"] == pytest.approx(ttest_rel(*sides).pvalue)
    assert row["p_fdr"] == row["p"]
    assert row["difference"] == pytest.approx(np.mean(sides[0]) - np.mean(sides[1]))


def test_one_subject_has_no_test():
    found = top_rows(rows(subjects=("A",)), lambda f: (np.ones(3), np.ones(3)), 2)
    assert paired_rows(best_rows(found)) == []


def test_a_sweep_that_asks_for_it(tiny_root, tmp_path):
    few = ("significance.permutations=20", "output.save=[scores]", "summary.top_voxels=5")
    out = tmp_path / "out"
    assert run_sweep(tiny_sweep(tiny_root, out, *few), Quiet(), engine="inline").ok
    results = open_results(str(out))
    top = results.top_voxels
    assert len(top) == len(results.fits) == 8
    assert top["best"].sum() == 4
    for row in top.itertuples():
        table = results.voxels(subject=row.subject, annotation=row.annotation, layer=row.layer)
        own = table.sort_values("cv_r", ascending=False).head(5)
        assert row.mean_r == pytest.approx(own["r"].astype(float).mean())
    tests = results.top_voxels_tests
    assert set(tests["by"]) == {"annotation"}
    assert "The best voxels" in (out / "report/index.html").read_text()
