"""The entries of `compare` in a sweep: which fits are set against each other, in the words of the sweep."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from d2b_ray.spec.closed import Allowed, Axis, Closed, Count, Name, Positive

__all__ = ["Comparison", "FitWords"]

Difference: TypeAlias = Literal["annotation", "model", "layer", "delays", "reduce", "label"]


class FitWords(Closed):
    """Chooses fits: those that have one of the values of every key that is given."""

    kind: Annotated[Axis[Literal["ridge", "banded"]] | None, Allowed("ridge, banded or both")] = (
        None
    )
    """Kind of the fit."""
    annotation: Axis[str] | None = None
    """Caption level(s); of bands joined with ` + `, as in the tables."""
    model: Axis[str] | None = None
    """Model(s); of bands joined with ` + `."""
    layer: Axis[Positive] | None = None
    """Layer(s); banded fits have none."""
    label: Axis[Name] | None = None
    """Label(s)."""


class Comparison(Closed):
    """Pairs of fits of one subject: all that differ in one thing only, or one named pair."""

    by: Annotated[
        Difference | None, Allowed("one of: annotation, model, layer, delays, reduce, label")
    ] = None
    """Pairs of fits that differ in this and agree in all else."""
    where: FitWords = FitWords()
    """With `by`: only among these fits."""
    against: Annotated[str | int, Field(union_mode="left_to_right")] | None = None
    """With `by`: only pairs whose second fit has this value; left out: every pair."""
    first: FitWords | None = None
    """Without `by`: the one fit that this describes ..."""
    second: FitWords | None = None
    """... less the one that this describes."""
    permutations: Count = 1000
    """How many swaps of blocks."""

    @model_validator(mode="after")
    def _one_way(self) -> "Comparison":
        named = self.first is not None and self.second is not None
        bare = self.against is None and self.where == FitWords()
        either = self.first is not None or self.second is not None
        if (named and bare) if self.by is None else not either:
            return self
        words = "by (with where and against, if you like), or first and second"
        raise PydanticCustomError("allowed", "{words}", {"words": words})
