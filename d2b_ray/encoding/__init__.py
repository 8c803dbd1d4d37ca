"""Design and responses -> fit: estimators over pure solver functions. No files, no ray.

- `RidgeCV`, `KernelRidgeCV`, `BandedRidgeCV`: scikit-learn style
- `factorize`, `fit_ridge`: the same in two steps, so that subjects share what depends on the design
- `correlation`, `split_correlation`: the scores
"""

from d2b_ray.encoding.estimators import BandedRidgeCV, KernelRidgeCV, RidgeCV
from d2b_ray.encoding.factorization import Factorization
from d2b_ray.encoding.fit import band_parts, factorize, fit_ridge
from d2b_ray.encoding.fit_banded import fit_banded
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.search import Search
from d2b_ray.encoding.solvers import SOLVERS, Solution
from d2b_ray.encoding.split import split_correlation, split_prediction

__all__ = [
    "SOLVERS",
    "BandedRidgeCV",
    "Factorization",
    "KernelRidgeCV",
    "RidgeCV",
    "Search",
    "Solution",
    "band_parts",
    "correlation",
    "factorize",
    "fit_banded",
    "fit_ridge",
    "split_correlation",
    "split_prediction",
]
