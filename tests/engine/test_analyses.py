"""`generalise` and `weights_pca`: from the sweep to tables and page, against the arrays of the fits."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from problems import Quiet, common_sweep, tiny_sweep
from sklearn.decomposition import PCA
from worlds import plan_of

import d2b_ray
from d2b_ray.data import open_dataset
from d2b_ray.encoding.weights import ends_of
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import PlanError, SpecError

MORE = (
    "generalise={titles: true, subjects: true}",
    "weights_pca={components: 2, top_voxels: 10, ends: 3}",
    "output.save=[scores,pvalues,coef]",
)
GONE = ("components.npy", "titles.npy")
ONE = {"subject": "S2", "annotation": "story", "layer": 2}


@pytest.fixture(scope="module")
def out(common_root, tmp_path_factory):
    root = tmp_path_factory.mktemp("analyses") / "out"
    summary = run_sweep(common_sweep(common_root, root, *MORE), Quiet(), engine="inline")
    assert summary.ok, summary.failed
    return root


@pytest.fixture(scope="module")
def results(out):
    return d2b_ray.open_results(str(out))


@pytest.fixture(scope="module")
def dataset(common_root):
    return open_dataset("arrays", str(common_root))


def r_of(one, other):
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, other.T, strict=True)])


def test_predictions_have_two_names(results):
    np.testing.assert_array_equal(
        results.array("predictions", **ONE), results.array("preds_val", **ONE)
    )


def told(results, over):
    table = results.generalisation
    fit = results.fit(**ONE)["fit"]
    own = table[(table.fit == fit) & (table.over == over) & table.roi.isna()]
    return own.set_index("name").mean_r


def test_r_within_each_title(results, dataset):
    predicted, start = results.array("predictions", **ONE), 0
    found = told(results, "title")
    by_title: dict[str, list] = {}
    for run in dataset.runs.valid("all"):
        rows = slice(start, start + run.samples)
        by_title.setdefault(run.title, []).append((predicted[rows], dataset.responses("S2", [run])))
        start += run.samples
    assert set(found.index) == set(by_title)
    for title, pairs in by_title.items():
        one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
        np.testing.assert_allclose(found[title], r_of(one, other).mean(), rtol=1e-5)


def test_r_with_the_responses_of_others(results, dataset):
    predicted, found = results.array("predictions", **ONE), told(results, "subject")
    assert sorted(found.index) == ["S1", "S3", "S4"]
    for other, mean in found.items():
        theirs = dataset.responses(other, dataset.runs.valid("all"))
        np.testing.assert_allclose(mean, r_of(predicted, theirs).mean(), rtol=1e-5)


def test_a_model_of_one_subject_holds_for_the_others_where_it_was_planted(results):
    table = results.generalisation
    own = table[(table.over == "subject") & (table.annotation == "story") & (table.layer == 1)]
    means = own.groupby(own.roi.astype(str)).mean_r.agg(["min", "max"])
    assert means["min"]["driven"] > 0.4
    assert abs(means["max"]["noise"]) < 0.15


def _spread_of_delayed(root):
    """Standard deviation of the features of ONE, three samples later, over the training runs."""
    paths = sorted((root / "stim_features").glob("semantic/story*/Planted/layer2/Play_00[1-4].npy"))
    rows = [np.concatenate([np.zeros((3, 8)), np.load(path)])[:160] for path in paths]
    return np.concatenate(rows).std(0)


def test_components_are_those_of_the_best_voxels_of_all_subjects(results, out, common_root):
    table = results.weights_pca
    (key,) = {
        row.weights
        for row in table.itertuples()
        if row.of.startswith("story") and "layer2" in row.of
    }
    weights, spread = [], _spread_of_delayed(common_root)
    for subject in ("S1", "S2", "S3", "S4"):
        one = {**ONE, "subject": subject}
        best = np.argsort(-results.array("cv_cc", **one), kind="stable")[:10]
        weights.append(results.array("coef", **one)[:, best] * spread[:, None])
    peer = PCA(2).fit(np.concatenate(weights, 1).T.astype(float))
    own = table[table.weights == key]
    np.testing.assert_allclose(own.explained, peer.explained_variance_ratio_, rtol=1e-4)
    found = np.load(out / "weights" / key / "components.npy")
    assert np.abs((found * peer.components_).sum(1)) == pytest.approx(1, abs=1e-4)
    assert set(own.subjects) == {4}
    assert set(own.voxels) == {40}


def test_moments_are_the_ends_of_the_projections(results, out):
    moments = results.weights_pca_moments
    key = moments.weights.iloc[0]
    scores = np.load(out / "weights" / key / "projections.npy")
    own = moments[(moments.weights == key) & (moments.component == 1)]
    high, low = ends_of(scores[:, 0], 3, apart=10)
    assert own[own.end == "high"].score.tolist() == scores[high, 0].tolist()
    assert own[own.end == "low"].score.tolist() == scores[low, 0].tolist()
    assert own.score.max() == scores[:, 0].max()
    assert own.text.isna().all()  # this data set has features, and no captions


def test_what_is_asked_in_two_steps_is_told_once(common_root, tmp_path):
    """Titles first, other subjects later: two units tell of the titles of a fit."""
    few = (
        "compare=[]",
        "significance.ceiling=none",
        "features.llm.layers=1",
        "output.save=[scores]",
    )
    for wanted in ("generalise={titles: true}", "generalise={titles: true, subjects: true}"):
        sweep = common_sweep(common_root, tmp_path, *few, wanted)
        assert run_sweep(sweep, Quiet(), engine="inline").ok
    table = d2b_ray.open_results(str(tmp_path)).generalisation
    assert not table.duplicated(["fit", "over", "name", "roi"]).any()
    assert set(table.over) == {"title", "subject"}


def test_the_page_shows_them(out):
    html = (out / "report" / "index.html").read_text()
    assert "Does it generalise?" in html
    assert (
        "The moments of the training runs" in html
    )  # its figure: tests/report/test_in_a_browser.py


def test_nothing_is_done_twice_and_what_is_gone_is_made_again(common_root, out):
    sweep = common_sweep(common_root, out, *MORE)
    before = {path: path.read_bytes() for path in out.rglob("*.npy")}
    assert not run_sweep(sweep, Quiet(), engine="inline").executed
    gone = [next(path for path in before if path.name == name) for name in GONE]
    for path in gone:
        path.unlink()
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.ok, summary.failed
    assert summary.executed["generalise"] == summary.executed["weights"] == 1
    assert {path: path.read_bytes() for path in out.rglob("*.npy")} == before


def test_other_subjects_must_lie_in_one_space(common_root, tiny_root, tmp_path):
    sweep = tiny_sweep(
        tiny_root, tmp_path / "one", "generalise={subjects: true}", "dataset.subjects=[DM01]"
    )
    with pytest.raises(PlanError, match="needs two subjects or more; the sweep has DM01"):
        run_sweep(sweep, Quiet(), engine="inline")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("generalise={titles: false}", "titles: true, subjects: true or both"),
        (
            "weights_pca={components: 101}",
            "got 101; must be an integer between 1 and 100",
        ),
        ("weights_pca={components: 2}", "a list with coef, which weights_pca reads"),
    ],
)
def test_what_does_not_fit_is_one_line(common_root, tmp_path, change, words):
    with pytest.raises(SpecError, match=words):
        common_sweep(common_root, tmp_path, "output.save=[scores]", change)


def test_voxels_that_hold_no_numbers_are_left_out(common_root, tmp_path):
    """Of the subject itself, and of another one."""
    root = tmp_path / "data"
    shutil.copytree(common_root, root)
    for subject, voxel in (("S1", 2), ("S2", 5)):
        path = root / "responses" / subject / "Play_005.npy"
        rows = np.load(path)
        rows[3, voxel] = np.inf
        np.save(path, rows)
    sweep = common_sweep(
        root,
        tmp_path / "out",
        *MORE,
        "significance.ceiling=none",
        "compare=[]",
        "features.llm.layers=1",
    )
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.ok, summary.failed
    table = d2b_ray.open_results(str(tmp_path / "out")).generalisation
    whole = table[table.roi.isna() & (table.annotation == "story")]
    voxels = whole.groupby(["subject", "over", "name"], observed=True).voxels.first()
    assert voxels["S1", "title", "Play"] == 23
    assert voxels["S1", "subject", "S2"] == 22
    assert voxels["S3", "subject", "S2"] == 23


def test_features_of_each_subject_do_not_speak_of_another(common_root, tmp_path):
    change = (
        "features.llm={modality: confounds, columns: [a]}",
        "compare=[]",
        "significance.ceiling=none",
    )
    sweep = common_sweep(common_root, tmp_path, "generalise={subjects: true}", *change)
    with pytest.raises(PlanError, match="features of modality confounds are each subject's own"):
        plan_of(sweep)
