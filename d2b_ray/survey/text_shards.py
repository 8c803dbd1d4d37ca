"""Which distinct texts the feature sets of a sweep need, in shards, and which are read already.

Sets that are read in one way share their texts: annotators ALL and splitA, windows, levels. A text
belongs to the first level of the plan that has it, whoever runs first, and whatever is done already:
same spec, same shards.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from d2b_ray.features import collect_texts
from d2b_ray.plan import feature_key, text_shards
from d2b_ray.store.text_rows import TextRows, reading_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.features import Texts
    from d2b_ray.plan import Unit
    from d2b_ray.store import Store
    from d2b_ray.survey.look import Survey

__all__ = ["TextShards", "texts_of"]


def texts_of(dataset: Any, params: Mapping[str, Any]) -> Texts:
    """The distinct texts of a feature set and where they stand; annotators not chosen yet."""
    captions = {run.name: dataset.captions(run, params["annotation"]) for run in dataset.runs.used}
    return collect_texts(captions, window=params["window"], join=params["join"])


class TextShards:
    """Collects extract units, then cuts their texts into shards of at most `size`.

    After `shards`: `inputs` of each shard by name, keys of shards that are `done`.
    """

    def __init__(self, found: Survey, features: Store, size: int) -> None:
        self.inputs: dict[str, dict[str, str]] = {}
        self.done: set[str] = set()
        self._found = found
        self._features = features
        self._size = size
        self._units: dict[str, list[tuple[Unit, tuple[int, ...]]]] = defaultdict(list)
        # of a reading: what its model is called among the inputs, and the model's fingerprint
        self._models: dict[str, tuple[str, str]] = {}

    def add(self, unit: Unit, layers: tuple[int, ...]) -> None:
        """A unit whose `layers` are to be made, none if it is done."""
        ours = (key for key in (feature_key(unit.params, n) for n in unit.layers)
                if key not in self._found.found)  # fmt: skip
        key = next(ours, None)
        if key is None:
            return  # all of it came with the data set
        inputs = self._found.fingerprints[key]
        name = next(name for name in inputs if name.startswith("model "))
        reading = reading_of(unit.params, inputs[name])
        self._models[reading] = (name, inputs[name])
        self._units[reading].append((unit, layers))

    def shards(self) -> dict[str, list[Unit]]:
        """Shards that each unfinished unit needs, by its key; of one without any text, none."""
        needed: dict[str, list[Unit]] = {}
        said: dict[tuple[Any, ...], Texts] = {}
        for reading, units in self._units.items():
            if not any(layers for _, layers in units):
                continue
            known = TextRows(self._features, str(units[0][0].model), reading)
            at: dict[str, Unit] = {}
            for level in _by_level(units):
                params = level[0][0].params
                which = (params["annotation"], params["window"], params["join"])
                if which not in said:
                    said[which] = texts_of(self._found.dataset, params)
                self._cut(reading, level, said[which], known, at)
                for unit in (unit for unit, layers in level if layers):
                    texts = said[which].of(unit.params["annotators"]).texts
                    needed[unit.key] = list({at[text].key: at[text] for text in texts}.values())
        return needed

    def _cut(
        self,
        reading: str,
        level: Sequence[tuple[Unit, tuple[int, ...]]],
        said: Texts,
        known: TextRows,
        at: dict[str, Unit],
    ) -> None:
        """Shards of the texts of a level that no earlier one has, into `at` by text."""
        name, fingerprint = self._models[reading]
        first = level[0][0]
        wanted = [layers for _, layers in level if layers] or [unit.layers for unit, _ in level]
        layers = tuple(sorted({layer for own in wanted for layer in own}))
        used = {text for unit, _ in level for text in said.of(unit.params["annotators"]).texts}
        new = [
            text
            for text in said.texts
            if text in used and not (text in at and set(layers) <= set(at[text].layers))
        ]
        for shard in text_shards(first, fingerprint, layers, new, self._size):
            texts = shard.place["texts"]
            left = [text for text in texts if not known.has(text, layers)]
            at |= dict.fromkeys(texts, replace(shard, place={"texts": left}))
            self.inputs[shard.key] = {name: fingerprint}
            if not left:
                self.done.add(shard.key)


def _by_level(
    units: Sequence[tuple[Unit, tuple[int, ...]]],
) -> Iterator[list[tuple[Unit, tuple[int, ...]]]]:
    """Units that have their texts in common, but for annotators, in the order of the plan."""
    levels: dict[tuple[Any, ...], list[tuple[Unit, tuple[int, ...]]]] = defaultdict(list)
    for unit, layers in units:
        params = unit.params
        levels[params["annotation"], params["window"], params["join"]].append((unit, layers))
    yield from levels.values()
