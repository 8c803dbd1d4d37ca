"""Ceilings from repeats of a stimulus: planted shares of variance come back, and r reaches them."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Quiet, common_sweep, write_common

from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import PlanError
from d2b_ray.store import Store

SECONDS, VOXELS = 1200, 24
SHARE = np.linspace(0.0, 0.9, VOXELS)  # of the variance of a presentation that the stimulus drives
LESS = ("features.llm.annotation=story", "features.llm.layers=1", "compare=[]", "significance.bootstrap=null",
        "significance.ceiling=repeats", "dataset.subjects=[S1]")  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One validation stimulus shown three times, once as a run without a role; features tell all of it."""
    folder = write_common(tmp_path_factory.mktemp("repeats") / "data", subjects=1)
    rng = np.random.default_rng(11)
    features = next(folder.glob("stim_features/semantic/story*/Planted/layer1"))
    weights = rng.standard_normal((8, VOXELS)) / np.sqrt(8)
    shown = rng.standard_normal((SECONDS, 8)).astype(np.float32)
    lines = ["title,part,seconds,overlap,split_all,split_a,split_b,cv_group,repeat_of"]
    for part in range(1, 8):
        role, seconds, of = ("TRAIN", 160, "") if part < 5 else ("VALID", SECONDS, "Play_005")
        lines.append(
            f"Play,{part},{seconds},0,{role if part < 7 else ''},,,{min(part, 4)},{of if part > 5 else ''}"
        )
        rows = shown if part > 4 else np.load(features / f"Play_{part:03d}.npy")
        if part < 7:
            np.save(features / f"Play_{part:03d}.npy", rows)
        driven = np.concatenate([np.zeros((3, 8)), rows])[: len(rows)] @ weights
        y = np.sqrt(SHARE) * driven / driven.std(0)
        y += np.sqrt(1 - SHARE) * rng.standard_normal(y.shape)
        np.save(folder / "responses" / "S1" / f"Play_{part:03d}.npy", y.astype(np.float32))
    (folder / "runs.csv").write_text("\n".join(lines))
    return folder


def test_planted_shares_come_back_and_the_true_model_reaches_its_ceiling(root, tmp_path):
    observer = Quiet()
    summary = run_sweep(common_sweep(root, tmp_path / "out", *LESS), observer, engine="inline")
    assert summary.ok, summary.failed
    store = Store(summary.results)
    (fit,) = store.read_table("tables/fits.parquet").to_pylist()
    assert fit["ceiling"] == "repeats"
    rows = store.read_table(f"tables/voxels/S1/{fit['fit']}.parquet").to_pandas()
    np.testing.assert_allclose(rows.ceiling[3:], np.sqrt(SHARE[3:]), atol=0.06)
    high = SHARE > 0.2
    assert rows.r_normalised[high].mean() == pytest.approx(1, abs=0.03)
    y = np.stack([np.load(root / f"responses/S1/Play_{n:03d}.npy") for n in (5, 6, 7)]).astype(
        float
    )
    z = (y - y.mean(1, keepdims=True)) / y.std(1, keepdims=True)
    common = z.mean(0).var(0)
    expected = np.sqrt(np.clip(common - (1 - common) / 2, 0, 1))
    np.testing.assert_allclose(rows.ceiling, expected, atol=1e-6)


def test_a_table_without_repeats_has_no_such_ceiling(common_root, tmp_path):
    with pytest.raises(PlanError, match="the column repeat_of of the run table names none"):
        run_sweep(common_sweep(common_root, tmp_path / "out", *LESS), Quiet(), engine="inline")
    assert not (tmp_path / "out").exists()
