"""How sure a score is: the intervals beside it, as arrays by path and as columns. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array
    from d2b_ray.significance import Interval
    from d2b_ray.store import FitPlace

__all__ = ["Bounds"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What bounds the scores of a fit; all None or empty if nothing was asked for.

    `r` interval of the joint correlation; `unique` intervals of the unique variance, a band each.
    """

    r: Interval | None = None
    unique: tuple[Interval, ...] = ()

    @classmethod
    def of(cls, wanted: Mapping[str, Any], values: Sequence[Any]) -> tuple[Bounds, Sequence[Any]]:
        """The bounds among the values that a commit gets after its fit, and the others."""
        rest = list(values)
        if "bootstrap" not in wanted:
            return cls(), rest
        r, *unique = rest.pop()
        return cls(r, tuple(unique)), rest

    def arrays(self, place: FitPlace) -> dict[str, Array]:
        """Path -> array (V,), of bands (bands, V), float32."""
        found: dict[str, Array] = {}
        if self.r is not None:
            found |= {place.cc_low: self.r.low, place.cc_high: self.r.high}
        if self.unique:
            found[place.band_unique_low] = np.stack([one.low for one in self.unique])
            found[place.band_unique_high] = np.stack([one.high for one in self.unique])
        return {path: array.astype(np.float32) for path, array in found.items()}

    @property
    def columns(self) -> dict[str, Array]:
        """Columns of the table of voxels."""
        return {} if self.r is None else {"r_low": self.r.low, "r_high": self.r.high}

    def band_columns(self, number: int) -> dict[str, Array]:
        """Columns of the table of bands for one of them."""
        if not self.unique:
            return {}
        return {"unique_low": self.unique[number].low, "unique_high": self.unique[number].high}
