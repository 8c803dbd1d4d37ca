"""The reference engine: what it leaves, that it resumes, and that failures are results."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from problems import (
    MODEL,
    Quiet,
    banded_sweep,
    tiny_sweep,
    words_sweep,
    words_yaml,
    write_tiny,
)
from stores import assert_equal_stores, contents, records

from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import DataError
from d2b_ray.store import Store


def run(root, out, *overrides, **options):
    watcher = Quiet()
    return run_sweep(
        tiny_sweep(root, out, *overrides), watcher, engine="inline", **options
    ), watcher


def test_the_tree_of_results(inline_store):
    store = Store(str(inline_store))
    folders = {p.rsplit("/", 1)[0] for p in store.list("encoding/")}
    assert len(folders) == 8
    for folder in folders:
        names = {p.rsplit("/", 1)[1] for p in store.list(f"{folder}/")}
        assert names == {
            "cc_raw.npy", "cv_cc_raw.npy", "pvalues_corrected_raw.npy", "coef_raw.npy",
            "alphas_raw.npy", "preds_val_raw.npy", "preds_trn_raw.npy", "intercept_raw.npy",
            "fit.json",
            "null40_counts_raw.npy", "null40_maxima_raw.npy",
        }  # fmt: skip
    assert len(store.list("tables/voxels/DM01/")) == 4
    for path in ("tables/fits.parquet", "report/index.html", "sweep.yaml", "environment.json"):
        assert store.exists(path)


def test_a_fit_has_a_histogram_unless_told_not_to(words_root, tmp_path):
    def drawn(*overrides):
        few = (
            "dataset.subjects=[DM01]",
            "features.said.annotation=story",
            "significance.test=none",
        )
        sweep = words_sweep(words_root, tmp_path / "out", *few, *overrides)
        summary = run_sweep(sweep, Quiet(), engine="inline")
        assert summary.ok
        page = (tmp_path / "out/report/index.html").read_text()
        made = [path.name for path in (tmp_path / "out").glob("encoding/**/*.png")]
        assert page.count('.png">r</a>') == len(made)
        return summary.executed.get("fit", 0), made

    assert drawn("output.figures=true") == (1, ["dist_raw.png"])
    assert drawn() == (1, [])


def test_tables_say_what_the_arrays_say(inline_store):
    store = Store(str(inline_store))
    fits = store.read_table("tables/fits.parquet").to_pylist()
    assert len(fits) == 8
    for fit in fits:
        cc = store.read_array(f"{fit['folder']}/cc_raw.npy")
        table = store.read_table(f"tables/voxels/{fit['subject']}/{fit['fit']}.parquet")
        np.testing.assert_array_equal(table["r"].to_numpy(), cc)
        np.testing.assert_array_equal(
            table["p_fdr"].to_numpy(),
            store.read_array(f"{fit['folder']}/pvalues_corrected_raw.npy"),
        )
        assert fit["mean_r"] == pytest.approx(cc.mean(), abs=1e-6)
        predictions = store.read_array(f"{fit['folder']}/preds_val_raw.npy")
        assert predictions.shape == (600, 40)


def test_a_second_run_does_nothing_and_starts_no_engine(tiny_root, inline_store):
    before = records(inline_store)
    summary, watcher = run(tiny_root, inline_store)
    assert summary.ok
    assert summary.executed == {}
    assert watcher.lines == []
    assert records(inline_store) == before


def test_the_same_spec_gives_the_same_bytes(tiny_root, inline_store, tmp_path):
    run(tiny_root, tmp_path / "again")
    assert_equal_stores(inline_store, tmp_path / "again")


def test_other_features_in_the_same_folder_make_the_first_undone(tiny_root, tmp_path):
    one = (
        "dataset.subjects=[DM01]", "features.llm.annotation=story", "features.llm.layers=[1]",
        "output.keep_texts=false",
    )  # fmt: skip
    run(tiny_root, tmp_path / "fresh", *one)
    run(tiny_root, tmp_path / "out", *one)
    run(tiny_root, tmp_path / "out", *one, "features.llm.dtype=bfloat16")
    assert len(Store(str(tmp_path / "out")).list("units/feature/")) == 1
    summary, _ = run(tiny_root, tmp_path / "out", *one)
    assert summary.executed["extract"] == 1
    assert_equal_stores(tmp_path / "fresh", tmp_path / "out")


def test_a_killed_run_goes_on_where_it_was(words_root, words_store, tmp_path):
    out = tmp_path / "killed"
    spec = tmp_path / "sweep.yaml"
    spec.write_text(words_yaml(words_root, out))
    command = [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), "--engine", "inline"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not list(out.glob("units/commit/*.json")):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    before = records(out)
    assert 0 < sum(r["kind"] == "commit" for r in before.values()) < 4
    summary = run_sweep(words_sweep(words_root, out), Quiet(), engine="inline")
    after = records(out)
    assert {path: after[path] for path in before} == before  # nothing finished was done again
    assert summary.executed["commit"] == 4 - sum(r["kind"] == "commit" for r in before.values())
    assert_equal_stores(words_store, out)


def test_a_new_cell_costs_that_cell_only(tiny_root, inline_store, tmp_path):
    out = tmp_path / "more"
    shutil.copytree(inline_store, out)
    summary, _ = run(tiny_root, out, "features.llm.layers=[1,2,3]")
    assert summary.executed == {
        "shard": 2, "extract": 2, "design": 2, "factorize": 2, "fit": 4, "null": 8, "commit": 4,
        "gather": 1,
    }  # fmt: skip
    assert Store(str(out)).read_table("tables/fits.parquet").num_rows == 12


def test_changed_input_is_done_again_and_says_why(inline_store, tmp_path):
    root = write_tiny(tmp_path / "data")
    out = tmp_path / "out"
    shutil.copytree(inline_store, out)
    summary, _ = run(root, out)
    assert summary.executed == {}  # the same data set elsewhere is the same data set
    captions = root / "annotations" / "Kitchen_run1_story_each1sec_en.txt"
    captions.write_text(captions.read_text().replace("the", "some"))
    summary, watcher = run(root, out)
    assert summary.executed["commit"] == 4  # those of `story`, not of `speechTranscription`
    assert any("changed since: captions" in line for line in watcher.lines)
    again, _ = run(root, out)
    assert again.executed == {}


def damage_chunk(path):
    """A MATLAB v7.3 file whose header is whole and whose compressed numbers are not."""
    with h5py.File(path, "r+") as file:
        values = file["dataDT"][:]
        del file["dataDT"]
        kept = file.create_dataset("dataDT", data=values, compression="gzip", chunks=values.shape)
        where = kept.id.get_chunk_info(0)
    damaged = bytearray(path.read_bytes())
    middle = where.byte_offset + where.size // 2
    damaged[middle : middle + 64] = bytes(64)
    path.write_bytes(damaged)


def test_a_failure_is_a_result(tmp_path, inline_store):
    root = write_tiny(tmp_path / "data")
    out = tmp_path / "out"
    broken = root / "fmri" / "raw" / "DM03" / "sess1" / "Kitchen_001.mat"
    whole = broken.read_bytes()
    damage_chunk(broken)
    summary, _ = run(root, out)
    assert not summary.ok
    assert len(summary.failed) == 4
    assert summary.executed["commit"] == 4  # the other subject
    assert summary.skipped == 4 * 3  # two null units and a commit each
    assert all("Kitchen_001.mat" in message for message in summary.failed.values())
    failures = [json.loads(p.read_text()) for p in (out / "units/failed").glob("*.json")]
    assert len(failures) == 4
    assert all("Traceback" in failure["traceback"] for failure in failures)
    assert "4 units failed" in (out / "report/index.html").read_text()

    broken.write_bytes(whole)
    summary, _ = run(root, out)
    assert len(summary.failed) == 4  # kept until asked for
    summary, _ = run(root, out, retry_failed=True)
    assert summary.ok
    assert summary.executed["fit"] == 4
    assert not list((out / "units/failed").glob("*.json"))
    again, _ = run(root, out)
    assert again.ok
    assert again.executed == {}
    assert_equal_stores(inline_store, out)


def test_a_response_that_is_no_number_is_named(tmp_path):
    root = write_tiny(tmp_path / "data")
    with h5py.File(root / "fmri" / "raw" / "DM01" / "sess1" / "Kitchen_002.mat", "r+") as file:
        file["dataDT"][30:33, :] = np.nan
    summary, _ = run(root, tmp_path / "out", "features.llm.annotation=story")
    assert len(summary.failed) == 2
    words = "subject DM01: run Kitchen_002 holds 120 responses that are not finite, in 40 of 40"
    assert all(words in message for message in summary.failed.values())


def test_features_that_lie_ready_are_not_extracted(tiny_root, inline_store, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(tiny_root, root)
    shutil.copytree(inline_store / "stim_features", root / "stim_features")
    summary, _ = run(root, tmp_path / "out")
    assert "extract" not in summary.executed
    assert summary.executed["fit"] == 8


def test_another_fit_in_the_same_folder_makes_the_first_undone(tiny_root, tmp_path, inline_store):
    out = tmp_path / "out"
    shutil.copytree(inline_store, out)
    summary, _ = run(tiny_root, out, "fits.0.alphas=[1.0, 10.0]")
    assert summary.executed["commit"] == 8
    assert len(list(out.glob("tables/voxels/*/*.parquet"))) == 8
    summary, _ = run(tiny_root, out)
    assert summary.executed["commit"] == 8
    assert contents(inline_store) == contents(out)


def test_what_is_wrong_with_the_world_is_said_before_anything_runs(tiny_root, tmp_path):
    with pytest.raises(DataError, match="no annotation 'plot'"):
        run(tiny_root, tmp_path, "features.llm.annotation=plot")
    with pytest.raises(DataError, match="not a folder"):
        run(tmp_path / "nowhere", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_model_folder_beside_the_sweep(tiny_root, tmp_path, monkeypatch):
    shutil.copytree(MODEL, tmp_path / "base" / "my-model")
    monkeypatch.setenv("D2B_RAY_BASE", str(tmp_path / "base"))
    options = ["features.llm.model=./my-model", "features.llm.annotation=story"]
    summary, _ = run(tiny_root, "out", *options)
    assert summary.ok
    assert summary.results == str(tmp_path / "base" / "out")
    assert summary.executed["fit"] == 4


def test_interrupted_it_says_how_to_go_on(words_root, words_store, tmp_path):
    out = tmp_path / "out"
    spec = tmp_path / "sweep.yaml"
    spec.write_text(words_yaml(words_root, out))
    command = [sys.executable, "-m", "d2b_ray.cli", "run", str(spec), "--engine", "inline"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True,
        # where the tests themselves run in the background, SIGINT is ignored and inherited so
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not list(out.glob("units/commit/*.json")):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate()
    assert process.returncode == 130
    assert "the same command goes on from here" in told
    assert "Traceback" not in told
    assert run_sweep(words_sweep(words_root, out), Quiet(), engine="inline").ok
    assert_equal_stores(words_store, out)


def test_banded_fits(tiny_root, tmp_path):
    sweep = banded_sweep(tiny_root, tmp_path, "fits.0.bands.plot.layers=3")
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert summary.ok, summary.failed
    assert summary.executed["fit"] == 4  # two layers of one band x one of the other x two subjects
    store = Store(str(tmp_path))
    for fit in store.read_table("tables/fits.parquet").to_pylist():
        assert fit["bands"] == "speech + plot"
        assert fit["annotation"] == "speechTranscription + story"
        folder = fit["folder"]
        joint = store.read_array(f"{folder}/cc_raw.npy")
        shares = store.read_array(f"{folder}/cc_bands_raw.npy")
        np.testing.assert_allclose(shares.sum(0), joint, atol=1e-5)
        gammas = store.read_array(f"{folder}/gammas_raw.npy")
        np.testing.assert_allclose(gammas.sum(0), 1)
        parts = store.read_array(f"{folder}/preds_val_bands_raw.npy")
        whole = store.read_array(f"{folder}/preds_val_raw.npy")
        np.testing.assert_allclose(parts.sum(0), whole, atol=1e-4 * np.abs(whole).max())
        assert store.read_array(f"{folder}/pvalues_corrected_bands_raw.npy").shape == shares.shape
        rows = store.read_table(f"tables/bands/{fit['subject']}/{fit['fit']}.parquet")
        assert rows.num_rows == 2 * len(joint)
        np.testing.assert_array_equal(rows["r"].to_numpy(), shares.ravel())
        record = store.read_json(f"{folder}/fit.json")
        assert [band["name"] for band in record["bands"]] == ["speech", "plot"]
        assert [band["columns"] for band in record["bands"]] == [[0, 32], [32, 64]]


@pytest.mark.parametrize("solver", ["primal", "kernel", "himalaya"])
def test_every_banded_solver_finds_the_same(tiny_root, tmp_path, solver):
    options = ["features.llm.layers=3", "dataset.subjects=DM01", "fits.0.reduce.pca=8",
               "fits.0.alphas=[0.1, 10.0, 1000.0]", "significance.test=none"]  # fmt: skip
    found = []
    for name in ("auto", solver):
        out = tmp_path / name
        summary = run_sweep(
            banded_sweep(tiny_root, out, *options, solver=name), Quiet(), engine="inline"
        )
        assert summary.ok, summary.failed
        store = Store(str(out))
        (fit,) = store.read_table("tables/fits.parquet").to_pylist()
        found.append(store.read_array(f"{fit['folder']}/cc_8PCs.npy"))
    difference = np.abs(found[0] - found[1])
    assert (difference < 1e-3).mean() > 0.9  # the others: ties of candidates in float32
