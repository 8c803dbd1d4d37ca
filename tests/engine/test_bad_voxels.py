"""One bad voxel costs itself: it keeps its place, empty, and no number of another voxel moves."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from problems import Quiet, common_sweep

from d2b_ray.engine.session import run_sweep
from d2b_ray.store import Store

LESS = ("features.llm.layers=1", "compare=[{by: annotation}]", "dataset.subjects=[S1, S2]")
LEVEL = "story"


def spoil(root, spoiled, width):
    """Voxels that are not finite, or the same all the time, put between the others of S1."""
    voxels = root / "voxels" / "S1.npz"
    there = dict(np.load(voxels))
    at = np.array(sorted(spoiled))
    good = np.setdiff1d(np.arange(width + len(at)), at)
    for number, path in enumerate(sorted((root / "responses" / "S1").iterdir())):
        rows = np.load(path)
        wide = np.empty((len(rows), width + len(at)), np.float32)
        wide[:, good] = rows
        for column, value in spoiled.items():
            wide[:, column] = 7.0
            if value == "hole" and number == 2:
                wide[5, column] = np.nan
            elif value == "hole":
                wide[:, column] = rows[:, 0]
        np.save(path, wide)
    roi = np.empty(width + len(at), there["roi"].dtype)
    roi[good], roi[at] = there["roi"], "driven"
    np.savez(voxels, index=np.arange(width + len(at)), shape=[2, 3, 10], order="F", roi=roi)
    return good


@pytest.fixture(scope="module")
def spoiled(common_root, tmp_path_factory):
    """The same sweep over S1 and S2 as they are, and with three more voxels of S1 that are bad."""
    folder = tmp_path_factory.mktemp("spoiled")
    roots = {name: folder / name for name in ("whole", "spoiled")}
    for root in roots.values():
        shutil.copytree(common_root, root)
    good = spoil(roots["spoiled"], {0: "hole", 4: "flat", 11: "flat"}, 24)
    stores = {}
    for name, root in roots.items():
        sweep = common_sweep(root, folder / f"{name}_out", *LESS, "significance.ceiling=none")
        assert run_sweep(sweep, Quiet(), engine="inline").ok
        stores[name] = Store(str(folder / f"{name}_out"))
    return stores, good


def fits(store):
    found = {}
    for path in store.list("encoding/"):
        if path.endswith(".json"):
            one = store.read_json(path)
            found[one["subject"], one["place"]["annotation"]] = one
    return found


def test_no_number_of_another_voxel_moves(spoiled):
    stores, good = spoiled
    for key, fit in fits(stores["spoiled"]).items():
        before = fits(stores["whole"])[key]
        for name in ("mean_r", "median_r", "max_r", "mean_cv_r", "significant", "at_ends"):
            assert fit["numbers"][name] == before["numbers"][name], name
        assert fit["rois"] == before["rois"]
        tables = [
            store.read_table(f"tables/voxels/{key[0]}/{one['fit']}.parquet").to_pandas()
            for store, one in zip(stores.values(), (before, fit), strict=True)
        ]
        if key[0] == "S1":
            bad = tables[1].drop(good)
            assert len(bad) == 3
            columns = ["r", "cv_r", "alpha", "p", "p_fdr", "p_fwe", "significant", "r_low"]
            assert bad[columns].isna().all(axis=None)
            tables[1] = tables[1].loc[good].reset_index(drop=True)
        same = [name for name in tables[0] if name not in ("fit", "voxel", "index", *"ijkxyz")]
        one, two = (table[same].astype(object) for table in tables)
        pd.testing.assert_frame_equal(one, two)


def test_arrays_keep_their_columns(spoiled):
    stores, good = spoiled
    fit = fits(stores["spoiled"])["S1", LEVEL]
    r = stores["spoiled"].read_array(f"{fit['folder']}/cc_raw.npy")
    assert r.shape == (27,)
    assert np.flatnonzero(np.isfinite(r)).tolist() == good.tolist()
    (path,) = (p for p in stores["spoiled"].list("comparisons/S1/") if p.endswith("difference.npy"))
    difference = stores["spoiled"].read_array(path)
    (other,) = (p for p in stores["whole"].list("comparisons/S1/") if p.endswith("difference.npy"))
    np.testing.assert_array_equal(difference[good], stores["whole"].read_array(other))
    assert np.isnan(np.delete(difference, good)).all()


def test_they_are_counted_and_told(spoiled):
    stores, _ = spoiled
    counts = {key: fit["numbers"]["left_out"] for key, fit in fits(stores["spoiled"]).items()}
    assert counts == {
        ("S1", "speech"): 3,
        ("S1", "story"): 3,
        ("S2", "speech"): 0,
        ("S2", "story"): 0,
    }
    rows = stores["spoiled"].read_table("tables/fits.parquet").to_pylist()
    assert {row["subject"]: (row["voxels"], row["left_out"]) for row in rows} == {
        "S1": (24, 3), "S2": (24, 0),
    }  # fmt: skip
    page = stores["spoiled"].read_bytes("report/index.html").decode()
    assert "S1: 3" in page
    assert "left out" in page


def test_they_are_refused_when_that_is_wanted(common_root, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(common_root, root)
    spoil(root, {4: "flat"}, 24)
    sweep = common_sweep(root, tmp_path / "out", *LESS, "significance.ceiling=none",
                         "dataset.bad_voxels=error", "compare=[]")  # fmt: skip
    summary = run_sweep(sweep, Quiet(), engine="inline")
    assert {label.split()[1] for label in summary.failed} == {"S1"}
    (failed, *_) = (tmp_path / "out/units/failed").glob("*.json")
    assert (
        "1 of 25 voxels have one value in all TRAIN runs, the first is voxel 4"
        in json.loads(failed.read_text())["message"]
    )
