"""Results in Python: what a notebook asks for, against the files themselves; what a wrong word says."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import yaml
from problems import common_sweep
from sklearn.utils.estimator_checks import check_estimator
from stores import assert_equal_stores

import d2b_ray
from d2b_ray.design import Delays, delay
from d2b_ray.errors import DataError, FitError, SpecError
from d2b_ray.spec import to_yaml
from d2b_ray.steps.table import STEPS
from d2b_ray.store import Store

ONE = {"subject": "S2", "annotation": "story", "layer": 2}


@pytest.fixture(scope="module")
def results(common_store):
    return d2b_ray.open_results(str(common_store))


def test_tables_are_those_of_the_store(results, common_store):
    store = Store(str(common_store))
    assert len(results.fits) == 4 * 4
    assert results.fits.fit.tolist() == store.read_table("tables/fits.parquet")["fit"].to_pylist()
    voxels = results.voxels(annotation="story", layer=[1, 2])
    assert len(voxels) == 2 * 4 * 24
    assert set(voxels.subject) == {"S1", "S2", "S3", "S4"}
    means = voxels.groupby("fit", observed=True).r.mean()
    told = results.fits.set_index("fit").mean_r
    np.testing.assert_allclose(means, told[means.index], rtol=1e-6)
    assert len(results.comparisons)
    assert repr(results).endswith(": 16 fits)")


def test_an_array_of_one_fit(results, common_store):
    fit = results.fit(**ONE)
    found = results.array("cc", **ONE)
    np.testing.assert_array_equal(found, np.load(common_store / fit["folder"] / "cc_raw.npy"))
    np.testing.assert_array_equal(found, results.voxels(**ONE).r.to_numpy(np.float32))
    assert results.array("noise_ceiling", **ONE).shape == found.shape
    with pytest.raises(SpecError, match=r"has no such array; it has .*cc, .*\(output\.save\)"):
        results.array("coef", **ONE)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            {"subject": "S2"},
            "4 fits are so; must be one: say annotation: speech, story; layer: 1, 2",
        ),
        ({"subject": "S9"}, "0 fits are so; must be one"),
        ({"colour": "red"}, "colour: is no column of the table of fits; allowed: fit, subject"),
    ],
)
def test_a_wrong_choice_says_what_there_is(results, where, words):
    with pytest.raises(SpecError) as told:
        results.fit(**where)
    assert words in str(told.value)


def test_an_image_holds_the_column_where_the_voxels_lie(results):
    values = np.asarray(results.image("r", **ONE).dataobj)
    r = results.voxels(**ONE).r.to_numpy(np.float32)
    assert sorted(values[np.isfinite(values)].tolist()) == sorted(r.tolist())
    with pytest.raises(SpecError, match="--map colour: allowed: r, r_low"):
        results.image("colour", **ONE)


def test_no_results_are_one_line(tmp_path):
    with pytest.raises(DataError, match=r"fits\.parquet is not there: no sweep has ended in"):
        d2b_ray.open_results(tmp_path)


def test_a_sweep_from_a_mapping(common_root, common_store, tmp_path, capsys):
    sweep = yaml.safe_load(to_yaml(common_sweep(common_root, tmp_path / "out")))
    sweep["output"]["root"] = tmp_path / "out"  # a path is as good as its name
    results = d2b_ray.run(sweep, engine="inline")
    assert "to do" in capsys.readouterr().out
    assert_equal_stores(common_store, tmp_path / "out")
    assert len(results.fits) == 16
    sweep["output"]["root"] = str(tmp_path / "out")
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    d2b_ray.run(str(tmp_path / "sweep.yaml"), engine="inline", quiet=True)
    assert capsys.readouterr().out == ""
    with pytest.raises(SpecError, match="fits"):
        d2b_ray.run({**sweep, "fits": 3}, engine="inline")
    with pytest.raises(SpecError, match="is of type object; must be text, a number"):
        d2b_ray.run({**sweep, "name": object()}, engine="inline")


def test_units_that_fail_are_told(common_root, tmp_path, monkeypatch):
    def broken(*args):
        raise ValueError("not today")

    monkeypatch.setitem(STEPS, "fit", broken)
    sweep = yaml.safe_load(to_yaml(common_sweep(common_root, tmp_path / "out")))
    with pytest.raises(
        FitError, match=r"\d+ units failed and \d+ were skipped; `d2b-ray status .*out`"
    ):
        d2b_ray.run(sweep, engine="inline", quiet=True)


def test_names_at_the_top_are_lazy_and_there():
    code = (
        "import sys, d2b_ray\n"
        "heavy = {'ray', 'torch', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert all(getattr(d2b_ray, name) is not None for name in d2b_ray.__all__)\n"
        "assert set(d2b_ray.__all__) <= set(dir(d2b_ray))\n"
        "assert 'ray' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        d2b_ray.nothing  # noqa: B018


def test_the_delayer_is_the_design(rng):
    x = rng.standard_normal((30, 3)).astype(np.float32)
    for combine in ("concat", "mean"):
        found = d2b_ray.Delayer(1, 3, combine).fit_transform(x)
        np.testing.assert_array_equal(found, delay(x, Delays(1, 3, combine)))
    runs = np.repeat(["a", "b"], 15)
    apart = d2b_ray.Delayer(1, 3).fit(x).transform(x, runs)
    np.testing.assert_array_equal(apart[15:], d2b_ray.Delayer(1, 3).fit_transform(x[15:]))
    with pytest.raises(ValueError, match="must be"):
        d2b_ray.Delayer().fit(x).transform(x, runs[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of checks that it skips
        found = check_estimator(d2b_ray.Delayer(1, 2), on_fail=None)
    failed = {check["check_name"] for check in found if check["status"] == "failed"}
    assert failed <= {
        "check_transformer_general",  # float32 by design
        "check_transformer_preserve_dtypes",
        "check_methods_sample_order_invariance",  # rows are times
        "check_methods_subset_invariance",
    }
