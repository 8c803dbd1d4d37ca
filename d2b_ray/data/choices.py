"""What a sweep says of how its data set is to be opened; which of it a layout takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.data.lengths import ExtraRows

__all__ = ["DataChoices"]


@dataclass(frozen=True, slots=True)
class DataChoices:
    """Keys of `dataset` that say how files are read; None or empty: left to the layout.

    `options` those that a layout names in its `options`: tr_s, run_table, select, mask.
    """

    extra_rows: ExtraRows | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
