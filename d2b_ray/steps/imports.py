"""What units of a kind import in the end: what one process may import for all workers before they begin.

Only kinds of which a sweep has many. Each step imports what it needs itself; a name that is missing here, or
too many, costs time and nothing else. Nothing that begins a thread at its import (pyarrow does): who forks
has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["imports_of"]

OF_ALL = (
    "d2b_ray.steps.execute",
    "d2b_ray.steps.table",
    "d2b_ray.steps.threads",
    "d2b_ray.steps.worker_cache",
)
SOLVERS = ("torch", "d2b_ray.encoding.solvers.ridge", "d2b_ray.encoding.banded_fit")
OF_KIND = {
    # not the library of models: workers that load none would wait for it as long as for all the rest
    "shard": ("torch",),
    "extract": ("torch",),
    "design": ("d2b_ray.design.assemble",),
    "factorize": SOLVERS,
    "fit": (*SOLVERS, "d2b_ray.encoding.solvers.auto", "d2b_ray.data.drama2brain"),
    "null": ("d2b_ray.significance.null", "d2b_ray.significance.autocorrelation"),
    "commit": (
        "d2b_ray.report.figures",
        "d2b_ray.significance.pvalues",
        "d2b_ray.significance.ceilings",
    ),
}


def imports_of(kinds: Iterable[str]) -> tuple[str, ...]:
    """Names of modules, each once; torch before what would import it."""
    return tuple(
        dict.fromkeys([*OF_ALL, *(name for kind in kinds for name in OF_KIND.get(kind, ()))])
    )
