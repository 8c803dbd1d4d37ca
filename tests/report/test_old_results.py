"""A tree of drama2brain's results becomes tables and a page whose numbers are those of its arrays."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from d2b_ray import open_results
from d2b_ray.cli.app import app
from d2b_ray.errors import DataError
from d2b_ray.report.old_results import import_results
from d2b_ray.store import Store

PLACE = "encoding/DM01/scores/TR8_10s/semantic/story_cw1_avgToken_ALL/GPT2/layer7"
BANDED = "encoding/DM01/scores/TR8_10s/semantic_semantic/story_cw1_avgToken_ALL_timePlace_cw1_avgToken_ALL"
FILES = ("cc", "cv_cc", "pvalues_corrected")


def write(folder, suffix="raw", seed=0, count=50, **instead):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for name in FILES:
        values = instead.get(name, rng.random(count))
        np.save(folder / f"{name}_{suffix}.npy", values, allow_pickle=True)


def told(*arguments):
    found = CliRunner().invoke(app, ["import-results", *(str(a) for a in arguments)])
    assert found.exit_code == 0, (found.output, found.exception)
    return found.output


def refused(*arguments):
    found = CliRunner().invoke(app, ["import-results", *(str(a) for a in arguments)])
    assert isinstance(found.exception, DataError), (found.output, found.exception)
    return str(found.exception)


@pytest.fixture
def old(tmp_path):
    """One subject: a fit, a reduced one of a split, a banded one, and three that cannot be read."""
    root = tmp_path / "old"
    write(root / PLACE)
    write(root / PLACE, "1280PCs_splitA", seed=1)
    write(root / BANDED / "Llama2_Llama2" / "layer32_13", seed=2)
    write(root / PLACE.replace("layer7", "layer8"), cc=np.array({"joint": 1}, dtype=object))
    write(root / PLACE.replace("layer7", "layer9"), cv_cc=np.zeros(49))
    write(root / PLACE.replace("layer7", "layer10"), "weird")
    return root


def test_numbers_are_those_of_the_arrays(old, tmp_path):
    words = told(old, tmp_path / "new")
    assert "Imported 3 fits" in words
    assert words.count("left out: ") == 3
    for why in ("is a pickle, which is not opened", "not of the shape", "'weird' is no reduction"):
        assert why in words
    found = open_results(str(tmp_path / "new"))
    fits = found.fits.set_index("reduction")
    assert set(fits.index) == {"raw", "1280PCs"}
    one = found.fits[found.fits.layer == 7].set_index("reduction")
    cc, p = (np.load(old / PLACE / f"{name}_raw.npy") for name in ("cc", "pvalues_corrected"))
    assert one.mean_r["raw"] == pytest.approx(cc.mean(), rel=1e-6)
    assert one.significant["raw"] == (p <= 0.05).sum()
    assert one.split["1280PCs"] == "splitA"
    assert one.permutations.isna().all()
    assert one.samples.isna().all()
    banded = found.fits[found.fits.bands.notna()].iloc[0]
    assert banded.bands == "story + timePlace"
    assert banded.model == "Llama2 + Llama2"
    rows = found.voxels(layer=7, reduction="raw")
    np.testing.assert_allclose(rows.r, cc, rtol=1e-6)
    np.testing.assert_array_equal(rows.p_fdr, p)
    r = found.array("cc", layer=7, reduction="raw")
    np.testing.assert_array_equal(r, cc)
    page = (tmp_path / "new" / "report" / "index.html").read_text()
    assert "what they rest on is not known here" in page


def test_the_same_tree_gives_the_same_bytes_from_wherever_it_is_named(old, tmp_path):
    told(old, tmp_path / "a")
    told(old, tmp_path / "a")
    told(old / "encoding", tmp_path / "b")
    files = {
        name: {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*")}
        for name in ("a", "b")
    }  # fmt: skip
    assert files["a"] == files["b"]


def test_voxels_that_are_no_number_are_left_out(tmp_path):
    cc = np.full(50, 0.5)
    cc[:5] = np.nan
    write(tmp_path / "old" / PLACE, cc=cc)
    told(tmp_path / "old", tmp_path / "new")
    fit = open_results(str(tmp_path / "new")).fits.iloc[0]
    assert (fit.voxels, fit.left_out, fit.mean_r) == (45, 5, 0.5)


def test_a_tree_of_ours_comes_back_with_regions_and_maps(words_store, words_root, tmp_path):
    """Names of arrays are the same: what the sweep's tables say is what is read from its arrays."""
    for path in words_store.rglob("encoding/**/*.npy"):
        if path.name.startswith(FILES):
            place = tmp_path / "old" / path.relative_to(words_store)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    told(tmp_path / "old", tmp_path / "new", "--root", words_root)
    keys = ["subject", "annotation"]
    before, after = (
        open_results(str(root)).fits.sort_values(keys).reset_index(drop=True)
        for root in (words_store, tmp_path / "new")
    )
    for name in (*keys, "mean_r", "mean_cv_r", "median_r", "max_r", "significant", "voxels"):
        assert list(before[name]) == list(after[name]), name
    rows = [open_results(str(root)).voxels() for root in (words_store, tmp_path / "new")]
    assert set(rows[0].roi) == set(rows[1].roi)
    assert (tmp_path / "new" / "space" / f"{before.subject[0]}.npz").exists()


def test_what_cannot_be_imported_is_refused(old, tmp_path, words_store, words_root):
    words = refused(tmp_path / "old" / "encoding" / "DM01" / "nothing", tmp_path / "new")
    assert "no results of drama2brain" in words
    assert not (tmp_path / "new").exists()
    assert "holds the results of a sweep" in refused(old, words_store)
    assert "are one folder" in refused(old, old)
    words = refused(old, tmp_path / "new", "--root", words_root)
    assert "results of 50 voxels, but the data set has" in words


def test_a_subject_that_the_data_set_does_not_have(old, tmp_path):
    def voxels_of(subject):
        raise DataError(f"no subject {subject}")

    with pytest.raises(DataError, match="no subject DM01"):
        import_results(Store(str(old)), Store(str(tmp_path / "new")), voxels_of)
