"""Laws over random shapes, folds, penalties, ranks and scales, with himalaya as the judge."""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np
import pytest
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV as TheirKernelRidgeCV
from himalaya.ridge import RidgeCV as TheirRidgeCV
from himalaya.scoring import correlation_score
from hypothesis import given, settings
from hypothesis import strategies as st

from d2b_ray.encoding import BandedRidgeCV, KernelRidgeCV, RidgeCV, Search


def arrays(seed, n, p, voxels, rank, folds, scale):
    """Features of some rank and scale, responses of signal and noise, groups of unequal length."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p)) / np.sqrt(rank)
    y = x @ rng.standard_normal((p, voxels)) / np.sqrt(p) + rng.standard_normal((n, voxels))
    groups = np.sort(np.concatenate([np.arange(folds), rng.integers(0, folds, n - folds)]))
    return (scale * x).astype(np.float32), y.astype(np.float32), groups


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 99),
    n=st.integers(24, 90),
    p=st.integers(1, 60),
    voxels=st.integers(1, 5),
    share=st.floats(0.3, 1.0),
    folds=st.integers(2, 5),
    power=st.integers(-6, 6),
    intercept=st.booleans(),
)
def test_the_best_of_himalaya_is_found(seed, n, p, voxels, share, folds, power, intercept):
    scale = 10.0**power
    x, y, groups = arrays(seed, n, p, voxels, max(1, int(share * p)), folds, scale)
    alphas = scale**2 * np.logspace(-1, 4, 6)  # penalties that float32 can tell apart
    backend = set_backend("torch")
    cv = [(np.flatnonzero(groups != g), np.flatnonzero(groups == g)) for g in np.unique(groups)]
    if any(len(held) < 3 for _, held in cv):
        return  # a correlation over two rows is a sign
    centred = (x.astype(np.float64) - x.mean(0, dtype=np.float64)).astype(np.float32)
    options = {"alphas": alphas, "cv": cv, "fit_intercept": intercept}
    solver_params = {"score_func": correlation_score}
    if n >= p:
        theirs = TheirRidgeCV(solver_params=solver_params, **options).fit(centred, y)
        coef = backend.to_numpy(theirs.coef_)
    else:
        theirs = TheirKernelRidgeCV(kernel="linear", solver_params=solver_params, **options).fit(
            centred, y
        )
        coef = backend.to_numpy(theirs.get_primal_coef())
    estimator = RidgeCV if n >= p else KernelRidgeCV
    mine = estimator(alphas, fit_intercept=intercept).fit(x, y, groups)
    np.testing.assert_allclose(mine.cv_scores_, backend.to_numpy(theirs.cv_scores_), atol=2e-3)
    same = np.isclose(mine.best_alphas_, backend.to_numpy(theirs.best_alphas_), rtol=1e-3, atol=0)
    size = np.abs(coef).max()
    np.testing.assert_allclose(mine.coef_[:, same], coef[:, same], atol=5e-3 * size)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 99), n=st.integers(24, 60), p=st.integers(1, 80), folds=st.integers(2, 4)
)
def test_primal_and_kernel_are_one_model(seed, n, p, folds):
    x, y, groups = arrays(seed, n, p, 3, min(p, n // 2), folds, 1.0)
    alphas = np.logspace(-2, 3, 6)
    primal, dual = (model(alphas).fit(x, y, groups) for model in (RidgeCV, KernelRidgeCV))
    np.testing.assert_allclose(primal.cv_scores_, dual.cv_scores_, atol=2e-5)
    same = primal.best_alphas_ == dual.best_alphas_
    np.testing.assert_allclose(primal.coef_[:, same], dual.coef_[:, same], atol=1e-4)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 99), power=st.integers(-6, 6))
def test_the_scale_of_features_and_penalties_is_nothing(seed, power):
    x, y, groups = arrays(seed, 60, 12, 4, 12, 3, 1.0)
    alphas = np.logspace(-2, 4, 7)
    factor = 2.0 ** (3 * power)  # exact in binary, so that no rounding differs
    one = RidgeCV(alphas).fit(x, y, groups)
    other = RidgeCV(alphas * factor**2).fit(x * np.float32(factor), y, groups)
    np.testing.assert_array_equal(other.best_alphas_, one.best_alphas_ * factor**2)
    np.testing.assert_allclose(other.coef_ * factor, one.coef_, rtol=1e-4, atol=1e-6)


MEMORY = """
import resource, sys
import numpy as np
from d2b_ray.encoding import BandedRidgeCV, KernelRidgeCV, RidgeCV, Search
kind, budget, n, p, voxels = sys.argv[1], *map(int, sys.argv[2:])
rng = np.random.default_rng(0)
x = rng.standard_normal((n, p), dtype=np.float32)
y = rng.standard_normal((n, voxels), dtype=np.float32)
groups = np.arange(n) * 4 // n
make = {"ridge": RidgeCV, "kernel": KernelRidgeCV}.get(kind)
options = {"memory_budget_bytes": budget}
warm = RidgeCV(**options).fit(x[:64, :8], y[:64, :8], groups[:64] + np.arange(64) // 16)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if kind == "banded":
    BandedRidgeCV((p // 2, p // 2), search=Search(n_iter=2), **options).fit(x, y, groups)
else:
    make(**options).fit(x, y, groups)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize("kind", ["ridge", "kernel", "banded"])
def test_memory_is_inputs_and_outputs_and_budget(kind):
    n, p, voxels = (6000, 100, 5_000) if kind != "kernel" else (600, 1200, 15_000)
    budget = 25_000_000
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, kind, str(budget), str(n), str(p), str(voxels)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    used = int(done.stdout)
    inputs = 4 * n * (p + voxels)  # the sorted copies of X and Y that an estimator makes
    outputs = 4 * p * voxels + 8 * 6 * voxels
    shared = 8 * 12 * min(n, p) ** 2 + 8 * n * p  # the factorization
    assert used < inputs + outputs + shared + 1.5 * budget
    assert resource.getpagesize()


def test_unique_variance_is_that_of_the_band():
    """Two bands with known shares: what one adds is what is lost without it."""
    from d2b_ray.arrays import Band, Design
    from d2b_ray.encoding import fit_banded

    rng = np.random.default_rng(1)
    n, width, voxels = 900, 6, 40
    a, b, c = (rng.standard_normal((n, width)) for _ in range(3))
    unit = [w / np.linalg.norm(w, axis=0) for w in rng.standard_normal((2, width, voxels))]
    y = a @ unit[0] + np.sqrt(0.5) * b @ unit[1] + rng.standard_normal((n, voxels))
    x = np.concatenate([a, b, c], axis=1).astype(np.float32)
    bands = tuple(Band(name, 6 * k, 6 * k + 6) for k, name in enumerate("abc"))
    design = Design(x[:600], x[600:], np.arange(600) // 150, bands)
    y = y.astype(np.float32)
    fit = fit_banded(
        design, y[:600], y[600:], names=("a", "b", "c"), alphas=np.logspace(-1, 3, 5),
        search=Search(n_iter=20), unique=True, without=True,
    )  # fmt: skip
    total = 1 + 0.5 + 1
    found = fit.bands.unique.mean(1)
    np.testing.assert_allclose(found, [1 / total, 0.5 / total, 0], atol=0.03)
    assert fit.bands.without.shape == (3, 300, voxels)
    for lost, prediction in zip(fit.bands.unique, fit.bands.without, strict=True):
        r = np.array(
            [np.corrcoef(x, y)[0, 1] for x, y in zip(prediction.T, y[600:].T, strict=True)]
        )
        np.testing.assert_allclose(lost, fit.r * abs(fit.r) - r * abs(r), atol=1e-5)
    model = BandedRidgeCV((6, 6, 6), np.logspace(-1, 3, 5), search=Search(n_iter=20))
    model.fit(x[:600], y[:600], np.arange(600) // 150)
    np.testing.assert_allclose(model.score_voxels(x[600:], y[600:]), fit.r, atol=1e-5)
