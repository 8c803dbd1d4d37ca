"""Rows of distinct texts in the store: no text is read twice by a model, whoever asks for it.

    stim_features/texts/{model}/{reading}/{part}/layer{n}.npy  (texts, width) float32
                                                 texts.json    which texts, written last

`reading` is the digest of how a text is read (model and its weights, pooling, type, projection),
`part` the key of the shard that made them. All of it may be removed: then texts are read again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import ExtractionError
from d2b_ray.plan import by_texts, reading_key
from d2b_ray.store.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import FloatArray
    from d2b_ray.plan import Plan
    from d2b_ray.store.files import Store, Written

__all__ = ["TextRows", "forget_texts", "text_key", "write_rows"]

HELD_BYTES = 1 << 28  # rows that are held to be used again
LAYER = re.compile(r"layer(\d+)\.npy")


def text_key(text: str) -> str:
    """Equal for equal texts."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def write_rows(
    store: Store,
    where: tuple[str, str, str],
    texts: Sequence[str],
    rows: Mapping[int, FloatArray],
    about: Mapping[str, Any],
) -> dict[str, Written]:
    """Write a part, its list of texts last. `where` is model, reading and part."""
    written = store.write_arrays(
        {Layout.text_rows(*where, layer): values for layer, values in rows.items()}
    )
    path = Layout.text_list(*where)
    content = {"texts": [text_key(text) for text in texts], **about}
    return {**written, path: store.write_json(path, content)}


def forget_texts(plan: Plan, features: Store, results: Store) -> None:
    """Remove the rows of texts of all models of a plan, and the records of who made them.

    Where other studies may read from the same root, only the parts that this plan has made.
    """
    models = {str(unit.model) for unit in plan.of("extract") if by_texts(unit.params)}
    if features.url == results.url:
        for model in sorted(models):
            features.remove_tree(Layout.text_folder(model).rstrip("/"))
    else:
        for unit in plan.of("shard"):
            if "texts" in unit.place:
                reading = reading_key(unit.params["reading"], unit.params["model"])
                part = Layout.text_list(str(unit.model), reading, unit.key).rpartition("/")[0]
                features.remove_tree(part)
    for path in results.list(Layout.records_of_kind("shard")):
        if results.read_json(path)["params"].get("reading", {}).get("model") in models:
            results.remove(path)


class TextRows:
    """What lies in the store of the texts that were read in one way. One listing; lists at once."""

    def __init__(self, store: Store, model: str, reading: str) -> None:
        self._store = store
        self._where = (model, reading)
        folder = Layout.text_folder(model, reading)
        self._layers: dict[str, set[int]] = defaultdict(set)  # by part
        self._shared: dict[str, frozenset[int]] = {}
        parts = []
        for path in store.list(folder):
            part, _, name = path.removeprefix(folder).partition("/")
            if found := LAYER.fullmatch(name):
                self._layers[part].add(int(found[1]))
            elif path == Layout.text_list(model, reading, part):
                parts.append(part)
        read = store.read_many([Layout.text_list(model, reading, part) for part in parts])
        lists = [_read(store, path) for path in read]
        self.about: dict[str, Any] = lists[0] if lists else {}
        self._places: dict[str, list[tuple[str, int]]] = defaultdict(list)  # by text: part and row
        for part, content in zip(parts, lists, strict=True):
            for row, key in enumerate(content["texts"]):
                self._places[key].append((part, row))
        self._held: OrderedDict[tuple[int, str], FloatArray] = OrderedDict()

    def layers(self, text: str) -> frozenset[int]:
        """Layers at which the rows of a text are there."""
        parts = [part for part, _ in self._places.get(text_key(text), ())]
        if len(parts) != 1:
            return frozenset().union(*(self._layers[part] for part in parts))
        if parts[0] not in self._shared:  # texts of a part share the set
            self._shared[parts[0]] = frozenset(self._layers[parts[0]])
        return self._shared[parts[0]]

    def rows(self, layer: int, texts: Sequence[str]) -> FloatArray:
        """(texts, width) float32; ExtractionError if one of them is not there."""
        parts: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, text in enumerate(texts):
            places = self._places.get(text_key(text), ())
            place = next((p for p in places if layer in self._layers[p[0]]), None)
            if place is None:
                raise ExtractionError(
                    f"{Layout.text_folder(*self._where)} in {self._store.url} has no row of layer "
                    f"{layer} for text {text!r}, although it was made; was it removed while the sweep "
                    "ran? run the sweep again, it is made anew"
                )
            parts[place[0]].append((number, place[1]))
        found: FloatArray | None = None
        for part, numbers in parts.items():
            values = self._part(layer, part)
            if found is None:
                found = np.empty((len(texts), values.shape[1]), np.float32)
            to, of = np.array(numbers).T
            found[to] = values[of]
        assert found is not None  # no texts, no shards, no join
        return found

    def _part(self, layer: int, part: str) -> FloatArray:
        if (layer, part) not in self._held:
            values = self._store.read_array(Layout.text_rows(*self._where, part, layer))
            self._held[layer, part] = values
            while len(self._held) > 1 and self._bytes() > HELD_BYTES:
                self._held.popitem(last=False)
        self._held.move_to_end((layer, part))
        return self._held[layer, part]

    def _bytes(self) -> int:
        return sum(values.nbytes for values in self._held.values())


def _read(store: Store, content: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ExtractionError(
            f"a list of texts in {store.url}/{Layout.TEXTS} cannot be read ({error}); remove that "
            "folder: texts are then read again"
        ) from error
    return found
