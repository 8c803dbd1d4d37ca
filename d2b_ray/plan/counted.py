"""Which permutations can be kept when a sweep asks for more of them, or corrects them otherwise. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["same_null"]

# What is done with the counts of a null, and how many there are; all else is the null itself.
AFTER_COUNTING = frozenset({"permutations", "correction", "level", "bootstrap", "ceiling"})


def same_null(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two commits (their params) count the permutations of one null of one fit."""

    def null(params: Mapping[str, Any]) -> dict[str, Any]:
        chosen = params["significance"].items()
        return {name: value for name, value in chosen if name not in AFTER_COUNTING}

    return bool(one["fit"] == other["fit"]) and null(one) == null(other)
