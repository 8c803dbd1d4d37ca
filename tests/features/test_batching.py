"""What makes batches safe: halving, looking ahead, distinct items, projection."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from text_cases import case, extract

from d2b_ray.errors import ExtractionError
from d2b_ray.features import Projection, components_for
from d2b_ray.features.ahead import PER_THREAD, ahead
from d2b_ray.features.models.shrinking import Shrinking, is_out_of_memory
from d2b_ray.features.models.states import kept_rows
from d2b_ray.features.models.streams import digest, encode

FULL = torch.OutOfMemoryError("CUDA out of memory")


def narrow(most, tried, error=FULL):
    """A pass that holds at most so many items."""

    def forward(batch):
        tried.append(len(batch))
        if len(batch) > most:
            raise error
        return [10 * item for item in batch]

    return forward


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8])
def test_all_items_come_in_their_order(most):
    tried = []
    batches = [list(range(8)), list(range(8, 16)), [16]]
    done = list(Shrinking()(batches, narrow(most, tried)))
    assert [item for part, _ in done for item in part] == list(range(17))
    assert [made for _, rows in done for made in rows] == [10 * item for item in range(17)]
    assert max(len(part) for part, _ in done) <= most
    assert sum(size > most for size in tried) <= 3  # each failed size is tried once


def test_the_limit_is_kept_for_the_next_run():
    shrinking, tried = Shrinking(), []
    list(shrinking([[1, 2, 3, 4]], narrow(2, tried)))
    list(shrinking([[1, 2, 3, 4]], narrow(2, tried)))
    assert tried == [4, 2, 2, 2, 2]


def test_an_item_that_does_not_fit_alone():
    with pytest.raises(torch.OutOfMemoryError):
        list(Shrinking()([[1, 2]], narrow(0, [])))
    host = RuntimeError(
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"
    )
    with pytest.raises(MemoryError, match="DefaultCPUAllocator"):
        list(Shrinking()([[1, 2]], narrow(0, [], host)))


def test_other_errors_are_not_swallowed():
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        list(Shrinking()([[1, 2]], narrow(0, [], RuntimeError("shapes differ"))))


@pytest.mark.parametrize("tokens", ["avg", "last", "flat"])
def test_texts_are_halved_too(bert, tokens):
    rows = case("text_bert")[2]["SUITS_001|objectiveAnnot50chara"]
    options = {"tokens": tokens, "batch_tokens": 400}
    expected = extract(bert, {"r": rows}, **options)["r"]
    tried = []

    def forward(module, args, kwargs):
        tried.append(kwargs["input_ids"].numel())
        if tried[-1] > 90:
            raise FULL

    handle = bert.network.register_forward_pre_hook(forward, with_kwargs=True)
    try:
        found = extract(bert, {"r": rows}, **options)["r"]
    finally:
        handle.remove()
    assert tried[0] > 200
    assert sum(count > 90 for count in tried) <= 3
    for layer in expected:
        np.testing.assert_allclose(found[layer], expected[layer], rtol=1e-6, atol=2e-6)


def test_texts_are_reduced_too(bert):
    rows = case("text_bert")[2]["SUITS_001|objectiveAnnot50chara"][:9]
    reduce = Projection(50, seed=1)
    wide = extract(bert, {"r": rows}, tokens="flat")["r"]
    thin = extract(bert, {"r": rows}, tokens="flat", reduce=reduce)["r"]
    silent = extract(bert, {"r": [[".."]]}, reduce=Projection(5))["r"]
    for layer, x in wide.items():
        np.testing.assert_allclose(thin[layer], reduce(x), rtol=1e-4, atol=1e-5)
        assert silent[layer].shape == (1, 5)


def test_looking_ahead_keeps_the_order_and_its_bound():
    running, most, taken = set(), [0], [0]
    lock = threading.Lock()

    def make(item):
        with lock:
            running.add(item)
            most[0] = max(most[0], len(running))
        time.sleep(0.002 * (item % 3))
        with lock:
            running.discard(item)
        return item * item

    def given():
        for item in range(40):
            assert item - taken[0] <= PER_THREAD * 3
            yield item

    found = []
    for value in ahead(make, given(), threads=3):
        taken[0] += 1
        found.append(value)
    assert found == [item * item for item in range(40)]
    assert most[0] <= 3


def test_errors_ahead_come_where_their_result_would():
    walk = ahead(lambda item: 1 // item, [1, 1, 0, 1], threads=2)
    assert [next(walk), next(walk)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(walk)


def test_leaving_early_leaves_no_thread():
    walk = ahead(lambda item: item, range(1000), threads=2)
    next(walk)
    walk.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("ahead")]


def test_digests_tell_shapes_and_types_apart():
    x = np.zeros((2, 3), np.uint8)
    keys = {digest(x), digest(x.T), digest(x.view(np.int8)), digest(x + np.uint8(1))}
    assert len(keys) == 4
    assert digest(x) == digest(x.copy()) == digest(np.zeros((4, 3), np.uint8)[::2])


def test_encode_takes_batches_as_they_come():
    sizes = []

    def forward(batch):
        sizes.append(len(batch))
        return {2: np.array(batch, np.float32)[:, None]}

    rows = encode(iter(range(7)), forward, batch_size=3, shrinking=Shrinking())
    assert sizes == [3, 3, 1]
    np.testing.assert_array_equal(rows[2].ravel(), np.arange(7))
    assert encode([], forward, batch_size=3, shrinking=Shrinking()) == {}


def test_projection_is_that_of_scikit_learn(rng):
    from sklearn.random_projection import SparseRandomProjection

    x = rng.standard_normal((6, 400)).astype(np.float32)
    expected = SparseRandomProjection(n_components=30, random_state=5).fit_transform(x)
    found = Projection(30, seed=5)(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert Projection(30, seed=5).identity(400) == (400, 30, 5)


def test_projected_rows_depend_on_nothing_but_themselves(rng):
    x = rng.standard_normal((6, 400)).astype(np.float32)
    reduce = Projection(30)
    together = reduce(x)
    alone = np.concatenate([reduce(row[None]) for row in x])
    assert together.tobytes() == alone.tobytes()
    assert not np.allclose(Projection(30, seed=1)(x), together)


def test_projection_keeps_distances_within_eps(rng):
    n, eps = 40, 0.5
    x = rng.standard_normal((n, 3000)).astype(np.float32)
    y = Projection(components_for(eps, n))(x)
    pairs = np.triu_indices(n, 1)
    before, after = (
        ((z[pairs[0]] - z[pairs[1]]) ** 2).sum(axis=1, dtype=np.float64) for z in (x, y)
    )
    assert np.abs(after / before - 1).max() < eps


def test_narrow_rows_stay_as_they_are(rng):
    x = rng.standard_normal((3, 20)).astype(np.float32)
    assert Projection(20)(x) is x
    assert Projection(20).columns(12) == 12
    assert Projection(20).columns(120) == 20


@pytest.mark.parametrize(("eps", "n"), [(0.0, 10), (1.0, 10), (0.1, 0)])
def test_reductions_that_make_no_sense(eps, n):
    with pytest.raises(ExtractionError, match="eps must be between 0 and 1"):
        components_for(eps, n)
    with pytest.raises(ExtractionError, match="reduce: 0 components; must be 1 or more"):
        Projection(0)


def test_states_that_are_not_there():
    with pytest.raises(ExtractionError, match="model 'm': gives no hidden states"):
        kept_rows("m", None, (1,), torch.Tensor.float)
    with pytest.raises(ExtractionError, match=r"layer 3 does not exist; layers are 1 .* to 2"):
        kept_rows("m", [torch.ones(1, 2)] * 2, (1, 3), torch.Tensor.float)
