"""The estimators among scikit-learn's: its own checks, and what is refused in words."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import LeaveOneGroupOut, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from d2b_ray.encoding import BandedRidgeCV, KernelRidgeCV, RidgeCV, Search, correlation

ALPHAS = np.logspace(-2, 4, 7)
FEW = (0.1, 1.0, 10.0, 1000.0)  # of the banded estimator, whose every check is a search
FEW_CANDIDATES = Search(n_iter=5)
FLOAT32 = "float32 by design: a last bit depends on the order of rows"


def expected_failures(estimator):
    """What does not apply: predictions are float32, as responses are."""
    return {
        "check_regressor_multioutput": "predictions are float32 by design",
        "check_methods_sample_order_invariance": FLOAT32,
    }


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [RidgeCV(), KernelRidgeCV(), BandedRidgeCV(alphas=FEW, search=FEW_CANDIDATES)],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "estimator", [RidgeCV(), KernelRidgeCV(), BandedRidgeCV(alphas=FEW, search=FEW_CANDIDATES)]
)
def test_the_order_of_rows_costs_a_prediction_no_more_than_a_last_bit(estimator):
    """In the place of scikit-learn's check, which asks for 1e-9: more than float32 has."""
    rng = np.random.default_rng(0)
    x = 3 * rng.uniform(size=(20, 3))
    found = estimator.fit(x, x[:, 0].astype(int)).predict(x)
    bit = np.finfo(np.float32).eps * np.abs(found).max()
    for _ in range(20):
        order = rng.permutation(20)
        np.testing.assert_allclose(estimator.predict(x[order]), found[order], rtol=0, atol=bit)


def problem(n=120, p=8, voxels=5):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, p)) + 3
    y = x @ rng.standard_normal((p, voxels)) + 2 * rng.standard_normal((n, voxels)) + 40
    return x, y, np.repeat(["b", "a", "d", "c"], n // 4)


@pytest.mark.parametrize(
    "estimator", [RidgeCV(ALPHAS), KernelRidgeCV(ALPHAS), BandedRidgeCV((3, 5), ALPHAS)]
)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": np.zeros(7)}, "inconsistent numbers of samples"),
        ({"y": np.zeros((121, 5))}, "inconsistent numbers of samples"),
        ({"y": np.full((120, 5), np.nan)}, "Input y contains NaN"),
        ({"y": np.full((120, 2), "a")}, "could not convert|dtype"),
        ({"y": csr_array(np.eye(120))}, "sparse y is not supported: give a dense array"),
        ({"X": csr_array(np.eye(120))}, "[Ss]parse"),
        ({"X": np.zeros(120)}, "Expected 2D array"),
        ({"groups": np.zeros(120)}, "needs 2 groups of titles or more"),
        ({"device": "tpu"}, 'device: .tpu. is not known; must be "cpu", "cuda" or "cuda:0"'),
        ({"device": "cuda:77"}, "torch sees . GPUs"),
        ({"alphas": [0.0]}, "finite numbers above 0"),
        ({"cv": 1, "groups": None}, "cv: 1 is not allowed"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(estimator, change, words):
    x, y, groups = problem()
    given = {"X": x, "y": y, "groups": groups} | {
        k: v for k, v in change.items() if k in "Xygroups"
    }
    options = {k: v for k, v in change.items() if k not in ("X", "y", "groups")}
    with pytest.raises((ValueError, TypeError), match=words):
        sklearn.base.clone(estimator).set_params(**options).fit(**given)


def test_nothing_is_predicted_before_a_fit():
    with pytest.raises(NotFittedError):
        RidgeCV().predict(np.zeros((3, 2)))


@pytest.mark.parametrize("estimator", [RidgeCV(ALPHAS), KernelRidgeCV(ALPHAS)])
def test_one_voxel_may_be_a_vector(estimator):
    x, y, groups = problem()
    flat = sklearn.base.clone(estimator).fit(x, y[:, 0], groups)
    tall = sklearn.base.clone(estimator).fit(x, y[:, :1], groups)
    assert flat.predict(x).shape == (len(x),)
    np.testing.assert_array_equal(flat.predict(x), tall.predict(x)[:, 0])
    assert flat.coef_.shape == (8,)
    assert np.ndim(flat.intercept_) == 0
    assert flat.score(x, y[:, 0]) == pytest.approx(tall.score(x, y[:, :1]))


def test_labels_of_groups_are_nothing_and_names_of_features_are_kept():
    x, y, groups = problem()
    numbers = np.repeat([7, -2, 40, 12], 30)
    one, other = RidgeCV(ALPHAS).fit(x, y, groups), RidgeCV(ALPHAS).fit(x, y, numbers)
    np.testing.assert_allclose(one.cv_scores_, other.cv_scores_, atol=1e-6)
    names = [f"f{n}" for n in range(8)]
    model = RidgeCV(ALPHAS).fit(pandas.DataFrame(x, columns=names), y, groups)
    assert model.feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match="feature names"):
        model.predict(pandas.DataFrame(x, columns=names[::-1]))


def test_without_groups_folds_are_rows_in_a_row():
    x, y, _ = problem()
    one = RidgeCV(ALPHAS, cv=4).fit(x, y)
    np.testing.assert_array_equal(
        one.cv_scores_, RidgeCV(ALPHAS).fit(x, y, np.arange(120) // 30).cv_scores_
    )


def test_in_cross_validation_and_pipelines_groups_are_routed():
    x, y, groups = problem()
    with sklearn.config_context(enable_metadata_routing=True):
        model = RidgeCV(ALPHAS).set_fit_request(groups=True)
        chain = make_pipeline(StandardScaler(), model)
        found = cross_validate(chain, x, y, cv=LeaveOneGroupOut(), params={"groups": groups})
    for held, score in zip(np.unique(groups), found["test_score"], strict=True):
        inner = groups != held
        scale = StandardScaler().fit(x[inner])
        own = RidgeCV(ALPHAS).fit(scale.transform(x[inner]), y[inner], groups[inner])
        r = correlation(own.predict(scale.transform(x[~inner])), y[~inner])
        assert score == pytest.approx(r.mean(), abs=1e-5)
