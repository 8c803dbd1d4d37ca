"""How the extraction of a sweep is shared: the shards of its feature sets, which an extract unit joins.

Sets that are read in one way share their texts: annotators ALL and splitA, windows, levels. A text
belongs to the first level of the plan that has it, whoever runs first, and whatever is done already:
same spec, same shards. Of a shard's texts those are named that are not read yet.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from d2b_ray.plan.keys import digest, feature_key
from d2b_ray.plan.shards import by_runs, by_texts, reading_key, run_shards, text_shards
from d2b_ray.plan.world import text_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from d2b_ray.plan.units import Unit
    from d2b_ray.plan.world import TextChoice, World
    from d2b_ray.spec import ExtractResources

__all__ = [
    "Readings",
    "Shards",
    "inputs_of_set",
    "missing_layers",
    "model_input",
    "readings",
    "shards_of",
]

PART = ("layers", "runs of the shard")  # names of what only the inputs of a shard of runs have

Readings = dict[str, "list[tuple[Unit, tuple[int, ...]]]"]  # by reading: units, missing layers


@dataclass(slots=True)
class Shards:
    """Shards that extract units join, by their key; fingerprints of what each shard is made of."""

    of: dict[str, list[Unit]] = field(default_factory=dict)
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)


def missing_layers(unit: Unit, world: World) -> tuple[int, ...]:
    """Layers of an extract unit that neither came with the data set nor were made."""
    found = {layer: world.features.get(feature_key(unit.params, layer)) for layer in unit.layers}
    return tuple(
        n for n, known in found.items() if known is None or not (known.given or known.made)
    )


def model_input(inputs: Mapping[str, str]) -> tuple[str, str]:
    """Which of the inputs of a feature set is its model: its name there, and the fingerprint."""
    return next((name, value) for name, value in inputs.items() if name.startswith("model "))


def readings(extracts: Iterable[Unit], world: World) -> Readings:
    """Feature sets made text by text, those that are read in one way together, in order.

    Only readings of which a layer is missing; sets of these that are done are with them, without
    missing layers.
    """
    found: Readings = defaultdict(list)
    for unit in extracts:
        inputs = _inputs_here(unit, world)
        if by_texts(unit.params) and inputs is not None:
            reading = reading_key(unit.params, model_input(inputs)[1])
            found[reading].append((unit, missing_layers(unit, world)))
    return {reading: own for reading, own in found.items() if any(layers for _, layers in own)}


def shards_of(extracts: Sequence[Unit], world: World, wanted: ExtractResources) -> Shards:
    """The shards of all feature sets of a sweep; of a set that fits into one shard of runs, none."""
    made = Shards()
    for unit in extracts:
        layers = missing_layers(unit, world)
        inputs = _inputs_here(unit, world)
        if layers and by_runs(unit.params) and inputs is not None:
            made.of[unit.key] = run_shards(unit, layers, world.run_seconds, wanted.shard_s)
            for shard in made.of[unit.key]:
                made.inputs[shard.key] = {**inputs, **_part(shard)}
    for reading, units in readings(extracts, world).items():
        _share_texts(reading, units, world, wanted.shard_texts, made)
    return made


def _inputs_here(unit: Unit, world: World) -> Mapping[str, str] | None:
    """What the layers of a set that are made here are made of; None if all came with the data set."""
    known = (world.features.get(feature_key(unit.params, layer)) for layer in unit.layers)
    return next((layer.inputs for layer in known if layer is not None and not layer.given), None)


def _part(shard: Unit) -> dict[str, str]:
    """Which part of its set a shard of runs is: no other part passes for it."""
    runs = {run: str(seconds) for run, seconds in shard.place["runs"].items()}
    return dict(zip(PART, (" ".join(map(str, shard.layers)), digest(runs)), strict=True))


def inputs_of_set(inputs: Mapping[str, str]) -> dict[str, str]:
    """What the whole feature set is made of, from the inputs of a shard of its runs, or its own."""
    return {name: value for name, value in inputs.items() if name not in PART}


def _share_texts(
    reading: str,
    units: Sequence[tuple[Unit, tuple[int, ...]]],
    world: World,
    size: int,
    made: Shards,
) -> None:
    """Cut the texts of one reading, level by level, and tell each unfinished set its shards."""
    at: dict[str, Unit] = {}  # text -> the shard that reads it
    for level in _by_level(units):
        for shard, texts in _cut(level, world, size, at):
            lie = world.rows.get(reading, {})
            left = [t for t in texts if not set(shard.layers) <= lie.get(t, frozenset())]
            at |= dict.fromkeys(texts, replace(shard, place={"texts": left}))
            inputs = _inputs_here(level[0][0], world)
            assert inputs is not None  # `readings` has no others
            made.inputs[shard.key] = dict([model_input(inputs)])
        for unit in (unit for unit, layers in level if layers):
            texts = world.texts[text_choice(unit.params)]
            made.of[unit.key] = list({at[text].key: at[text] for text in texts}.values())


def _cut(
    level: Sequence[tuple[Unit, tuple[int, ...]]],
    world: World,
    size: int,
    at: Mapping[str, Unit],
) -> list[tuple[Unit, Sequence[str]]]:
    """Shards of the texts of a level that no earlier one has, and their texts."""
    first = level[0][0]
    wanted = [layers for _, layers in level if layers] or [unit.layers for unit, _ in level]
    layers = tuple(sorted({layer for own in wanted for layer in own}))
    used = {text for unit, _ in level for text in world.texts[text_choice(unit.params)]}
    new = [
        text
        for text in world.texts[text_choice(first.params, "ALL")]
        if text in used and not (text in at and set(layers) <= set(at[text].layers))
    ]
    inputs = _inputs_here(first, world)
    assert inputs is not None
    made = text_shards(first, model_input(inputs)[1], layers, new, size)
    return [(shard, shard.place["texts"]) for shard in made]


def _by_level(
    units: Sequence[tuple[Unit, tuple[int, ...]]],
) -> Iterator[list[tuple[Unit, tuple[int, ...]]]]:
    """Units that have their texts in common, but for annotators, in the order of the plan."""
    levels: dict[TextChoice, list[tuple[Unit, tuple[int, ...]]]] = defaultdict(list)
    for unit, layers in units:
        levels[text_choice(unit.params, "ALL")].append((unit, layers))
    yield from levels.values()
