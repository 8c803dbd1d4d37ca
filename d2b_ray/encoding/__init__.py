"""Design and responses -> fit: estimators over pure solver functions. No files, no ray.

- `RidgeCV`, `KernelRidgeCV`, `BandedRidgeCV`: scikit-learn style
- `factorize`, `fit_ridge`: the same in two steps, so that subjects share what depends on the design
- `correlation`, `split_correlation`: the scores

The estimators are imported when they are asked for: they need scikit-learn, which takes a second, and
the workers of a sweep do without them.
"""

from typing import TYPE_CHECKING, Any

from d2b_ray.encoding.factorization import Factorization
from d2b_ray.encoding.fit import band_parts, factorize, fit_ridge
from d2b_ray.encoding.fit_banded import fit_banded
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.search import Search
from d2b_ray.encoding.solvers import SOLVERS, Solution
from d2b_ray.encoding.split import split_correlation, split_prediction

if TYPE_CHECKING:
    from d2b_ray.encoding.estimators import BandedRidgeCV, KernelRidgeCV, RidgeCV
else:

    def __getattr__(name: str) -> Any:
        if name in {"BandedRidgeCV", "KernelRidgeCV", "RidgeCV"}:
            from d2b_ray.encoding import estimators

            return getattr(estimators, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
