"""What must not change a result: a constant added to responses or to features, names of runs."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from problems import Quiet, common_sweep

from d2b_ray.engine.session import run_sweep
from d2b_ray.store import Store

LESS = ("features.llm.layers=1", "compare=[]", "dataset.subjects=[S1, S2]", "significance.bootstrap=null",
        "significance.ceiling=none")  # fmt: skip
NUMBERS = ("r", "cv_r", "alpha", "p", "p_fdr", "p_fwe")


def voxels(root, folder, *more):
    """(subject, annotation) -> rows of the table of voxels."""
    out = folder / "out"
    assert run_sweep(common_sweep(root, out, *LESS, *more), Quiet(), engine="inline").ok
    store, found = Store(str(out)), {}
    for path in store.list("tables/voxels/"):
        table = store.read_table(path).to_pandas()
        found[table.subject[0], table.annotation[0]] = table
    return found


@pytest.fixture(scope="module")
def plain(common_root, tmp_path_factory):
    return voxels(common_root, tmp_path_factory.mktemp("plain"))


def changed(common_root, tmp_path, pattern, change, *more):
    root = tmp_path / "data"
    shutil.copytree(common_root, root)
    for path in root.glob(pattern):
        np.save(path, change(np.load(path)).astype(np.float32))
    return voxels(root, tmp_path, *more)


@pytest.mark.parametrize("constant", [30.0, -1000.0])
def test_a_constant_added_to_responses_changes_nothing(plain, common_root, tmp_path, constant):
    found = changed(common_root, tmp_path, "responses/S*/*.npy", lambda rows: rows + constant)
    for key, table in plain.items():
        np.testing.assert_array_equal(found[key].alpha, table.alpha)
        np.testing.assert_allclose(found[key].r, table.r, atol=2e-4)
        np.testing.assert_allclose(found[key].cv_r, table.cv_r, atol=2e-4)
        for name in ("p", "p_fwe"):
            np.testing.assert_allclose(found[key][name], table[name], atol=1.5 / 41)


def test_a_constant_added_to_features_changes_nothing(plain, common_root, tmp_path):
    """Without delays: a delay fills the first seconds of a run with zeros, which then are no mean."""
    undelayed = ("fits.0.delays.start=0", "fits.0.delays.end=0")
    found = changed(
        common_root, tmp_path, "stim_features/**/*.npy", lambda rows: rows + 30, *undelayed
    )
    before = voxels(common_root, tmp_path / "before", *undelayed)
    for key, table in before.items():
        np.testing.assert_allclose(found[key].r, table.r, atol=2e-4)
        np.testing.assert_allclose(found[key].cv_r, table.cv_r, atol=2e-4)


def test_names_of_runs_change_nothing(plain, common_root, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(common_root, root)
    table = root / "runs.csv"
    table.write_text(table.read_text().replace("Play", "Film"))
    for path in [*root.glob("responses/S*/*.npy"), *root.glob("stim_features/**/*.npy")]:
        path.rename(path.with_name(path.name.replace("Play", "Film")))
    found = voxels(root, tmp_path)
    for key, rows in plain.items():
        for name in NUMBERS:
            np.testing.assert_array_equal(found[key][name], rows[name], name)


def test_a_family_wise_p_is_no_less_than_that_of_the_voxel(plain):
    for table in plain.values():
        assert (table.p_fwe >= table.p).all()
        assert (table.p_fdr >= table.p - 1e-12).all()
