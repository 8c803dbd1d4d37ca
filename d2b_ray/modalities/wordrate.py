"""How many words are said: its options in a sweep, and its row of the table."""

from __future__ import annotations

from d2b_ray.catalog.modalities import Modality
from d2b_ray.spec.closed import Axis, Name
from d2b_ray.spec.features import FeatureBlock

__all__ = ["MODALITY", "WordRateBlock"]


class WordRateBlock(FeatureBlock):
    """How many words are said: 1 at each word, summed over a sample."""

    annotation: Axis[Name]
    """Level(s) of words: folders below `words` of the data set."""
    model: Axis[Name] = ("wordrate",)
    """Name that is shown in tables and figures."""


MODALITY = Modality(
    block=WordRateBlock,
    reading="d2b_ray.features.given.wordrate",
    sampling="sum",
    layered=False,
)
