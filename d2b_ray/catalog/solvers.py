"""Solvers of encoding models by name, and the shape that each has. Not the solvers themselves.

A solver is one file with a `Solver` in it (those of this package: `encoding/solvers/`) and one row
below, or an entry point of an installed package in the table's group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from d2b_ray.catalog.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from d2b_ray.arrays import Band, FloatArray, IntArray

__all__ = [
    "BANDED_SOLVERS",
    "EIGH_FLOPS",
    "RIDGE_SOLVERS",
    "SOLVERS",
    "BandedSolution",
    "FitSizes",
    "Problem",
    "Responses",
    "Search",
    "Solution",
    "Solver",
]

EIGH_FLOPS = 9.0  # a symmetric eigendecomposition of order p costs about 9 p^3


class PlacedResponses(Protocol):
    """Responses on a device (`encoding.on_device.DeviceResponses`): `host` as they were given, (n, V)."""

    @property
    def host(self) -> FloatArray:
        """Training responses on the host."""

    @property
    def mean(self) -> NDArray[np.float64] | None:
        """Their mean (V,), which was taken away there; None without an intercept."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, V)."""

    def __len__(self) -> int:
        """Training rows."""


Responses: TypeAlias = "FloatArray | PlacedResponses"


@dataclass(frozen=True, slots=True)
class Search:
    """`n_iter` random candidates, then `refine` rounds of `n_refine` candidates near the best."""

    n_iter: int = 100
    concentration: tuple[float, ...] = (0.1, 1.0)
    seed: int = 42
    refine: int = 0
    n_refine: int = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """What a solver is given: one subject's responses and the design they are fitted on.

    `train` (n, p) float32, not centred: a solver centres it by the mean of all rows. `response` (n, V)
    float32, or these on a device (`encoding.batches` gives a solver both alike). `groups` (n,)
    non-decreasing, each is held out once. With `intercept`, each fold has a constant of its own: rows
    and responses less the means of the rows it is trained on; without, responses are taken as they are.
    `alphas` (A,) penalties to choose from. `bands` cover the columns in order, and `search` says how
    their weights are found (banded fits). `device` "cpu" or "cuda"; `memory_budget_bytes` bound on
    the working memory beside inputs and outputs.
    """

    train: FloatArray
    response: Responses
    groups: IntArray
    alphas: NDArray[np.float64]
    bands: tuple[Band, ...]
    search: Search = field(default_factory=Search)
    device: str = "cpu"
    memory_budget_bytes: int = 1 << 30
    intercept: bool = True


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver finds: `alpha` (V,), `cv_r` (V,) mean CV score at it, `coef` (p, V) primal.

    They predict (x - mean of the training rows) coef, to which a fit adds the mean response. `coef` is an
    array, or a tensor where it was computed.

    `solver` names who found it in the summary of a fit, if not the name that the sweep gave.
    """

    alpha: NDArray[np.float64]
    cv_r: FloatArray
    coef: FloatArray | torch.Tensor
    solver: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class BandedSolution(Solution):
    """The same with a penalty a band: `gamma` (bands, V) their weights, alpha / gamma the penalties.

    `deltas` log(gamma / alpha) (bands, V), as himalaya names them; `history` (candidates, V) best
    CV score of every candidate.
    """

    gamma: NDArray[np.float64]
    history: FloatArray = field(repr=False)

    @property
    def deltas(self) -> NDArray[np.float64]:
        """Log ratio of band weight and penalty; -inf for a band that takes no part."""
        import numpy as np

        with np.errstate(divide="ignore"):
            found: NDArray[np.float64] = np.log(self.gamma / self.alpha)
        return found


@dataclass(frozen=True, slots=True)
class FitSizes:
    """How large a fit is: what its operations are counted from.

    `searched` (banded fits) candidates of the band weights, in all searches of the fit together.
    """

    samples: int
    columns: int
    folds: int
    voxels: int
    alphas: int
    searched: int = 1


Found = TypeVar("Found", bound=Solution, covariant=True)


@dataclass(frozen=True, slots=True)
class Solver(Generic[Found]):
    """One solver. Its file loads nothing heavy before one of the functions is called.

    `solve` (problem, prepared) -> solution. `flops` operations of a fit, for the estimate of a plan.

    None where a solver has no such thing: `prepare` (train, groups, bands, device, intercept) -> what
    depends on the design alone, made once for all subjects, pickled (without it, `prepared` is None);
    `nested` (problem, prepared) -> predictions (n, V) of the training rows, each by a model that did
    not see its group; `without` (problem, prepared, number) -> solution for the columns of all bands but one,
    for its unique variance.
    """

    solve: Callable[[Problem, Any], Found]
    flops: Callable[[FitSizes], float]
    prepare: Callable[[FloatArray, IntArray, Sequence[Band], str, bool], Any] | None = None
    nested: Callable[[Problem, Any], FloatArray] | None = None
    without: Callable[[Problem, Any, int], Found] | None = None


RIDGE_SOLVERS: Table[Solver[Solution]] = Table(
    "solver of kind ridge",
    "d2b_ray.ridge_solvers",
    {
        "auto": "d2b_ray.encoding.solvers.auto:SOLVER",
        "ridge": "d2b_ray.encoding.solvers.ridge:SOLVER",
        "kernel_ridge": "d2b_ray.encoding.solvers.kernel_ridge:SOLVER",
        "himalaya": "d2b_ray.encoding.solvers.himalaya:SOLVER",
    },
)
BANDED_SOLVERS: Table[Solver[BandedSolution]] = Table(
    "solver of kind banded",
    "d2b_ray.banded_solvers",
    {
        "auto": "d2b_ray.encoding.solvers.banded_auto:SOLVER",
        "primal": "d2b_ray.encoding.solvers.banded_primal:SOLVER",
        "kernel": "d2b_ray.encoding.solvers.banded_kernel:SOLVER",
        "stacking": "d2b_ray.encoding.solvers.banded_stacking:SOLVER",
        "himalaya": "d2b_ray.encoding.solvers.banded_himalaya:SOLVER",
    },
)
SOLVERS: Mapping[str, Table[Solver[Any]]] = {"ridge": RIDGE_SOLVERS, "banded": BANDED_SOLVERS}
