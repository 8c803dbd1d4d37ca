"""Means over subjects, with what they rest on. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["mean_and_half", "mean_ceiling"]

LEAST = 3  # subjects of an interval of their mean


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """Mean over subjects, and half of its 95 % interval by Student's t; 0 of fewer than three."""
    count = len(values)
    if count < LEAST:
        return float(np.mean(values)), 0.0
    # that of scipy.stats takes a third of a second to import
    from scipy.special import stdtrit

    half = stdtrit(count - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(count)
    return float(np.mean(values)), float(half)


def mean_ceiling(profiles: Sequence[Mapping[str, Any]]) -> float | None:
    """Mean over subjects of their mean ceiling; None where one has none."""
    of = {row["subject"]: row["mean_ceiling"] for row in profiles}
    return None if None in of.values() or not of else float(np.mean(list(of.values())))
