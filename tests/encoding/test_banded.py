"""Banded ridge against the old code and himalaya, and laws of the search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from golden_cases import arrays, description
from himalaya.backend import set_backend
from himalaya.kernel_ridge import generate_dirichlet_samples
from himalaya.ridge import GroupRidgeCV
from himalaya.scoring import correlation_score, correlation_score_split

from d2b_ray.encoding import (
    BandedRidgeCV,
    KernelRidgeCV,
    RidgeCV,
    Search,
    banded,
    correlation,
    split_correlation,
)
from d2b_ray.encoding.dirichlet import dirichlet_samples
from d2b_ray.encoding.grams import Grams
from d2b_ray.errors import FitError
from d2b_ray.significance import block_null, p_values

ALPHAS = np.logspace(-12, 12, 25)
FACTORS, SOME = Grams.factors, banded.some_responses


def golden(case):
    found = arrays(case)
    bands = sum(name.startswith("x_train_band") for name in found)
    side = {
        part: np.concatenate([found[f"x_{part}_band{b}"] for b in range(bands)], axis=1)
        for part in ("train", "val")
    }
    widths = [found[f"x_train_band{b}"].shape[1] for b in range(bands)]
    groups = np.repeat(np.arange(len(found["fold_sizes"])), found["fold_sizes"])
    return found, side["train"], side["val"], widths, groups


@pytest.mark.parametrize("case", ["banded_primal", "banded_kernel"])
@pytest.mark.parametrize("form", ["primal", "kernel"])
def test_golden(case, form):
    found, x, held, widths, groups = golden(case)
    search = Search(n_iter=description(case)["n_iter"])
    model = BandedRidgeCV(widths, ALPHAS, search=search, form=form, fit_intercept=False)
    model.fit(x, found["y_train"], groups)
    # The old kernels are float32: penalties below their rounding were barred, or were rounding.
    sure = model.best_alphas_ >= (1e-2 if case == "banded_kernel" else 0)
    assert sure.mean() > 0.8
    score = model.score_voxels(held, found["y_val"])
    np.testing.assert_allclose(score[sure], found["score_all"][sure], atol=5e-4)
    np.testing.assert_allclose(
        model.predict(held)[:, sure], found["pred_all"][:, sure], atol=3e-3, rtol=1e-3
    )
    split = model.score_split(held, found["y_val"])
    predictions = model.predict_split(held)
    for number, band in enumerate(model.bands):
        np.testing.assert_allclose(
            split[number, sure], found[f"score_band{number}"][sure], atol=5e-4
        )
        np.testing.assert_allclose(
            predictions[number][:, sure], found[f"pred_band{number}"][:, sure], atol=3e-3, rtol=1e-3
        )
        coef, own = found[f"coef_band{number}"], model.coef_[band.start : band.stop]
        np.testing.assert_allclose(
            own[:, sure], coef[:, sure], atol=2e-3 * max(1.0, np.abs(coef).max())
        )


def problem(n=200, widths=(12, 20, 8), voxels=30, seed=0, noise=2.0):
    rng = np.random.default_rng(seed)
    bands = [rng.standard_normal((n, width)) for width in widths]
    y = sum(
        band @ rng.standard_normal((band.shape[1], voxels)) * rng.choice([0, 0.3, 1], voxels)
        for band in bands
    ) + noise * rng.standard_normal((n, voxels))
    x = np.concatenate(bands, axis=1).astype(np.float32)
    return x, y.astype(np.float32), np.arange(n) * 4 // n


def test_samples_are_himalayas():
    set_backend("numpy")
    theirs = generate_dirichlet_samples(31, 4, concentration=[0.1, 1.0], random_state=7)
    mine = dirichlet_samples(31, 4, seed=7)
    np.testing.assert_allclose(mine[1:], theirs[1:], rtol=1e-12)
    np.testing.assert_allclose(mine.sum(1), 1)
    assert mine[0].tolist() == [0.25] * 4


@pytest.mark.parametrize("form", ["primal", "kernel"])
@pytest.mark.parametrize("intercept", [True, False])
def test_against_himalaya(form, intercept):
    x, y, groups = problem()
    y += np.linspace(-8, 8, y.shape[1]).astype(np.float32)  # a baseline a voxel
    widths = (12, 20, 8)
    cv = [(np.flatnonzero(groups != g), np.flatnonzero(groups == g)) for g in range(4)]
    backend = set_backend("torch")
    centred = (x - x.mean(0)).astype(np.float32)
    edges = np.cumsum((0, *widths))
    theirs = GroupRidgeCV(
        groups="input", cv=cv, random_state=3, fit_intercept=intercept,
        solver_params={
            "n_iter": 12, "alphas": np.logspace(-3, 5, 9), "score_func": correlation_score,
            "progress_bar": False, "warn": False,
        },
    ).fit([centred[:, a:b] for a, b in itertools.pairwise(edges)], y)  # fmt: skip
    search = Search(n_iter=12, seed=3)
    mine = BandedRidgeCV(
        widths, np.logspace(-3, 5, 9), search=search, form=form, fit_intercept=intercept
    ).fit(x, y, groups)
    np.testing.assert_allclose(mine.search_scores_, backend.to_numpy(theirs.cv_scores_), atol=2e-5)
    deltas = backend.to_numpy(theirs.deltas_)
    same = (np.isclose(mine.deltas_, deltas, atol=1e-3) | (deltas < -60)).all(0)
    assert same.mean() > 0.9  # the others: two candidates or penalties with equal scores
    coef = backend.to_numpy(theirs.coef_)
    np.testing.assert_allclose(mine.coef_[:, same], coef[:, same], atol=2e-3)


def test_split_scores_are_himalayas_and_add_up():
    rng = np.random.default_rng(0)
    predictions, y = rng.standard_normal((3, 50, 7)), rng.standard_normal((50, 7))
    y[:, 2] = 1
    backend = set_backend("torch")
    theirs = backend.to_numpy(correlation_score_split(y, predictions))
    np.testing.assert_allclose(split_correlation(predictions, y), theirs, atol=1e-6)
    whole = split_correlation(predictions.sum(0, keepdims=True), y)[0]
    np.testing.assert_allclose(split_correlation(predictions, y).sum(0), whole, atol=1e-6)


def test_one_band_is_ridge():
    x, y, groups = problem()
    for form, plain in (("primal", RidgeCV), ("kernel", KernelRidgeCV)):
        banded = BandedRidgeCV((40,), ALPHAS, search=Search(n_iter=1), form=form).fit(x, y, groups)
        one = plain(ALPHAS).fit(x, y, groups)
        np.testing.assert_array_equal(banded.best_alphas_, one.best_alphas_)
        np.testing.assert_allclose(banded.coef_, one.coef_, atol=1e-6)


def test_primal_and_kernel_are_the_same_model():
    for n in (200, 36):
        x, y, groups = problem(n)
        alphas = np.logspace(-2, 5, 8)
        one, other = (
            BandedRidgeCV((12, 20, 8), alphas, search=Search(n_iter=9), form=form).fit(x, y, groups)
            for form in ("primal", "kernel")
        )
        np.testing.assert_allclose(one.search_scores_, other.search_scores_, atol=1e-5)
        same = (one.gammas_ == other.gammas_).all(0) & (one.best_alphas_ == other.best_alphas_)
        assert same.mean() > 0.9
        np.testing.assert_allclose(one.coef_[:, same], other.coef_[:, same], atol=1e-4)


def test_batches_change_nothing():
    x, y, groups = problem(voxels=600)
    one, small = (
        BandedRidgeCV(
            (12, 20, 8), ALPHAS, search=Search(n_iter=4, refine=1, n_refine=3),
            memory_budget_bytes=budget,
        ).fit(x, y, groups)
        for budget in (1 << 30, 1)
    )  # fmt: skip
    np.testing.assert_allclose(one.cv_scores_, small.cv_scores_, atol=1e-6)
    np.testing.assert_allclose(one.gammas_, small.gammas_)


def test_refinement_finds_what_a_hundred_samples_miss():
    """Five bands of which two matter, with weights far inside the simplex's edge."""
    rng = np.random.default_rng(5)
    n, width, voxels = 400, 30, 60
    bands = [rng.standard_normal((n, width)) for _ in range(5)]
    share = np.array([1.0, 0.25, 0.05, 0.0, 0.0])
    weights = [np.sqrt(s) * rng.standard_normal((width, voxels)) for s in share]
    y = sum(b @ w for b, w in zip(bands, weights, strict=True)) + 8 * rng.standard_normal(
        (n, voxels)
    )
    x, y = np.concatenate(bands, axis=1).astype(np.float32), y.astype(np.float32)
    groups = np.arange(300) // 75
    alphas = np.logspace(0, 4, 9)

    def held_out(search):
        model = BandedRidgeCV((width,) * 5, alphas, search=search).fit(x[:300], y[:300], groups)
        return model, model.score(x[300:], y[300:])

    coarse, before = held_out(Search(n_iter=100))
    refined, after = held_out(Search(n_iter=100, refine=4, n_refine=25))
    assert (refined.cv_scores_ >= coarse.cv_scores_).all()
    assert refined.cv_scores_.mean() > coarse.cv_scores_.mean() + 1e-3
    assert after > before


