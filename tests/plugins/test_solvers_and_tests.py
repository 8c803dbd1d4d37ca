"""A solver and tests from outside the package: found by name, imported when named, told when broken."""

from __future__ import annotations

import os

import forked
import numpy as np
import pytest
from problems import COMMON
from scipy.stats import pearsonr
from sklearn.linear_model import Ridge
from toy_stats_package import write_toy_stats

from cluster import plain_environment
from d2b_ray.store import Store

ALPHA, SEED = 25.0, 5
ONE_FIT = (
    "dataset.subjects=[S1, S2]", "features.llm.annotation=story", "features.llm.layers=[1]",
    "compare=[]", f"fits.0.alphas=[{ALPHA}, 100.0]", f"significance.seed={SEED}",
    "output.save=[scores, pvalues, coef, predictions]",
)  # fmt: skip


class Lab:
    """A sweep over the common data set, and a command line that has the toy package installed."""

    def __init__(self, data, folder):
        self.data, self.out, self.mark = data, folder / "out", folder / "imported"
        self.packages = write_toy_stats(folder / "packages")
        self.spec = folder / "sweep.yaml"
        self.spec.write_text(COMMON.format(root=data, out=self.out))

    def __call__(self, verb, *overrides, options=()):
        sets = [word for override in overrides for word in ("--set", override)]
        path = f"{self.packages}:{os.environ.get('PYTHONPATH', '')}"
        variables = plain_environment(TOY_MARK=str(self.mark), PYTHONPATH=path)
        return forked.d2b_ray(verb, self.spec, *sets, *options, variables=variables)

    def run(self, *overrides):
        done = self("run", *ONE_FIT, *overrides, options=("--engine", "inline"))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, parts):
        """Delayed features and responses of S1 in some parts, as the sweep asks for them."""
        x, y = [], []
        for part in parts:
            (path,) = self.data.glob(f"**/*story*/**/layer1/Play_{part:03d}.npy")
            x.append(np.concatenate([np.zeros((3, 8)), np.load(path)])[:160])
            y.append(np.load(self.data / "responses" / "S1" / f"Play_{part:03d}.npy"))
        return np.concatenate(x), np.concatenate(y)

    def found(self):
        """Of the fit of S1: its row of the table of fits, its arrays by name, its rows of voxels."""
        store = Store(str(self.out))
        table = store.read_table("tables/fits.parquet").to_pylist()
        (fit,) = [row for row in table if row["subject"] == "S1"]
        arrays = {
            name: store.read_array(f"{fit['folder']}/{name}_raw.npy")
            for name in ("coef", "preds_val", "intercept", "cc")
        }
        return fit, arrays, store.read_table(f"tables/voxels/S1/{fit['fit']}.parquet")


@pytest.fixture
def lab(common_root, tmp_path):
    return Lab(common_root, tmp_path)


def test_a_sweep_with_a_solver_and_a_null_of_a_lab(lab):
    names = ("fits.0.solver=fixed", "significance.test=signs", "significance.correction=max")
    lab.run(*names, "significance.permutations=20")
    more = lab.run(*names, "significance.permutations=40")
    assert "2 null" in more  # one range for each of two subjects: the first twenty lie counted
    fit, arrays, table = lab.found()
    (x, y), (held, measured) = lab.rows(range(1, 5)), lab.rows((5, 6))
    centre = x.mean(0)
    model = Ridge(alpha=ALPHA, fit_intercept=False).fit(x - centre, y)
    np.testing.assert_allclose(arrays["coef"], model.coef_.T, rtol=1e-4, atol=1e-5)
    expected = model.predict(held - centre)
    np.testing.assert_allclose(arrays["preds_val"], expected, atol=1e-4)
    np.testing.assert_allclose(arrays["intercept"], y.mean(0, dtype=float), atol=1e-9)
    r = [pearsonr(a, b)[0] for a, b in zip(arrays["preds_val"].T, measured.T, strict=True)]
    np.testing.assert_allclose(arrays["cc"], r, atol=1e-6)
    assert (table["alpha"].to_numpy() == ALPHA).all()
    assert '"solver": "fixed"' in (lab.out / fit["folder"] / "fit.json").read_text()

    a, b = (s - s.mean(0, dtype=float) for s in (arrays["preds_val"], measured))
    a, b = a / a.std(0), b / b.std(0)
    flips = [np.random.default_rng([SEED, n]).choice([-1, 1], (320, 1)) for n in range(40)]
    null = np.stack([(a * flip * b).mean(0) for flip in flips])
    p = (1 + (null >= (a * b).mean(0)).sum(0)) / 41
    np.testing.assert_allclose(table["p"].to_numpy(), p, rtol=1e-6)
    assert (p[:8] == 1 / 41).all()  # the driven voxels
    fwe = (1 + (null.max(1)[:, None] >= arrays["cc"]).sum(0)) / 41
    np.testing.assert_allclose(table["p_fwe"].to_numpy(), fwe, rtol=1e-6)


def test_a_sweep_with_a_formula_of_a_lab(lab):
    assert "null" not in lab.run("significance.test=student")
    _, arrays, table = lab.found()
    measured = lab.rows((5, 6))[1]
    pairs = zip(arrays["preds_val"].T.astype(float), measured.T.astype(float), strict=True)
    wanted = [pearsonr(a, b, alternative="greater").pvalue for a, b in pairs]
    np.testing.assert_allclose(table["p"].to_numpy(), wanted, rtol=1e-5, atol=1e-30)


def test_what_a_lab_adds_has_a_price(lab):
    done = lab("plan", *ONE_FIT, "fits.0.solver=fixed", "significance.test=student")
    assert done.returncode == 0, done.stderr
    counts = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()[2:]}
    assert (counts["fit"], counts["commit"]) == ("2", "2")
    assert not {"factorize", "null"} & counts.keys()  # nothing is prepared, nothing drawn


@pytest.mark.parametrize(
    ("override", "key", "got", "allowed"),
    [
        (
            "fits.0.solver=fixd", "fits.0.solver", "fixd",
            "one of: auto, ridge, kernel_ridge, himalaya, broken, fixed",
        ),
        (
            "significance.test=sign", "significance.test", "sign",
            "one of: block, gauss, parametric, none, broken, signs, student",
        ),
        (
            "significance={test: student, correction: max}", "significance.correction", "max",
            "fdr_bh or fdr_by where test is student (max needs permutations)",
        ),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_told_with_what_is(lab, override, key, got, allowed):
    done = lab("check", override)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f'd2b-ray: {lab.spec} (--set): {key}: got "{got}"; must be {allowed}\n'


def test_a_sweep_that_names_nothing_of_a_lab_imports_nothing_of_it(lab):
    lab.run("significance.permutations=20")
    assert not lab.mark.exists()
    assert lab("check", "fits.0.solver=fixed").returncode == 0
    assert lab.mark.exists()


@pytest.mark.parametrize(
    ("key", "what"),
    [("fits.0.solver", "solver of kind ridge"), ("significance.test", "test")],
)
@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_lab_whose_package_is_broken_is_told_in_one_line(lab, key, what, verb):
    done = lab(verb, f"{key}=broken")
    attribute = "SOLVER" if "solver" in key else "TEST"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"d2b-ray: {lab.spec} (--set): {key}: {what} 'broken': toy_stats.broken:{attribute} of the "
        "package toy-stats 0.1 cannot be imported (ModuleNotFoundError: No module named "
        "'a_library_that_nobody_has'); mend or uninstall it\n"
    )
    assert not lab.out.exists()
