"""Components of weights against scikit-learn's PCA, and laws of what is told of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from d2b_ray.arrays import Band
from d2b_ray.encoding.weights import (
    WeightComponents,
    band_shares,
    ends_of,
    projections,
    spread,
    weight_components,
)
from d2b_ray.errors import FitError


@pytest.fixture
def parts(rng):
    """Weights of three subjects along two planted directions."""
    directions = np.linalg.qr(rng.standard_normal((12, 2)))[0]
    return [
        (
            directions @ (rng.standard_normal((2, v)) * [[5], [2]])
            + rng.standard_normal((12, v)) * 0.1
            + 3
        ).astype(np.float32)
        for v in (40, 30, 50)
    ]


def test_they_are_those_of_scikit_learn(parts):
    found = weight_components(parts, 3)
    peer = PCA(3).fit(np.concatenate(parts, 1).T.astype(float))
    np.testing.assert_allclose(found.explained, peer.explained_variance_ratio_, rtol=1e-6)
    signs = np.sign((found.directions * peer.components_).sum(1, keepdims=True))
    np.testing.assert_allclose(found.directions, peer.components_ * signs, atol=1e-6)
    assert found.voxels == 120
    assert found.explained[:2].sum() > 0.98  # the planted ones


def test_the_sign_does_not_depend_on_the_order_of_voxels(parts):
    one = weight_components(parts, 3)
    other = weight_components([part[:, ::-1] for part in parts[::-1]], 3)
    np.testing.assert_allclose(one.directions, other.directions, atol=1e-8)
    largest = np.abs(one.directions).argmax(1)
    assert (np.take_along_axis(one.directions, largest[:, None], 1) > 0).all()


def test_projections_are_of_z_scored_rows(parts, rng):
    found = weight_components(parts, 2)
    rows = (rng.standard_normal((30, 12)) + 100).astype(np.float32)
    scores = projections(rows, found)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.mean(0), 0, atol=1e-5)
    scaled = StandardScaler().fit_transform(rows.astype(float))
    np.testing.assert_allclose(scores, scaled @ found.directions.T, atol=1e-3)


def test_a_feature_that_does_not_vary_takes_no_part(parts, rng):
    rows = rng.standard_normal((30, 12)).astype(np.float32)
    rows[:, 4] = 1e4 + rng.random(30) * 1e-3
    assert spread(rows)[4] == 0
    np.testing.assert_allclose(np.delete(spread(rows), 4), np.delete(rows.std(0), 4), rtol=1e-5)
    assert np.isfinite(projections(rows, weight_components(parts, 2))).all()


def test_parts_of_bands_add_up():
    directions = np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
    found = WeightComponents(directions, np.array([0.7, 0.3]), 9)
    shares = band_shares(found, (Band("a", 0, 2), Band("b", 2, 3)))
    np.testing.assert_allclose(shares, [[0.36, 0.64], [1, 0]])


def test_ends_are_apart():
    high, low = ends_of(np.array([3.0, 1, 2, 5, 4]), 2)
    assert (high, low) == ([3, 4], [1, 2])
    assert ends_of(np.array([1.0, 2, 3]), 9) == ([2], [0])
    assert ends_of(np.array([9.0, 8, 7, 1, 0, 5]), 2, apart=2) == ([0, 2], [4, 2])


def test_fewer_dimensions_give_fewer_components(rng):
    assert (
        len(weight_components([rng.standard_normal((12, 3)).astype(np.float32)], 8).explained) == 2
    )


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "two voxels or more; there are 0"),
        ([np.ones((3, 1), np.float32)], "there are 1"),
        ([np.zeros((3, 5), np.float32)], "the same in all voxels"),
    ],
)
def test_what_has_no_components_is_told(parts, words):
    with pytest.raises(FitError, match=words):
        weight_components(parts, 2)
