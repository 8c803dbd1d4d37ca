"""The distinct texts that a sweep still has to have read, and which of them lie read in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.features.stimuli import texts_of
from d2b_ray.plan import text_choice
from d2b_ray.store import TextRows

if TYPE_CHECKING:
    from d2b_ray.data import Dataset
    from d2b_ray.features import Texts
    from d2b_ray.plan.extraction import Readings
    from d2b_ray.plan.world import TextChoice
    from d2b_ray.store import Store

__all__ = ["texts_of_readings"]


def texts_of_readings(
    readings: Readings, dataset: Dataset, features: Store
) -> tuple[dict[TextChoice, tuple[str, ...]], dict[str, dict[str, frozenset[int]]]]:
    """`texts` and `rows` of a `World`, for feature sets of which layers are missing.

    Raises ExtractionError for captions that cannot be read as the sweep asks for.
    """
    texts: dict[TextChoice, tuple[str, ...]] = {}
    rows: dict[str, dict[str, frozenset[int]]] = {}
    levels: dict[TextChoice, Texts] = {}
    for reading, units in readings.items():
        known = TextRows(features, str(units[0][0].model), reading)
        rows[reading] = {}
        for unit, _ in units:
            everyone = text_choice(unit.params, "ALL")
            if everyone not in levels:
                levels[everyone] = texts_of(dataset, unit.params)
                texts[everyone] = levels[everyone].texts
            if text_choice(unit.params) not in texts:
                chosen = levels[everyone].of(unit.params.get("annotators", "ALL"))
                texts[text_choice(unit.params)] = chosen.texts
            for text in texts[text_choice(unit.params)]:
                if text not in rows[reading] and (layers := known.layers(text)):
                    rows[reading][text] = layers
    return texts, rows
