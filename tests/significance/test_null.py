"""Nulls: the old code's outputs, closed forms, theory, and independence of how work is split."""

from __future__ import annotations

import numpy as np
import pytest
from golden_cases import arrays
from scipy.stats import kstest

from d2b_ray.encoding import correlation
from d2b_ray.errors import FitError
from d2b_ray.significance import (
    block_null,
    block_orders,
    merge,
    noise_null,
    p_values,
    row_orders,
)
from d2b_ray.significance.white_noise import white_noise


def series(n=300, voxels=50, seed=0, memory=0.0):
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((2, n, voxels))
    for t in range(1, n):
        made[:, t] += memory * made[:, t - 1]
    return made.astype(np.float32)


@pytest.mark.parametrize(("case", "permutations"), [(0, 1), (1, 1), (2, 5)])
def test_golden_block(case, permutations):
    golden = arrays("significance")
    true, pred = golden[f"true{case}"], golden[f"pred{case}"]
    orders = block_orders(len(true), 10, 0, permutations, seed=42, rng="legacy")
    rows = row_orders(orders, len(true), 10)
    np.testing.assert_array_equal(rows, golden[f"row_order{case}"])
    null = np.concatenate([correlation(pred, true[row]) for row in rows])
    np.testing.assert_allclose(null, golden[f"null{case}"], atol=1e-6)
    counts = block_null(
        pred, true, start=0, stop=permutations, seed=42, kind="pooled", rng="legacy"
    )
    found = p_values(counts, correlation(pred, true), rule="drama2brain")
    np.testing.assert_array_equal(found.p, np.minimum(golden[f"p_raw{case}"], 1))
    np.testing.assert_allclose(found.p_fdr, golden[f"p_corrected{case}"], atol=1e-12)
    np.testing.assert_array_equal(found.corrected <= 0.05, golden[f"significant{case}"])


@pytest.mark.parametrize(("V", "T", "seed", "number"), [(500, 200, 5, 0), (37, 90, 6, 1)])
def test_golden_gauss(V, T, seed, number):
    golden = arrays("significance")[f"gauss{number}_V{V}_T{T}_seed{seed}"]
    np.testing.assert_allclose(
        white_noise(V, T, 0, 1, seed=seed, rng="legacy")[0], golden, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["voxel", "pooled"])
@pytest.mark.parametrize("rng", ["philox", "legacy"])
@pytest.mark.parametrize("test", ["block", "gauss"])
def test_any_split_gives_the_same_counts(kind, rng, test):
    prediction, response = series()

    def counts(start, stop):
        options = {"start": start, "stop": stop, "seed": 3, "rng": rng}
        if test == "gauss":
            return noise_null(prediction, response, **options)
        return block_null(prediction, response, kind=kind, **options)

    whole = counts(0, 30)
    parts = merge([counts(17, 30), counts(0, 5), counts(5, 17)])
    for name in ("exceed", "above", "maxima"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    assert whole.n_null == parts.n_null == (30 if (kind, test) == ("voxel", "block") else 1500)


def test_counts_are_those_of_explicit_permutations():
    prediction, response = series(n=127, voxels=21, memory=0.5)
    orders = row_orders(block_orders(127, 10, 0, 40, seed=9), 127, 10)
    null = np.stack([correlation(prediction, response[rows]) for rows in orders])
    observed = correlation(prediction, response)
    counts = block_null(prediction, response, start=0, stop=40, seed=9)
    np.testing.assert_array_equal(counts.exceed, (null >= observed).sum(0))
    np.testing.assert_allclose(counts.maxima, null.max(1), atol=1e-6)


def test_one_block_cannot_be_significant():
    prediction, response = series(n=10)
    counts = block_null(prediction, response, start=0, stop=20, seed=0, block_trs=10)
    assert (p_values(counts, correlation(prediction, response)).p == 1).all()


def test_constant_columns_are_not_significant():
    prediction, response = series()
    prediction[:, 4] = 1
    counts = block_null(prediction, response, start=0, stop=20, seed=0)
    assert p_values(counts, correlation(prediction, response)).p[4] == 1


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_p_is_uniform_without_effect(memory):
    prediction, response = series(n=1000, voxels=1500, memory=memory)
    counts = block_null(prediction, response, start=0, stop=500, seed=1, block_trs=50)
    p = p_values(counts, correlation(prediction, response)).p
    assert kstest(p, "uniform").pvalue > 0.001
    assert abs((p < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1500)


def test_effects_are_found_and_corrections_are_ordered():
    prediction, response = series(n=600, voxels=400)
    response[:, :100] += prediction[:, :100]
    counts = block_null(prediction, response, start=0, stop=999, seed=1)
    found = p_values(counts, correlation(prediction, response))
    assert (found.p_fdr[:100] < 0.05).all()
    assert (found.p_fwe[:100] < 0.05).all()
    assert (found.p_fdr[100:] < 0.05).sum() <= 12
    assert (found.p_fwe[100:] < 0.05).sum() <= 3
    assert (found.p <= found.p_fdr).all()
    by = p_values(counts, correlation(prediction, response), correction="fdr_by")
    assert (found.p_fdr <= by.p_fdr).all()
    fwe = p_values(counts, correlation(prediction, response), correction="max")
    np.testing.assert_array_equal(fwe.corrected, fwe.p_fwe)


def test_shapes_must_agree():
    prediction, response = series()
    with pytest.raises(FitError, match="alike"):
        block_null(prediction[:-1], response, start=0, stop=1, seed=0)
    with pytest.raises(FitError, match="range is empty"):
        block_null(prediction, response, start=1, stop=1, seed=0)
    with pytest.raises(FitError, match="use test block"):
        white_noise(160_001, 10, 0, 1, seed=0, rng="philox")
