"""The unit of work and the plan that holds them. Plain values; nothing is expanded or run here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["KINDS", "NO_LAYER", "RESULTS", "Kind", "Plan", "Unit"]

Kind: TypeAlias = Literal[
    "shard", "extract", "design", "factorize", "fit", "null", "bootstrap", "ceiling", "commit",
    "compare", "generalise", "weights", "gather",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
NO_LAYER = 0  # the one "layer" of a model without layers; drama2brain's folder is `layerNone`
RESULTS: tuple[Kind, ...] = (
    "commit",
    "compare",
    "generalise",
    "weights",
    "gather",
)  # leave files of results
DURABLE = frozenset({"shard", "extract", *RESULTS})


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of work, known by its key.

    `params` hold exactly what changes the numbers, as JSON values; treat them as read-only. `needs`
    are the keys of the units whose results go in; all of them stand earlier in the plan. `layers`
    (extract and shard) are the layers wanted of the feature set, rising; they are no part of the key.
    `place` says where the results belong (of what leaves results), or the runs or texts of a shard;
    `kept` (commit) how many of its permutations lie counted in the store already.
    """

    kind: Kind
    key: str
    params: Mapping[str, Any] = field(hash=False)
    needs: tuple[str, ...]
    label: str
    subject: str | None = None
    model: str | None = None
    layers: tuple[int, ...] = ()
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    kept: int = 0

    @property
    def work_kind(self) -> str:
        """Its kind, but `join` for an extract unit whose shards have done the work of the model."""
        return "join" if self.kind == "extract" and self.needs else self.kind

    @property
    def durable(self) -> bool:
        """Whether the unit leaves a record. The others are values, made again when needed."""
        return self.kind in DURABLE


@dataclass(frozen=True, slots=True)
class Plan:
    """Units in an order in which every need comes before its user; each key once.

    `repeats` is how many fits the sweep asked for more than once (removed). `inputs` fingerprints of
    what durable units are made of, by key and name, as far as the world tells.
    """

    units: tuple[Unit, ...]
    index: Mapping[str, Unit] = field(hash=False)
    repeats: int
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)

    def __getitem__(self, key: str) -> Unit:
        """The unit with this key; KeyError if the plan has none."""
        return self.index[key]

    def __iter__(self) -> Iterator[Unit]:
        return iter(self.units)

    def __len__(self) -> int:
        return len(self.units)

    def of(self, kind: Kind) -> tuple[Unit, ...]:
        """All units of a kind, in order."""
        return tuple(unit for unit in self.units if unit.kind == kind)
