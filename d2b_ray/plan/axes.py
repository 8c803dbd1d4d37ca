"""From the axes of a sweep to single cells: a feature space, a delay, a reduction, a fit entry.

A cell holds for all subjects. Not here: keys of units, their order, what they need (`expand`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import PlanError

if TYPE_CHECKING:
    from d2b_ray.spec import FeatureBlock, RidgeFit, Sweep

__all__ = ["Cell", "cells", "chosen_subjects", "feature_sets", "wanted_layers"]

LayerCount = Callable[[str, str], int]


@dataclass(frozen=True, slots=True)
class Cell:
    """One encoding model for every subject. `source` is the key in the sweep, as `fits.0`."""

    source: str
    feature_set: dict[str, Any]
    layer: int
    delays: dict[str, Any]
    reduce: dict[str, Any] | None  # {"pca": k}, {"srp": eps} or None
    fit: RidgeFit


def chosen_subjects(sweep: Sweep, known: tuple[str, ...]) -> tuple[str, ...]:
    """Subjects of the sweep, each once, in the order of the sweep; PlanError for unknown ones."""
    wanted = sweep.dataset.subjects
    if wanted == "all":
        return known
    strangers = [subject for subject in wanted if subject not in known]
    if strangers:
        raise PlanError(
            f"dataset.subjects: the data set has no {', '.join(strangers)}; "
            f"allowed: {', '.join(known)}"
        )
    return tuple(dict.fromkeys(wanted))


def feature_sets(block: FeatureBlock) -> Iterator[dict[str, Any]]:
    """The product of a feature block's axes without the layers, as params of extract units."""
    for model, annotation, window, annotators in product(
        block.model, block.annotation, block.window, block.annotators
    ):
        yield {
            "modality": block.modality,
            "annotation": annotation,
            "model": model,
            "window": window,
            "tokens": block.tokens,
            "annotators": annotators,
            "join": block.join,
            "dtype": block.dtype,
        }


def wanted_layers(name: str, block: FeatureBlock, model: str, count: int) -> tuple[int, ...]:
    """Layers (1 = embeddings) of a model with `count` layers, rising, each once.

    Raises PlanError naming the allowed range.
    """
    if block.layers == "all":
        return tuple(range(1, count + 1))
    beyond = sorted({layer for layer in block.layers if not 1 <= layer <= count})
    if beyond:
        raise PlanError(
            f"features.{name}.layers: {model} has no layer {', '.join(map(str, beyond))}; "
            f"allowed: 1 to {count} (1 = embeddings)"
        )
    return tuple(sorted(set(block.layers)))


def cells(sweep: Sweep, n_layers: LayerCount) -> Iterator[Cell]:
    """Every cell the sweep asks for, repeats included, in the order of its axes."""
    known: dict[tuple[str, str], int] = {}
    for place, fit in enumerate(sweep.fits):
        delays = [entry.model_dump() for entry in fit.delays]
        plain = [entry.as_plain() for entry in fit.reduce]
        reductions = [entry if isinstance(entry, dict) else None for entry in plain]
        for name in fit.features:
            block = sweep.features[name]
            for feature_set in feature_sets(block):
                model = (block.modality, feature_set["model"])
                if model not in known:
                    known[model] = n_layers(*model)
                layers = wanted_layers(name, block, model[1], known[model])
                for layer, delay, reduce in product(layers, delays, reductions):
                    yield Cell(f"fits.{place}", feature_set, layer, delay, reduce, fit)
