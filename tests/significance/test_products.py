"""Two loops, the same bits; chunks and ranges change nothing; float32 sums are close to exact ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from d2b_ray.significance import block_null, block_orders
from d2b_ray.significance import orders as orders_module
from d2b_ray.significance import products as products_module
from d2b_ray.significance.blocks import fixed_blocks
from d2b_ray.significance.kernels import standardized
from d2b_ray.significance.products import Permuted

CASES = [
    (200, 10, None), (203, 10, None), (97, 13, None), (60, 1, None), (64, 3, None), (25, 10, None),
    (9, 10, None), (100, 25, None), (130, 10, [57, 40, 33]), (90, 7, [30, 30, 30]), (50, 10, [5, 45]),
]  # fmt: skip


@pytest.mark.parametrize(("samples", "block_trs", "runs"), CASES)
def test_both_loops_give_the_same_bits(rng, monkeypatch, samples, block_trs, runs):
    monkeypatch.setattr(products_module, "ADDING", 0)  # tables pay whatever the blocks are
    one, other = (standardized(rng.standard_normal((samples, 16)))[0] for _ in range(2))
    blocks = fixed_blocks(samples, block_trs, runs)
    orders = block_orders(samples, block_trs, 0, 5000, seed=4, runs=runs)
    by_table = Permuted.of(orders, blocks, runs)
    assert by_table.entries is not None
    directly = replace(by_table, entries=None)
    np.testing.assert_array_equal(by_table.products(one, other), directly.products(one, other))
    for order, found in zip(orders[:20], directly.products(one, other), strict=False):
        rows = np.concatenate([np.arange(blocks.starts[b], blocks.stops[b]) for b in order])
        exact = (one.astype(float) * other[rows]).sum(0)
        np.testing.assert_allclose(found, exact, atol=1e-6)


def test_few_permutations_go_directly(rng):
    orders = block_orders(500, 10, 0, 3, seed=4)
    assert Permuted.of(orders, fixed_blocks(500, 10), None).entries is None


@pytest.mark.parametrize("kind", ["voxel", "pooled"])
@pytest.mark.parametrize("chunk", [7, 64, 2048])
def test_chunks_change_nothing(rng, monkeypatch, kind, chunk):
    prediction, response = rng.standard_normal((2, 83, 37))
    whole = block_null(prediction, response, start=0, stop=300, seed=3, kind=kind)
    drawn = []
    own = Permuted.of
    monkeypatch.setattr(orders_module, "CHUNK", chunk)
    monkeypatch.setattr(Permuted, "of", lambda *given: drawn.append(1) or own(*given))
    again = block_null(prediction, response, start=0, stop=300, seed=3, kind=kind)
    assert len(drawn) == -(-300 // chunk)
    for name in ("exceed", "above", "maxima", "n_null"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(again, name))


def test_pooled_counts_are_those_of_the_whole_null(rng):
    prediction, response = rng.standard_normal((2, 60, 20)).round(1)
    found = block_null(prediction, response, start=0, stop=50, seed=3, kind="pooled")
    blocks = fixed_blocks(60, 10)
    edges = list(pairwise([*blocks.starts, 60]))
    one, other = (standardized(x) for x in (prediction, response))
    null, observed = [], []
    for orders, into in (
        (block_orders(60, 10, 0, 50, seed=3), null),
        (np.arange(6)[None], observed),
    ):
        some = Permuted.of(orders, blocks, None)
        parts = [some.products(a, b) for a, b in zip(one, other, strict=True)]
        into.append(np.concatenate(parts, 1)[:, :20])
    assert len(edges) == 6
    np.testing.assert_array_equal(found.exceed, [(null[0] >= r).sum() for r in observed[0][0]])
    np.testing.assert_array_equal(found.above, [(null[0] > r).sum() for r in observed[0][0]])
