"""Eigenvectors of several matrices at a time: the same ones whatever the threads, in order, and in bounds."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from d2b_ray.encoding.eigenvectors import eigenvectors
from d2b_ray.plan.memory import factorizing_bytes

ORDER = 40


@pytest.fixture
def matrices(rng):
    rows = torch.from_numpy(rng.standard_normal((7, ORDER, 90)))
    return list(rows @ rows.mT)


@pytest.fixture(params=[1, 2, 5, 64])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_they_are_those_of_each_matrix_in_turn(matrices, threads, count):
    found = list(eigenvectors([lambda m=m: m for m in matrices[:count]]))
    assert len(found) == count
    for matrix, (values, vectors) in zip(matrices, found, strict=False):
        assert (values.diff() > 0).all()
        again = vectors * values @ vectors.T
        assert torch.allclose(again, matrix, rtol=0, atol=1e-12 * float(values[-1]))
        assert torch.allclose(vectors.T @ vectors, torch.eye(ORDER, dtype=torch.float64))


def test_they_do_not_depend_on_the_number_of_threads(matrices):
    before, found = torch.get_num_threads(), {}
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        found[count] = list(eigenvectors([lambda m=m: m for m in matrices]))
    torch.set_num_threads(before)
    for count in (2, 3):
        for one, other in zip(found[1], found[count], strict=True):
            assert all(map(torch.equal, one, other))


def test_matrices_are_made_when_there_is_a_thread_for_them(matrices):
    made, most = 0, 0

    def make(matrix):
        nonlocal made
        made += 1
        return matrix

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    for taken, _ in enumerate(eigenvectors([lambda m=m: make(m) for m in matrices])):
        most = max(most, made - taken)
    torch.set_num_threads(before)
    assert made == len(matrices)
    assert most <= 4


def blas_threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


@pytest.fixture
def three_threads():
    """Of BLAS; the tests are otherwise started with one, which nobody would see restored."""
    with threadpool_limits(3, user_api="blas"):
        yield


@pytest.mark.usefixtures("three_threads")
def test_libraries_have_one_thread_within_and_theirs_again_also_after_a_failure(
    matrices, monkeypatch
):
    before, within, eigh = blas_threads(), [], np.linalg.eigh

    def seen(matrix):
        within.append(set(blas_threads()))
        return eigh(matrix)

    monkeypatch.setattr(np.linalg, "eigh", seen)
    assert set(before) == {3}
    list(eigenvectors([lambda m=m: m for m in matrices]))
    assert blas_threads() == before
    with pytest.raises(ZeroDivisionError):
        list(eigenvectors([lambda: matrices[0], lambda: 1 / 0]))
    assert blas_threads() == before
    assert within == [{1}] * (len(matrices) + 1)


@pytest.mark.usefixtures("three_threads")
def test_one_that_is_never_finished_keeps_nobody_waiting(matrices):
    """As a traceback does, which a notebook keeps until the next."""
    before = blas_threads()
    held = eigenvectors([lambda m=m: m for m in matrices])
    next(held)
    assert len(list(eigenvectors([lambda m=m: m for m in matrices]))) == len(matrices)
    held.close()
    assert blas_threads() == before


PROGRAM = """
import sys
import numpy as np, torch
from d2b_ray.arrays import Band
from d2b_ray.encoding import factorize
def told(word):
    (line,) = [line for line in open("/proc/self/status") if line.startswith(word)]
    return int(line.split()[1]) * 1024
n, p, folds, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
rng = np.random.default_rng(0)
small = rng.standard_normal((400, 60)).astype(np.float32)
factorize(small, np.arange(400) // 100)  # libraries are there
x = rng.standard_normal((n, p), dtype=np.float32)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = told("VmRSS")
found = factorize(x, np.arange(n) * folds // n)
print(told("VmHWM") - before - found.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("n", "p", "folds", "threads"), [(4000, 900, 4, 1), (4000, 900, 8, 2), (900, 2000, 4, 2)]
)
def test_memory_is_what_a_plan_counts(n, p, folds, threads):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, (n, p, folds, threads))],
        capture_output=True, text=True, check=True,
        # what is given back leaves the process, as of the large matrices that matter
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"},
    )  # fmt: skip
    took, counted = int(done.stdout), factorizing_bytes(min(n, p), folds, threads)
    # kernels take least, and less where folds happen to follow each other: 0.26 to 0.42 of it
    assert 0.15 * counted < took < counted, np.round(took / counted, 2)
