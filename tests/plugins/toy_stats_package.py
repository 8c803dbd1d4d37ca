"""A package as a lab would install it, written into a folder: a solver and two tests of its own.

The modules are text: nothing of them is imported in the process of the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_toy_stats"]

ENTRY_POINTS = """\
[d2b_ray.ridge_solvers]
fixed = toy_stats.fixed:SOLVER
broken = toy_stats.broken:SOLVER

[d2b_ray.tests]
signs = toy_stats.signs:TEST
student = toy_stats.student:TEST
broken = toy_stats.broken:TEST
"""
METADATA = "Metadata-Version: 2.1\nName: toy-stats\nVersion: 0.1\n"

INIT = '''\
"""Leaves a mark when it is imported."""

import os
from pathlib import Path

Path(os.environ["TOY_MARK"]).touch()
'''

FIXED = '''\
"""`solver: fixed`: ridge with the first penalty for every voxel, by the normal equations."""

import numpy as np

from d2b_ray.catalog.solvers import Solution, Solver


def solve(problem, prepared):
    x = problem.train - problem.train.mean(0, dtype=float)
    y = problem.response.astype(float)
    alpha = problem.alphas[0]

    def weights(rows):
        gram = x[rows].T @ x[rows] + alpha * np.eye(x.shape[1])
        return np.linalg.solve(gram, x[rows].T @ y[rows])

    scores = []
    for group in np.unique(problem.groups):
        held = problem.groups == group
        found = x[held] @ weights(~held)
        scores.append([np.corrcoef(a, b)[0, 1] for a, b in zip(found.T, y[held].T)])
    return Solution(
        alpha=np.full(y.shape[1], alpha),
        cv_r=np.mean(scores, 0).astype(np.float32),
        coef=weights(slice(None)).astype(np.float32),
    )


def flops(sizes):
    return 2.0 * sizes.samples * sizes.columns * (sizes.columns + sizes.voxels)


SOLVER = Solver(solve=solve, flops=flops)
'''

SIGNS = '''\
"""`test: signs`: the response, centred, with the sign of every sample drawn anew."""

import numpy as np

from d2b_ray.arrays import NullCounts
from d2b_ray.catalog.significance_tests import SignificanceTest


def null(prediction, response, draws):
    x, y = (a - a.mean(0, dtype=float) for a in (prediction, response))
    x, y = x / np.linalg.norm(x, axis=0), y / np.linalg.norm(y, axis=0)
    observed = (x * y).sum(0) if draws.observed is None else draws.observed
    values = []
    for index in range(draws.start, draws.stop):
        rng = np.random.default_rng([draws.options["seed"], index])
        values.append((x * y * rng.choice([-1, 1], (len(y), 1))).sum(0))
    values = np.array(values)
    return NullCounts(
        exceed=(values >= observed).sum(0),
        above=(values > observed).sum(0),
        n_null=len(values),
        maxima=values.max(1).astype(np.float32),
        start=draws.start,
    )


def flops(sizes):
    return 2.0 * sizes.series * sizes.samples * sizes.permutations


TEST = SignificanceTest(null=null, options=("seed",), flops=flops)
'''

STUDENT = '''\
"""`test: student`: the common t-test of a correlation, as if samples were independent."""

import numpy as np
from scipy.special import stdtr

from d2b_ray.catalog.significance_tests import SignificanceTest


def p_values(prediction, response, options):
    x, y = (a - a.mean(0, dtype=float) for a in (prediction, response))
    r = (x * y).sum(0) / np.sqrt((x * x).sum(0) * (y * y).sum(0))
    return stdtr(len(x) - 2, -r * np.sqrt((len(x) - 2) / (1 - r * r)))


def flops(sizes):
    return 6.0 * sizes.series * sizes.samples


TEST = SignificanceTest(p_values=p_values, flops=flops)
'''

BROKEN = '''\
"""Needs a library that is not there."""

import a_library_that_nobody_has
'''


def write_toy_stats(folder: Path) -> Path:
    """Write the package and what an installer leaves beside it; `folder` goes on the path."""
    files = {
        "toy_stats/__init__.py": INIT,
        "toy_stats/fixed.py": FIXED,
        "toy_stats/signs.py": SIGNS,
        "toy_stats/student.py": STUDENT,
        "toy_stats/broken.py": BROKEN,
        "toy_stats-0.1.dist-info/METADATA": METADATA,
        "toy_stats-0.1.dist-info/entry_points.txt": ENTRY_POINTS,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
