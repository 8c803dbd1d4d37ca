"""Design and responses -> fit: estimators over pure solver functions. No files, no ray.

- `RidgeCV`, `KernelRidgeCV`, `BandedRidgeCV`: scikit-learn style
- `factorize`, `fit_ridge`: the same in two steps, so that subjects share what depends on the design
- `correlation`, `split_correlation`: the scores

A name is imported when it is asked for, so that a plan can ask a solver what it costs without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from d2b_ray.catalog.solvers import Search, Solution
    from d2b_ray.encoding.banded_fit import fit_banded
    from d2b_ray.encoding.estimators import BandedRidgeCV, KernelRidgeCV, RidgeCV
    from d2b_ray.encoding.factorization import Factorization
    from d2b_ray.encoding.fit import factorize, fit_ridge
    from d2b_ray.encoding.scoring import correlation
    from d2b_ray.encoding.split import split_correlation, split_prediction

__all__ = [
    "BandedRidgeCV",
    "Factorization",
    "KernelRidgeCV",
    "RidgeCV",
    "Search",
    "Solution",
    "correlation",
    "factorize",
    "fit_banded",
    "fit_ridge",
    "split_correlation",
    "split_prediction",
]

HOMES = {
    "d2b_ray.catalog.solvers": ("Search", "Solution"),
    "d2b_ray.encoding.estimators": ("BandedRidgeCV", "KernelRidgeCV", "RidgeCV"),
    "d2b_ray.encoding.factorization": ("Factorization",),
    "d2b_ray.encoding.fit": ("factorize", "fit_ridge"),
    "d2b_ray.encoding.banded_fit": ("fit_banded",),
    "d2b_ray.encoding.scoring": ("correlation",),
    "d2b_ray.encoding.split": ("split_correlation", "split_prediction"),
}


def __getattr__(name: str) -> Any:
    """The name from its module, imported now."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
