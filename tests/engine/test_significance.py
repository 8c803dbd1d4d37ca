"""What a sweep says beside r: p by formula, blocks within runs. Against the saved predictions."""

from __future__ import annotations

import shutil
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from problems import Quiet, banded_sweep, common_sweep, tiny_sweep
from scipy import stats

from d2b_ray import significance
from d2b_ray.arrays import Fit, NullCounts
from d2b_ray.data import open_dataset
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import DataError, PlanError
from d2b_ray.plan import Unit
from d2b_ray.steps.run_settings import RunSettings
from d2b_ray.steps.table import null
from d2b_ray.steps.task import Task
from d2b_ray.steps.worker_cache import WorkerCache
from d2b_ray.store import Store


def run(sweep):
    """Run inline; the store and its fits."""
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.ok, summary.failed
    store = Store(summary.results)
    return store, store.read_table("tables/fits.parquet").to_pylist()


def responses(root, subject):
    """Validation responses as the data set has them."""
    dataset = open_dataset("drama2brain", str(root))
    return dataset.responses(subject, dataset.runs.valid("all"))


def table(store, fit, name="voxels"):
    """Rows of a fit in the table of voxels or bands, column -> array."""
    found = store.read_table(f"tables/{name}/{fit['subject']}/{fit['fit']}.parquet")
    numbers = [field.name for field in found.schema if not pa.types.is_dictionary(field.type)]
    return {name: found[name].to_numpy() for name in numbers}


def test_a_parametric_test_tells_p_of_every_voxel_and_band(tiny_root, tmp_path):
    store, (fit,) = run(
        banded_sweep(
            tiny_root, tmp_path, "significance.test=parametric", "features.llm.layers=3",
            "dataset.subjects=DM01", "significance.correction=fdr_by",
        )
    )  # fmt: skip
    measured = responses(tiny_root, "DM01")
    joint = store.read_array(f"{fit['folder']}/preds_val_raw.npy")
    parts = store.read_array(f"{fit['folder']}/preds_val_bands_raw.npy")
    bands = table(store, fit, "bands")
    voxels = len(joint.T)
    tested = [(joint, table(store, fit))]
    tested += [
        (part, {name: column[b * voxels : (b + 1) * voxels] for name, column in bands.items()})
        for b, part in enumerate(parts)
    ]
    for prediction, rows in tested:
        p, dof = significance.parametric_p(prediction, measured)
        np.testing.assert_array_equal(rows["p"], p)
        r = np.array(
            [stats.pearsonr(x, y)[0] for x, y in zip(prediction.T, measured.T, strict=True)]
        )
        np.testing.assert_allclose(
            rows["p"], stats.t.sf(r * np.sqrt(dof / (1 - r * r)), dof), rtol=1e-5
        )
        np.testing.assert_array_equal(rows["p_fdr"], stats.false_discovery_control(p, method="by"))
        smallest = p.argmin()
        assert rows["p_fwe"][smallest] == pytest.approx(min(1, p[smallest] * voxels))
    corrected = store.read_array(f"{fit['folder']}/pvalues_corrected_raw.npy")
    np.testing.assert_array_equal(corrected, tested[0][1]["p_fdr"])
    np.testing.assert_array_equal(tested[0][1]["significant"], corrected <= 0.05)


@pytest.fixture(scope="module")
def bootstrapped(tiny_root, tmp_path_factory):
    """A banded fit with intervals, two subjects."""
    sweep = banded_sweep(
        tiny_root, tmp_path_factory.mktemp("drawn"), "features.llm.layers=3", "fits.0.unique=true",
        "significance.bootstrap={samples: 200, block_trs: 20, level: 0.9, seed: 5}",
        "significance.within_runs=true", "significance.test=none",
    )  # fmt: skip
    return run(sweep)


def drawn_scores(x, y, lengths, block_trs, samples, rng):
    """r of series made of drawn blocks, (samples, V): rows are drawn and correlated, one by one."""
    edges = np.cumsum([0, *lengths])
    blocks = [
        np.arange(start, min(start + block_trs, stop))
        for first, stop in pairwise(edges)
        for start in range(first, stop, block_trs)
    ]
    found = []
    for _ in range(samples):
        rows = np.concatenate([blocks[b] for b in rng.integers(0, len(blocks), len(blocks))])
        a, b = stats.zscore(x[rows]), stats.zscore(y[rows])
        found.append((a * b).mean(0))
    return np.array(found)


def test_intervals_are_those_of_series_of_drawn_blocks(tiny_root, bootstrapped, rng):
    """A second bootstrap, by rows and another generator, has the same ends but for chance."""
    store, fits = bootstrapped
    assert len(fits) == 2
    for fit in fits:
        measured = responses(tiny_root, fit["subject"])
        lengths = [
            run.samples for run in open_dataset("drama2brain", str(tiny_root)).runs.valid("all")
        ]
        joint = store.read_array(f"{fit['folder']}/preds_val_raw.npy")
        scores = drawn_scores(joint, measured, lengths, 20, 2000, rng)
        low, high = np.quantile(scores, [0.05, 0.95], axis=0)
        rows = table(store, fit)
        width = (high - low).mean()
        assert np.abs(rows["r_low"] - low).mean() < 0.1 * width
        assert np.abs(rows["r_high"] - high).mean() < 0.1 * width
        np.testing.assert_array_equal(
            rows["r_low"], store.read_array(f"{fit['folder']}/cc_low_raw.npy")
        )
        np.testing.assert_array_equal(
            rows["r_high"], store.read_array(f"{fit['folder']}/cc_high_raw.npy")
        )
        assert (rows["r_low"] < rows["r"]).mean() > 0.95 < (rows["r"] < rows["r_high"]).mean()