def test_bad_widths_are_told():
    x, y, groups = problem()
    with pytest.raises(FitError, match=r"cover 41 columns; X has 40"):
        BandedRidgeCV((21, 20)).fit(x, y, groups)
    with pytest.raises(FitError, match="form 'dual'"):
        BandedRidgeCV((20, 20), form="dual").fit(x, y, groups)
    with pytest.raises(FitError, match="above 0"):
        dirichlet_samples(3, 2, concentration=[0.0])


@pytest.mark.parametrize("case", ["banded_primal", "banded_kernel"])
def test_golden_p_values_of_bands(case):
    """From the old predictions, for with one null value a voxel any rounding moves p by 1 / V."""
    found, *_, widths, _ = golden(case)
    for key in ("all", *(f"band{number}" for number in range(len(widths)))):
        observed = found[f"score_{key}"]
        counts = block_null(
            found[f"pred_{key}"], found["y_val"], start=0, stop=1, seed=42, kind="pooled",
            rng="legacy", observed=observed,
        )  # fmt: skip
        p = p_values(counts, observed, rule="drama2brain").p_fdr
        np.testing.assert_allclose(p, found[f"p_corrected_{key}"], atol=1e-9)


@pytest.mark.parametrize("form", ["primal", "kernel"])
def test_a_penalty_below_the_rounding_of_a_vanishing_band_does_not_win(form):
    """Weights of 7e-11 and 2e-15 at penalties of 1e-12: scores of 0.22 where float64 has 0.16 won once."""
    found, x, _, widths, groups = golden("banded_kernel")
    y, candidates = found["y_train"].astype(float), dirichlet_samples(10, 3)
    assert candidates.min() < 1e-10
    centred = x - x.mean(0, dtype=float)
    exact = np.zeros((len(candidates), len(ALPHAS), y.shape[1]))
    for number, gamma in enumerate(candidates):
        scaled = centred * np.sqrt(np.repeat(gamma, widths))
        for group in np.unique(groups):
            train, held = groups != group, groups == group
            mean = scaled[train].mean(0)
            u, s, v = np.linalg.svd(scaled[train] - mean, full_matrices=False)
            projected = u.T @ (y[train] - y[train].mean(0))
            for row, alpha in enumerate(ALPHAS):
                predicted = (
                    (scaled[held] - mean) @ v.T @ ((s / (s**2 + alpha))[:, None] * projected)
                )
                exact[number, row] += correlation(predicted, y[held]) / len(np.unique(groups))
    model = BandedRidgeCV(widths, ALPHAS, search=Search(n_iter=10), form=form)
    model.fit(x, found["y_train"], groups)
    number = np.abs(model.gammas_.T[:, None] - candidates).sum(-1).argmin(1)
    row = np.abs(np.log(model.best_alphas_[:, None] / ALPHAS)).argmin(1)
    own = exact[number, row, np.arange(y.shape[1])]
    np.testing.assert_allclose(model.cv_scores_, own, atol=1e-3)  # it is what float64 has there
    assert (model.cv_scores_ <= exact.max((0, 1)) + 1e-3).all()


@pytest.mark.parametrize("budget", [1 << 30, 1 << 22])
def test_a_candidate_is_factorized_once_for_voxels_beyond_a_batch(rng, monkeypatch, budget):
    """Their Z'Y stay, and not the responses: at the paper's size factorizations would be most of the work."""
    n, widths, voxels = 2000, (6, 5), 2500
    x = rng.standard_normal((n, sum(widths))).astype(np.float32)
    y = rng.standard_normal((n, voxels)).astype(np.float32)
    made, met = [], []

    def factors(self, *args):
        made.append(args)
        return FACTORS(self, *args)

    def responses(*args, **options):
        met.append(args[1:3])
        return SOME(*args, **options)

    monkeypatch.setattr(Grams, "factors", factors)
    monkeypatch.setattr(banded, "some_responses", responses)
    model = BandedRidgeCV(widths, ALPHAS, search=Search(n_iter=7), memory_budget_bytes=budget)
    model.fit(x, y, np.arange(n) * 3 // n)
    assert len(made) == 7
    assert len(met) == (1 if budget == 1 << 30 else 10)  # tiles of 256
    assert met[-1][1] == voxels
