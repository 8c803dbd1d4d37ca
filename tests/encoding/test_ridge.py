"""Ridge against the old code, himalaya, scikit-learn and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import arrays
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from d2b_ray.arrays import Band, Design
from d2b_ray.encoding import KernelRidgeCV, RidgeCV, correlation, factorize, fit_ridge
from d2b_ray.encoding.fit import solve
from d2b_ray.errors import FitError

ALPHAS = np.logspace(-12, 12, 25)


def problem(n=240, p=30, voxels=17, groups=4, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p)) * np.arange(1, p + 1) ** -0.7 + 3
    y = x @ rng.standard_normal((p, voxels)) + rng.standard_normal((n, voxels)) * 2
    return x.astype(np.float32), y.astype(np.float32), np.arange(n) * groups // n


def brute_force(x, y, groups, alphas, *, fit_intercept=True):
    """Every fold, every penalty, by scikit-learn, in float64."""
    x = x.astype(float) - x.astype(float).mean(0)
    scores = np.zeros((len(alphas), y.shape[1]))
    folds = list(LeaveOneGroupOut().split(x, y, groups))
    for train, held in folds:
        for row, alpha in enumerate(alphas):
            model = Ridge(alpha=alpha, fit_intercept=fit_intercept, solver="svd")
            model.fit(x[train], y[train])
            scores[row] += correlation(model.predict(x[held]), y[held])
    return scores / len(folds)


@pytest.mark.parametrize("case", ["mono_primal", "mono_kernel"])
@pytest.mark.parametrize("estimator", [RidgeCV, KernelRidgeCV])
def test_golden(case, estimator):
    golden = arrays(case)
    groups = np.repeat(np.arange(4), golden["fold_sizes"])
    model = estimator(golden["alphas"], fit_intercept=False)
    model.fit(golden["x_train"], golden["y_train"], groups)
    np.testing.assert_allclose(model.cv_scores_, golden["cv_scores"], atol=2e-4)
    same = np.isclose(model.best_alphas_, golden["best_alphas"], rtol=1e-3, atol=0)
    # where alphas differ the scores at both are equal to float32: neither is better
    assert np.abs(model.cv_scores_ - golden["cv_scores"])[~same].max(initial=0) < 1e-5
    assert same.mean() > 0.7  # the others are ties
    # the old kernel is float32: its rounding grows as 1 / alpha (ours agrees with float64 below)
    same &= (model.best_alphas_ >= 1) | (case == "mono_primal")
    assert same.mean() > 0.7
    scale = np.abs(golden["coef"][:, same]).max()
    np.testing.assert_allclose(
        model.coef_[:, same] / scale, golden["coef"][:, same] / scale, atol=1e-3
    )
    found = model.predict(golden["x_val"])[:, same]
    np.testing.assert_allclose(found, golden["pred_val"][:, same], atol=3e-4)
    score = model.score_voxels(golden["x_val"], golden["y_val"])[same]
    np.testing.assert_allclose(score, golden["score"][same], atol=2e-4)


@pytest.mark.parametrize(("n", "p"), [(240, 30), (60, 90), (100, 40)])
@pytest.mark.parametrize("estimator", [RidgeCV, KernelRidgeCV])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_against_scikit_learn(n, p, estimator, fit_intercept):
    x, y, groups = problem(n, p)
    alphas = np.logspace(-3, 5, 9)
    scores = brute_force(x, y, groups, alphas, fit_intercept=fit_intercept)
    model = estimator(alphas, fit_intercept=fit_intercept).fit(x, y, groups)
    np.testing.assert_allclose(model.cv_scores_, scores.max(0), atol=1e-5)
    np.testing.assert_array_equal(model.best_alphas_, alphas[scores.argmax(0)])
    voxel = 3
    own = Ridge(alpha=model.best_alphas_[voxel], fit_intercept=fit_intercept, solver="svd")
    own.fit(x.astype(float) - x.astype(float).mean(0), y[:, voxel])
    expected = own.predict(x - x.astype(float).mean(0))
    np.testing.assert_allclose(model.predict(x)[:, voxel], expected, atol=1e-4)
    linear = x.astype(float) @ model.coef_ + model.intercept_
    np.testing.assert_allclose(linear[:, voxel], expected, atol=1e-3)
    np.testing.assert_allclose(model.coef_[:, voxel], own.coef_, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "name"), [(300, "ridge"), (100, "kernel_ridge")])
def test_against_himalaya(intercept, n, name):
    x, y, groups = problem(n, 40 if name == "ridge" else 150, 60)
    if intercept:  # without, their float32 loses a baseline's digits
        y += np.linspace(-8, 8, 60).astype(np.float32)

    def run(solver):
        return solve(
            x, y, groups, factorization=None, alphas=ALPHAS, solver=solver, device="cpu",
            memory_budget_bytes=1 << 28, intercept=intercept,
        )[0]  # fmt: skip

    mine, theirs = run(name), run("himalaya")
    np.testing.assert_allclose(mine.cv_r, theirs.cv_r, atol=3e-4)  # theirs is float32
    same = np.isclose(mine.alpha, theirs.alpha, rtol=1e-3, atol=0)
    assert same.mean() > (0.7 if name == "ridge" else 0.4)  # the others are ties
    # they compute in float32: a kernel loses its digits below 10, and all below what is next to no penalty
    same &= mine.alpha >= (1e-3 if name == "ridge" else 10)
    assert same.mean() > (0.7 if name == "ridge" else 0.3)
    np.testing.assert_allclose(mine.coef[:, same], theirs.coef[:, same], atol=3e-3)


def test_orthonormal_design_shrinks_by_a_known_factor():
    rng = np.random.default_rng(0)
    x = np.linalg.qr(rng.standard_normal((200, 5)) - 0.0)[0]
    x -= x.mean(0)
    x = np.linalg.qr(x)[0].astype(np.float32)  # centred and orthonormal
    y = rng.standard_normal((200, 3)).astype(np.float32)
    model = RidgeCV([0.5]).fit(x, y, np.arange(200) // 50)
    np.testing.assert_allclose(model.coef_, x.T @ y / 1.5, atol=1e-5)


def test_row_order_does_not_matter():
    x, y, groups = problem()
    shuffled = np.random.default_rng(1).permutation(len(x))
    one = RidgeCV(ALPHAS).fit(x, y, groups)
    other = RidgeCV(ALPHAS).fit(x[shuffled], y[shuffled], groups[shuffled])
    np.testing.assert_allclose(one.cv_scores_, other.cv_scores_, atol=1e-6)


def test_batches_change_nothing():
    x, y, groups = problem(voxels=600)
    one, small = (
        RidgeCV(ALPHAS, memory_budget_bytes=budget).fit(x, y, groups) for budget in (1 << 30, 1)
    )
    np.testing.assert_array_equal(one.best_alphas_, small.best_alphas_)
    np.testing.assert_allclose(one.coef_, small.coef_, atol=1e-6)


def test_shared_factorization_is_the_same_fit():
    x, y, groups = problem()
    design = Design(x, x[:50], groups, (Band("all", 0, x.shape[1]),))
    made = factorize(x, groups)
    for array in (x, y, made.full.vectors):
        array.flags.writeable = False  # as they come out of an object store
    shared = fit_ridge(design, y, y[:50], factorization=made, alphas=ALPHAS)
    alone = fit_ridge(design, y, y[:50], alphas=ALPHAS)
    np.testing.assert_array_equal(shared.coef, alone.coef)
    np.testing.assert_allclose(shared.r, correlation(shared.prediction, y[:50]), atol=1e-7)
    assert shared.details["solver"] == "ridge"


def test_repeated_columns_and_constant_voxels():
    x, y, groups = problem()
    doubled = np.concatenate([x, x], axis=1)
    y[:, 2] = 5.0
    model = RidgeCV(ALPHAS).fit(doubled, y, groups)
    assert np.isfinite(model.coef_).all()
    assert model.cv_scores_[2] == 0
    once = RidgeCV(ALPHAS).fit(x, y, groups)
    np.testing.assert_allclose(model.cv_scores_, once.cv_scores_, atol=2e-2)


def test_few_distinct_rows_as_captions_make_them():
    rng = np.random.default_rng(3)
    texts = rng.standard_normal((24, 60)).astype(np.float32)
    x = texts[np.sort(rng.integers(0, 24, 400))]
    y = (x @ rng.standard_normal((60, 9)) + rng.standard_normal((400, 9))).astype(np.float32)
    groups = np.arange(400) // 100
    alphas = np.logspace(-3, 5, 9)
    primal, dual = (e(alphas).fit(x, y, groups) for e in (RidgeCV, KernelRidgeCV))
    scores = brute_force(x, y, groups, alphas)
    np.testing.assert_allclose(primal.cv_scores_, scores.max(0), atol=1e-5)
    np.testing.assert_allclose(dual.cv_scores_, scores.max(0), atol=1e-5)


def test_in_a_pipeline():
    x, y, groups = problem()
    alphas = np.logspace(-3, 5, 9)
    chain = make_pipeline(StandardScaler(), RidgeCV(alphas))
    chain.fit(x, y, ridgecv__groups=groups)
    scaled = StandardScaler().fit_transform(x)
    alone = RidgeCV(alphas).fit(scaled, y, groups)
    np.testing.assert_allclose(chain.predict(x), alone.predict(scaled), atol=1e-5)


def test_of_tied_penalties_the_first_is_chosen():
    x, y, groups = problem()
    model = RidgeCV([3.0, 3.0, 3.0]).fit(x, y, groups)
    assert (model.best_alphas_ == 3.0).all()
    far = RidgeCV([1e20, 1e21, 1e22]).fit(x, y, groups)  # all weights alike up to scale
    assert (far.best_alphas_ == 1e20).all()


def test_one_feature_and_one_voxel():
    x, y, groups = problem(p=1, voxels=1)
    for estimator in (RidgeCV, KernelRidgeCV):
        model = estimator([1.0]).fit(x, y, groups)
        centred = (x - x.mean(0)).astype(float)
        expected = centred.T @ (y - y.mean(0)) / ((centred**2).sum() + 1)
        np.testing.assert_allclose(model.coef_, expected, rtol=1e-4)


def test_scikit_learn_knows_the_parameters():
    model = clone(KernelRidgeCV([1.0, 2.0], memory_budget_bytes=5))
    assert model.get_params() == {
        "alphas": [1.0, 2.0], "fit_intercept": True, "cv": 5, "device": "cpu",
        "memory_budget_bytes": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": np.zeros(240)}, "needs 2 groups"),
        ({"alphas": [0.0]}, "finite numbers above 0"),
        ({"y": np.full((240, 3), np.nan, np.float32)}, "voxel 0 .* not finite"),
        ({"y": np.zeros((10, 3), np.float32)}, r"expected \(240, voxels\)"),
        ({"x": np.ones((240, 4), np.float32)}, "constant"),
    ],
)
def test_bad_input_is_one_line(change, words):
    x, y, groups = problem()
    given = {"x": x, "y": y, "groups": groups, "alphas": ALPHAS} | change
    if len(given["y"]) == 10:
        given["groups"] = groups
    with pytest.raises(FitError, match=words) as caught:
        solve(
            given["x"], given["y"], given["groups"], factorization=None, alphas=given["alphas"],
            solver="ridge", device="cpu", memory_budget_bytes=1 << 20,
        )  # fmt: skip
    assert "\n" not in str(caught.value)
