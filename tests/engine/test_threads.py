"""CPU threads of the numeric libraries, for the length of a unit."""

from __future__ import annotations

import subprocess
import sys

from threadpoolctl import threadpool_info

from d2b_ray.steps import threads


def counts():
    return [library["num_threads"] for library in threadpool_info()]


def test_all_libraries_are_limited_and_set_back():
    before = counts()
    with threads.limited_threads(3):
        assert set(counts()) == {3}
        with threads.limited_threads(2):
            assert set(counts()) == {2}
        assert set(counts()) == {3}
    assert counts() == before


def test_libraries_are_looked_for_once_and_again_when_something_was_imported():
    """A unit that is limited to one thread, and imports more; then the next unit."""
    program = (
        "from d2b_ray.steps.threads import limited_threads\n"
        "from d2b_ray.thread_pools import _looked_for\n"
        "from threadpoolctl import threadpool_info\n"
        "with limited_threads(1): import numpy\n"
        "first = len(threadpool_info())\n"
        "with limited_threads(1): import torch\n"
        "with limited_threads(3):\n"
        "    told = threadpool_info()\n"
        "assert len(told) > first\n"
        "assert {one['num_threads'] for one in told} == {3}, told\n"
        "looked = _looked_for.cache_info().misses\n"
        "for _ in range(5):\n"
        "    with limited_threads(1): pass\n"
        "assert _looked_for.cache_info().misses == looked\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