def test_intervals_of_unique_variance_hold_it(bootstrapped):
    store, fits = bootstrapped
    for fit in fits:
        rows = table(store, fit, "bands")
        ends = [
            store.read_array(f"{fit['folder']}/unique_bands_{end}_raw.npy")
            for end in ("low", "high")
        ]
        np.testing.assert_array_equal(rows["unique_low"], ends[0].ravel())
        np.testing.assert_array_equal(rows["unique_high"], ends[1].ravel())
        assert (rows["unique_low"] <= rows["unique"]).mean() > 0.9
        assert (rows["unique"] <= rows["unique_high"]).mean() > 0.9
        assert (ends[0] < ends[1]).all()


def test_ceilings_are_what_the_other_subjects_tell(common_root, common_store):
    """Against correlations with the mean of the others, made by hand."""
    dataset = open_dataset("arrays", str(common_root))
    y = {s: dataset.responses(s, dataset.runs.valid("all")) for s in dataset.subjects}
    store = Store(str(common_store))
    fits = store.read_table("tables/fits.parquet").to_pylist()
    assert len(fits) == 16
    for fit in fits:
        others = np.mean([stats.zscore(y[s]) for s in y if s != fit["subject"]], axis=0)
        expected = [
            stats.pearsonr(own, mean)[0]
            for own, mean in zip(y[fit["subject"]].T, others.T, strict=True)
        ]
        rows = table(store, fit)
        np.testing.assert_allclose(rows["ceiling"], expected, atol=1e-5)
        np.testing.assert_array_equal(
            rows["ceiling"], store.read_array(f"{fit['folder']}/noise_ceiling_raw.npy")
        )
        known = rows["ceiling"] >= 0.1
        assert 5 < known.sum() < 24
        np.testing.assert_allclose(
            rows["r_normalised"][known], (rows["r"] / rows["ceiling"])[known], rtol=1e-5
        )
        assert np.isnan(rows["r_normalised"][~known]).all()
        named = store.read_table(f"tables/voxels/{fit['subject']}/{fit['fit']}.parquet")
        assert named["r_normalised"].null_count == (~known).sum()


def test_ceilings_need_others_in_the_same_space(tiny_root, common_root, tmp_path):
    asked = "significance.ceiling=subjects"
    with pytest.raises(DataError) as caught:
        run(tiny_sweep(tiny_root, tmp_path / "a", asked))
    assert str(caught.value) == (
        "significance.ceiling: DM01 and DM03 have different voxels (40 and 40); must be none, or "
        "bring all subjects to a common space (a template or a surface) first"
    )
    with pytest.raises(PlanError, match=r"needs 2 subjects or more .* this sweep has S2 only"):
        run(common_sweep(common_root, tmp_path / "b", "dataset.subjects=S2"))
    assert not list(tmp_path.iterdir())


def test_other_subjects_are_inputs_of_a_ceiling(common_root, common_store, tmp_path):
    """New responses of one subject make the fits of all stale, but only where there is a ceiling."""
    root, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(common_root, root)
    shutil.copytree(common_store, out)
    path = root / "responses" / "S2" / "Play_005.npy"
    np.save(path, np.load(path) + 1)
    summary = run_sweep(common_sweep(root, out), Quiet(), engine="inline")
    assert summary.executed["commit"] == 16
    assert summary.executed["ceiling"] == 4


def cache(root, out):
    """What a worker holds, for a data set."""
    return WorkerCache(
        RunSettings("t", "drama2brain", str(root), str(out), str(out), "all", str(out))
    )


def test_lengths_of_runs_are_those_of_the_rows(tiny_root, tmp_path):
    held = cache(tiny_root, tmp_path)
    table_of_runs = held.dataset.runs
    for role, runs in (
        ("TRAIN", table_of_runs.train("all")),
        ("VALID", table_of_runs.valid("all")),
    ):
        lengths = held.run_lengths(role)
        assert sum(lengths) == len(held.responses("DM01", role))
        assert len(lengths) == len(runs) > 1
        starts = np.cumsum([0, *lengths[:-1]])
        for run, start, length in zip(runs, starts, lengths, strict=True):
            own = held.dataset.responses("DM01", [run])
            np.testing.assert_array_equal(held.responses("DM01", role)[start : start + length], own)


@pytest.mark.parametrize("within", [True, False])
def test_a_null_hands_on_the_runs_only_when_asked(tiny_root, tmp_path, monkeypatch, within):
    given, none = {}, np.zeros(0, np.int64)
    counts = NullCounts(none, none, 2, np.zeros(2, np.float32), 0)
    monkeypatch.setattr(
        significance, "block_null", lambda *_, **options: given.update(options) or counts
    )
    held = cache(tiny_root, tmp_path)
    params = {"start": 0, "stop": 2, "seed": 1, "null": "voxel", "rng": "philox", "test": "block",
              "block_trs": 10} | ({"within_runs": True} if within else {})  # fmt: skip
    y = held.responses("DM01", "VALID")
    fit = Fit(y[0], y[0], y[0].astype(float), y[:1], y, {})
    null(Task(Unit("null", "k", params, (), "null", subject="DM01")), [fit], held, "cpu")
    assert given.get("runs") == (held.run_lengths("VALID") if within else None)
    assert given["block_trs"] == 10
