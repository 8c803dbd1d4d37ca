"""Norms of predictions by pairs of eigenvalues and by mixtures of filters, against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from d2b_ray.encoding.mixtures import make_mixtures, mixture_products
from d2b_ray.encoding.norms import Norms
from d2b_ray.encoding.pairs import ALIKE, SERIES, make_pairs, pair_products

ALPHAS = np.logspace(-12, 12, 25)
CLOSE = 1e-5  # of a norm; most are within 1e-6


def true_norms(values, penalties, held, projected):
    weights = (values[0] + penalties[:, None]) / (values + penalties[:, None])
    rows, parts = held.double().numpy(), projected.double().numpy()
    return np.stack([np.linalg.norm(rows @ (w[:, None] * parts), axis=0) for w in weights])


def drawn(values, rows=150, voxels=300, seed=0):
    """Held-out rows and projected responses of a design with these eigenvalues, and some noise."""
    rng = np.random.default_rng(seed)
    held = rng.standard_normal((rows, len(values))) * np.sqrt(values)
    projected = rng.standard_normal((len(values), voxels)) * np.sqrt(values)[:, None]
    projected[:, ::7] *= np.logspace(2, 0, len(values))[:, None]  # driven by the smallest
    return tuple(torch.from_numpy(array.astype(np.float32)) for array in (held, projected))


SPECTRA = {
    "power law": np.sort(np.arange(1.0, 401.0) ** -1.5),
    "white": np.linspace(0.7, 1.3, 400),
    "all alike": 1 + 1e-9 * np.arange(400.0),
    "one value, thrice": np.repeat([0.1, 3.0, 250.0], 130) * (1 + 1e-14 * np.arange(390)),
    "at the edge of alike": ALIKE ** (np.arange(300) * 0.999999),
    "just beyond": ALIKE ** (np.arange(300) * 1.000001),
    "thirteen decades": np.logspace(-9, 4, 400),
    "pairs of twins": np.sort(np.outer(np.logspace(-3, 3, 200), [1, 1 + 1e-7]).ravel()),
    "few": np.array([0.5, 2.0, 70.0]),
    "one": np.array([3.0]),
}  # fmt: skip


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_both_ways_are_those_of_float64(spectrum):
    values = SPECTRA[spectrum]
    held, projected = drawn(values)
    expected = true_norms(values, ALPHAS, held, projected)
    for way in (make_pairs, make_mixtures):
        found = way(values, ALPHAS, held).squares(projected).clamp(min=0).sqrt().numpy()
        np.testing.assert_allclose(found, expected, rtol=CLOSE)
        assert np.median(np.abs(found / expected - 1)) < 1e-6


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_units_of_features_and_responses_do_not_matter(scale):
    values = SPECTRA["power law"]
    held, projected = drawn(values)
    there = make_pairs(values * scale**2, ALPHAS * scale**2, held * scale)
    here = make_pairs(values, ALPHAS, held).squares(projected)
    torch.testing.assert_close(
        there.squares(projected * scale) / scale**4, here, rtol=1e-5, atol=0.0
    )


def test_a_prediction_that_nearly_vanishes_is_squared_again():
    """Two columns that differed in training and are the same in the held-out rows, with opposite weights."""
    values = np.sort(np.concatenate([np.logspace(-1, 1, 300), [40.0, 50.0]]))
    held, projected = drawn(values, voxels=600)
    held[:, -1] = held[:, -2] * (1 + 1e-3)
    projected[:-2, 259] *= 1e-3
    projected[-2, 259], projected[-1, 259] = 5.0, -5.0
    expected = true_norms(values, ALPHAS, held, projected)
    norms = Norms(values, ALPHAS, held)
    alone = norms._pairs.squares(projected).clamp(min=0).sqrt().numpy()
    assert np.abs(alone / expected - 1)[:, 259].max() > 1e-4  # by differences it is not known
    np.testing.assert_allclose(norms(projected).numpy(), expected, rtol=CLOSE)
    projected[:, 259] = 0
    assert (norms(projected)[:, 259] == 0).all()


def test_a_voxel_has_the_same_bytes_in_any_batch():
    values = SPECTRA["power law"]
    held, projected = drawn(values, voxels=1024)
    projected[:, 700] = 0
    projected[-2:, 700] = torch.tensor([5.0, -5.0])
    held[:, -1] = held[:, -2]
    norms = Norms(values, ALPHAS, held)
    whole = norms(projected)
    parts = torch.cat([norms(projected[:, :256].contiguous()), norms(projected[:, 256:])], 1)
    assert torch.equal(whole, parts)


def test_the_way_with_fewer_products_is_taken():
    values = SPECTRA["power law"]
    many, few = (torch.ones(rows, len(values)) for rows in (150, 20))
    assert Norms(values, ALPHAS, many)._pairs is not None
    assert Norms(values, ALPHAS, few)._pairs is None
    assert pair_products(values) < mixture_products(len(values), 150)
    assert pair_products(SPECTRA["all alike"]) == 4 * 400**2  # but far pairs are multiplied too


def test_the_series_is_one():
    ratio = np.linspace(1, ALIKE)
    u, t = ratio + 1 / ratio - 2, np.log(ratio)
    one = sum(c * u**k * np.cosh((k + 1) * t) for k, c in enumerate(SERIES))
    assert np.abs(one - 1).max() < 1.3e-7
