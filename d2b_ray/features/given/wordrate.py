"""How many words are said: a 1 at the middle of each word that has a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.data.dataset import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import Clock, FloatArray, Run
    from d2b_ray.data import Dataset

__all__ = ["files", "read", "width"]


def files(dataset: Dataset, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Word files of all runs that have a role; all are read."""
    folder = words_of(dataset)
    for run in dataset.runs.used:
        folder.read(run, params["annotation"])
    return folder.files(params["annotation"])


def width(dataset: Dataset, params: Mapping[str, Any]) -> int:
    """One column."""
    return 1


def read(dataset: Dataset, params: Mapping[str, Any], run: Run) -> tuple[FloatArray, Clock]:
    """A row a word."""
    clock = words_of(dataset).read(run, params["annotation"]).clock
    return np.ones((len(clock.onset), 1), np.float32), clock
