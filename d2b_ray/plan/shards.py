"""Feature sets of long stimuli in shards of some runs each, which several extractors share. Pure.

Frames and sound of a run are worked on by themselves, so that shards change no bit of the features.
Captions are not: distinct texts of all runs are run once, and one unit does that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from d2b_ray.plan.keys import unit_key
from d2b_ray.plan.units import Plan, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["sharded"]

BY_RUN = frozenset({"vision", "audio", "vision_language"})  # modalities


def sharded(
    plan: Plan, missing: Mapping[str, tuple[int, ...]], runs: Mapping[str, int], shard_s: int
) -> Plan:
    """The plan with shards before every extract unit that is worth it; the unit then joins them.

    `missing` layers still to be made, by key of the unit; `runs` their seconds, in order. A shard
    has as many runs in a row as last at most `shard_s` seconds, one at least.
    """
    pieces = list(_pieces(runs, shard_s))
    if len(pieces) < 2:
        return plan
    units: list[Unit] = []
    for unit in plan:
        if unit.kind == "extract" and unit.params["modality"] in BY_RUN and missing[unit.key]:
            parts = [_shard(unit, i, piece, missing[unit.key]) for i, piece in enumerate(pieces)]
            units += [*parts, replace(unit, needs=tuple(part.key for part in parts))]
        else:
            units.append(unit)
    return Plan(tuple(units), {unit.key: unit for unit in units}, plan.repeats)


def _pieces(runs: Mapping[str, int], shard_s: int) -> Iterator[dict[str, int]]:
    piece: dict[str, int] = {}
    for run, seconds in runs.items():
        if piece and sum(piece.values()) + seconds > shard_s:
            yield piece
            piece = {}
        piece[run] = seconds
    if piece:
        yield piece


def _shard(unit: Unit, number: int, runs: Mapping[str, int], layers: tuple[int, ...]) -> Unit:
    params = {"set": unit.params, "shard": number}
    names = list(runs)
    first, last = names[0], names[-1]
    words = first if first == last else f"{first} to {last}"
    return Unit(
        "shard",
        unit_key("shard", params),
        params,
        (),
        f"{unit.label} {words}",
        model=unit.model,
        layers=layers,
        place={"runs": dict(runs)},
    )
