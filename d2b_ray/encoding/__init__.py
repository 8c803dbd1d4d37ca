"""Design and responses -> fit: estimators over pure solver functions. No files, no ray.

- `RidgeCV`, `KernelRidgeCV`: scikit-learn style
- `factorize`, `fit_ridge`: the same in two steps, so that subjects share what depends on the design
- `correlation`: the score
"""

from d2b_ray.encoding.estimators import KernelRidgeCV, RidgeCV
from d2b_ray.encoding.factorization import Factorization
from d2b_ray.encoding.fit import factorize, fit_ridge
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.solvers import SOLVERS, Solution

__all__ = [
    "SOLVERS",
    "Factorization",
    "KernelRidgeCV",
    "RidgeCV",
    "Solution",
    "correlation",
    "factorize",
    "fit_ridge",
]
