"""`preset: drama2brain` from files to p-values: the old code's data set, and himalaya as the judge."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import GOLDEN, arrays
from himalaya.backend import set_backend
from himalaya.ridge import RidgeCV
from himalaya.scoring import correlation_score
from problems import Quiet
from scipy.stats import false_discovery_control

from d2b_ray.data import open_dataset
from d2b_ray.engine.session import run_sweep
from d2b_ray.spec import parse
from d2b_ray.store import Store

FOLDER = GOLDEN / "numerics" / "dataset"
SPEC = """
name: parity
preset: drama2brain
dataset: {{layout: drama2brain, root: {root}, subjects: [DM03], split: {split}}}
features: {{tiny: {{modality: semantic, annotation: story, model: Tiny, layers: [2]}}}}
fits: [{{kind: ridge, features: tiny, delays: {{start: 3, end: 5}}}}]
output: {{root: {out}, save: [scores, pvalues, coef, predictions]}}
"""


def old_way(split):
    """What drama2brain does with the golden design and responses, on himalaya."""
    golden = arrays("dataset")
    x, y = golden[f"stim_{split}_TRAIN_3_5"], golden[f"resp_{split}_TRAIN"]
    table = open_dataset("drama2brain", str(FOLDER)).runs
    group_of = {run.title: run.cv_group for run in table.runs}
    groups = np.array([group_of[title] for title in golden[f"titles_{split}_TRAIN"]])
    order = np.argsort(groups, kind="stable")
    mean = x.mean(0)
    x, y, groups = (x[order] - mean).astype(np.float32), y[order], groups[order]
    cv = [(np.flatnonzero(groups != g), np.flatnonzero(groups == g)) for g in np.unique(groups)]
    backend = set_backend("torch")
    model = RidgeCV(
        alphas=np.logspace(-12, 12, 25), cv=cv, fit_intercept=False,
        solver_params={"score_func": correlation_score},
    ).fit(x, y)  # fmt: skip
    held = (golden[f"stim_{split}_VALID_3_5"] - mean).astype(np.float32)
    true = golden[f"resp_{split}_VALID"]
    prediction = backend.to_numpy(model.predict(held))
    score = backend.to_numpy(correlation_score(true, prediction))
    blocks = [np.arange(a, min(a + 10, len(true))) for a in range(0, len(true), 10)]
    np.random.RandomState(42).shuffle(blocks)
    null = backend.to_numpy(correlation_score(true[np.concatenate(blocks)], prediction))
    p = (null[None, :] > score[:, None]).sum(1) / len(score)
    return backend.to_numpy(model.cv_scores_), score, p


@pytest.mark.parametrize("split", ["all", "splitA"])
def test_the_whole_chain(split, tmp_path):
    sweep = parse(SPEC.format(root=FOLDER, split=split, out=tmp_path))
    assert run_sweep(sweep, Quiet(), engine="inline").ok
    store = Store(str(tmp_path))
    folder = "encoding/DM03/scores/TR3_5s/semantic/story_cw1_avgToken_ALL/Tiny/layer2"
    suffix = "raw" if split == "all" else f"raw_{split}"
    cv_scores, score, p = old_way(split)
    np.testing.assert_allclose(
        store.read_array(f"{folder}/cv_cc_{suffix}.npy"), cv_scores, atol=2e-4
    )
    (table,) = (store.read_table(path) for path in store.list("tables/voxels/"))
    # The responses are random, so most best penalties are ties far below or beyond all eigenvalues:
    # himalaya's float32 picks any of them. Predictions are then proportional, correlations equal.
    found = store.read_array(f"{folder}/cc_{suffix}.npy")
    np.testing.assert_allclose(found, score, atol=2e-4)
    # a null value within rounding of an observed one moves p by one step of 1 / V
    difference = np.abs(table["p"].to_numpy() - p)
    assert difference.max() <= 1 / len(score) + 1e-12
    assert (difference < 1e-12).mean() > 0.95
    corrected = store.read_array(f"{folder}/pvalues_corrected_{suffix}.npy")
    np.testing.assert_allclose(
        corrected, false_discovery_control(table["p"].to_numpy()), atol=1e-12
    )
