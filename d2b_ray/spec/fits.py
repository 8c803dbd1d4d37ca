"""The entries of `fits` in a sweep: one class a kind of encoding model, told apart by `kind`.

A new kind joins here: a class, and a line in `FIT_KINDS`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from d2b_ray.catalog.solvers import BANDED_SOLVERS, RIDGE_SOLVERS
from d2b_ray.spec.closed import Allowed, Axis, Closed, Count, Name, NameIn, Positive
from d2b_ray.spec.features import Layers

__all__ = [
    "FIT_KINDS",
    "Alphas",
    "AnyFit",
    "BandSource",
    "BandedFit",
    "Delays",
    "Reduction",
    "RidgeFit",
    "Search",
]

Shift: TypeAlias = Annotated[int | float, Field(ge=0), Allowed("a number >= 0")]
Exponent: TypeAlias = Annotated[
    float, Field(ge=-300, le=300), Allowed("a number from -300 to 300 (power of ten)")
]


Intercept: TypeAlias = Annotated[Literal["fold", "none"], Allowed("one of: fold, none")]
CoefSpace: TypeAlias = Annotated[Literal["design", "features"], Allowed("one of: design, features")]


def _refuse(words: str) -> PydanticCustomError:
    return PydanticCustomError("allowed", "{words}", {"words": words})


class Delays(Closed):
    """Shifts of the features against the responses: those of whole TRs from `start` to `end`."""

    start: Shift
    """First shift."""
    end: Shift
    """Last shift, included."""
    unit: Annotated[Literal["s", "trs"], Allowed("one of: s, trs")] = "s"
    """Whether `start` and `end` are seconds or numbers of TRs."""
    combine: Annotated[Literal["mean", "concat"], Allowed("one of: mean, concat")] = "mean"
    """Mean over the shifts, or the shifts side by side (FIR)."""
    boundary: Annotated[Literal["run", "video"], Allowed("one of: run, video")] = "run"
    """What is shifted as one series: each run by itself, or the stacked runs of a video."""

    @model_validator(mode="after")
    def _end_after_start(self) -> Delays:
        if self.end < self.start:
            raise _refuse("a range with start <= end")
        return self


class Reduction(Closed):
    """Fewer feature columns, learnt on training rows: `none`, `{pca: k}` or `{srp: eps}`."""

    pca: Positive | None = None
    """Principal components that are kept."""
    srp: Annotated[float, Field(gt=0, lt=1), Allowed("a number between 0 and 1 (eps)")] | None = (
        None
    )
    """Sparse random projection; eps of the Johnson-Lindenstrauss bound says how many columns."""

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, value: Any) -> Any:
        if value == "none":
            return {}
        if isinstance(value, Reduction):
            return value
        if not isinstance(value, dict) or len(value) > 1:
            raise _refuse("none, {pca: components} or {srp: eps}")
        return value

    @model_serializer
    def as_plain(self) -> str | dict[str, int | float]:
        """`none` or a mapping of one key, as it is written in YAML."""
        if self.pca is not None:
            return {"pca": self.pca}
        return "none" if self.srp is None else {"srp": self.srp}


class Alphas(Closed):
    """Ridge penalties: evenly spaced powers of ten, or an explicit list."""

    start_log10: Exponent = -12.0
    """Exponent of the smallest penalty."""
    stop_log10: Exponent = 12.0
    """Exponent of the largest penalty."""
    count: Annotated[int, Field(ge=1, le=1000), Allowed("an integer from 1 to 1,000")] = 25
    """How many penalties."""
    listed: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...] | None, Allowed("a list of numbers > 0")
    ] = None
    """The penalties themselves; given as a plain list in YAML."""

    @model_validator(mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            if not value:
                raise _refuse("a list of numbers > 0, not empty")
            return {"listed": tuple(value)}
        return value

    @model_validator(mode="after")
    def _stop_after_start(self) -> Alphas:
        if self.stop_log10 < self.start_log10:
            raise _refuse("a range with start_log10 <= stop_log10")
        return self

    @model_serializer
    def as_plain(self) -> list[float] | dict[str, int | float]:
        """A list, or the three keys of the spacing, as it is written in YAML."""
        if self.listed is not None:
            return list(self.listed)
        return {
            "start_log10": self.start_log10,
            "stop_log10": self.stop_log10,
            "count": self.count,
        }

    @property
    def values(self) -> tuple[float, ...]:
        """The penalties, rising, each once."""
        if self.listed is not None:
            return tuple(sorted(set(self.listed)))
        step = (self.stop_log10 - self.start_log10) / max(self.count - 1, 1)
        return tuple(sorted({10.0 ** (self.start_log10 + i * step) for i in range(self.count)}))


class RidgeFit(Closed):
    """Single-feature ridge: every feature space × delays × reduction × subject is one fit."""

    kind: Annotated[Literal["ridge"], Allowed("one of: ridge, banded")]
    """Which encoding model."""
    features: Annotated[Axis[Name], Allowed("the name of a feature block, or a list of such names")]
    """Name(s) of feature blocks."""
    delays: Axis[Delays]
    """Shifts; a list is an axis."""
    reduce: Axis[Reduction] = (Reduction(),)
    """Reduction of the columns; a list is an axis."""
    alphas: Alphas = Alphas()
    """Penalties, one is chosen per voxel."""
    solver: Annotated[str, NameIn(RIDGE_SOLVERS)] = "auto"
    """`auto`: ridge if samples >= columns, else kernel ridge. `himalaya`: that library (slow)."""
    intercept: Intercept = "fold"
    """A constant a voxel, in each fold and in the fit of all rows; `none`: responses as they are."""
    coef_space: CoefSpace = "design"
    """Coefficients of the columns of the design, or of the features before their reduction."""
    label: Name | None = None
    """Ending of the file names, to tell two fits apart that would share a folder."""


class BandSource(Closed):
    """One band: a feature block, narrowed where the block has several values. Lists are axes."""

    source: Annotated[Name, Field(alias="from"), Allowed("the name of a feature block")]
    """Name of the feature block; written `from`."""
    annotation: Axis[Name] | None = None
    """Caption level(s); left out: those of the block."""
    model: Axis[str] | None = None
    """Model(s); left out: those of the block."""
    layers: Layers | None = None
    """Layer(s); left out: those of the block."""
    nuisance: bool = False
    """Fitted with the others, but left out of what is predicted: r, p, intervals, saved predictions."""

    @model_serializer
    def as_plain(self) -> dict[str, Any]:
        """As it is written in YAML."""
        given: dict[str, Any] = {
            "annotation": self.annotation,
            "model": self.model,
            "layers": self.layers,
        }
        given["nuisance"] = self.nuisance or None
        return {"from": self.source} | {k: v for k, v in given.items() if v is not None}


class Search(Closed):
    """How the weights of the bands are searched."""

    n_iter: Count = 100
    """Random candidates (Dirichlet)."""
    concentration: Axis[Annotated[float, Field(gt=0), Allowed("a number > 0")]] = (0.1, 1.0)
    """Concentrations of the Dirichlet distribution, in turn."""
    seed: Annotated[int, Field(ge=0, lt=2**32), Allowed("an integer from 0 to 4294967295")] = 42
    """Seed of the candidates."""
    refine: Annotated[int, Field(ge=0), Allowed("an integer >= 0")] = 0
    """Rounds of candidates near the best ones."""
    n_refine: Count = 20
    """Candidates in a round."""


class BandedFit(Closed):
    """Banded ridge: several feature spaces in one fit, each with a penalty of its own."""

    kind: Annotated[Literal["banded"], Allowed("one of: ridge, banded")]
    """Which encoding model."""
    bands: dict[Name, BandSource]
    """Two or more bands by name; the product of their axes is taken."""
    delays: Axis[Delays]
    """Shifts; a list is an axis."""
    reduce: Axis[Reduction] = (Reduction(),)
    """Reduction of the columns of each band; a list is an axis."""
    alphas: Alphas = Alphas()
    """Penalties, one is chosen per voxel."""
    search: Search = Search()
    """Search of the weights of the bands."""
    unique: bool = False
    """Whether to fit without each band in turn, for its unique variance."""
    solver: Annotated[str, NameIn(BANDED_SOLVERS)] = "auto"
    """`auto`: primal if samples >= columns, else kernels. `stacking`: a ridge a band, weighted by held-out
    predictions. `himalaya`: that library (slow)."""
    intercept: Intercept = "fold"
    """A constant a voxel, in each fold and in the fit of all rows; `none`: responses as they are."""
    coef_space: CoefSpace = "design"
    """Coefficients of the columns of the design, or of the features before their reduction."""
    label: Name | None = None
    """Ending of the file names, to tell two fits apart that would share a folder."""

    @model_validator(mode="after")
    def _several(self) -> BandedFit:
        if len(self.bands) < 2:
            raise _refuse("a mapping with two bands or more (one band is kind: ridge)")
        if all(band.nuisance for band in self.bands.values()):
            raise _refuse(
                "a mapping with a band that is no nuisance, so that something is predicted"
            )
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the feature blocks of the bands."""
        return tuple(band.source for band in self.bands.values())


FIT_KINDS: dict[str, type[Closed]] = {"ridge": RidgeFit, "banded": BandedFit}


def _is_mapping(value: Any) -> Any:
    if not isinstance(value, dict | Closed):
        raise _refuse("a mapping with the key kind")
    return value


def _kind(value: Any) -> str:
    """Tag of an entry; a wrong kind is left to the first class, whose message names all kinds."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if isinstance(kind, str) and kind in FIT_KINDS else "ridge"


AnyFit: TypeAlias = Annotated[
    Annotated[
        Annotated[RidgeFit, Tag("ridge")] | Annotated[BandedFit, Tag("banded")],
        Discriminator(_kind),
    ],
    BeforeValidator(_is_mapping),
]
