"""A modality of a lab: how loud a text would be, by a formula, in two "layers". No files, no network.

layer 1: x[s] = (letters, vowels, words)^power of all that is said in second s
layer 2: x[s] = log(1 + the same)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.catalog import Modality
from d2b_ray.errors import ExtractionError
from d2b_ray.features import ModelSource
from d2b_ray.spec.closed import Axis, Name, Positive
from d2b_ray.spec.features import FeatureBlock, Layers, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

METER = "meter"
COUNTED = (r"\w", r"[aeiou]", r"\w+")


class LoudnessBlock(FeatureBlock):
    """How loud a text would be."""

    annotation: Axis[Name]
    """Caption level(s)."""
    model: Axis[Text] = (METER,)
    """There is one."""
    layers: Layers = "all"
    """1 or 2."""
    power: Positive = 1
    """Exponent of the counts."""


@dataclass(frozen=True)
class Meter:
    """The model, of which there is nothing to load."""

    source: ModelSource


def source(model: str, base: str | None, modality: str) -> ModelSource:
    """Two layers of three columns; the digest says which formula it is."""
    if model != METER:
        raise ExtractionError(f"model {model!r}: loudness has one model, {METER}")
    return ModelSource(model, "a formula", METER, 2, 3, modality, digest=f"{METER}@1")


def load(source: ModelSource, *, device: str, dtype: str) -> Meter:
    """The model of a source."""
    return Meter(source)


def extract(
    model: Meter,
    captions: Mapping[str, Sequence[Sequence[str]]],
    *,
    power: int,
    layers: Sequence[int],
) -> Iterator[tuple[str, dict[int, np.ndarray]]]:
    """Per run: its name and {layer: (seconds, 3) float32}."""
    for run, rows in captions.items():
        counts = np.array([counted(" ".join(row)) for row in rows], np.float64)  # (seconds, 3)
        raised = counts**power
        made = {1: raised, 2: np.log1p(raised)}
        yield run, {layer: made[layer].astype(np.float32) for layer in layers}


def counted(text: str) -> list[int]:
    """Letters, vowels, words."""
    return [len(re.findall(pattern, text)) for pattern in COUNTED]


MODALITY = Modality(block=LoudnessBlock, extractor=__name__, needs=("captions",))
