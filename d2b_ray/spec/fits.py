"""The entries of `fits` in a sweep: one class a kind of encoding model, told apart by `kind`.

`kind: ridge` is the only one built. The others join here, and `AnyFit` becomes a union by `kind`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from d2b_ray.spec.closed import Allowed, Axis, Closed, Name, Positive

__all__ = ["Alphas", "AnyFit", "Delays", "Reduction", "RidgeFit"]

Seconds: TypeAlias = Annotated[int, Field(ge=0), Allowed("an integer >= 0 (seconds)")]
Exponent: TypeAlias = Annotated[
    float, Field(ge=-300, le=300), Allowed("a number from -300 to 300 (power of ten)")
]


def _refuse(words: str) -> PydanticCustomError:
    return PydanticCustomError("allowed", "{words}", {"words": words})


class Delays(Closed):
    """Shifts of the features against the responses, in whole seconds (1 TR = 1 s)."""

    start: Seconds
    """First shift."""
    end: Seconds
    """Last shift, included."""
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
    count: Positive = 25
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

    kind: Annotated[Literal["ridge"], Allowed("one of: ridge")]
    """Which encoding model."""
    features: Annotated[Axis[Name], Allowed("the name of a feature block, or a list of such names")]
    """Name(s) of feature blocks."""
    delays: Axis[Delays]
    """Shifts; a list is an axis."""
    reduce: Axis[Reduction] = (Reduction(),)
    """Reduction of the columns; a list is an axis."""
    alphas: Alphas = Alphas()
    """Penalties, one is chosen per voxel."""
    solver: Annotated[
        Literal["auto", "ridge", "kernel_ridge", "himalaya"],
        Allowed("one of: auto, ridge, kernel_ridge, himalaya"),
    ] = "auto"
    """`auto`: ridge if samples >= columns, else kernel ridge. `himalaya`: that library (slow)."""
    label: Name | None = None
    """Ending of the file names, to tell two fits apart that would share a folder."""


def _is_mapping(value: Any) -> Any:
    if not isinstance(value, dict | Closed):
        raise _refuse("a mapping with the key kind")
    return value


AnyFit: TypeAlias = Annotated[RidgeFit, BeforeValidator(_is_mapping)]
