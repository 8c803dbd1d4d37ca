"""How sure a score is and how high it could be: two steps, and what a commit makes of their values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Array, FloatArray, IntArray
    from d2b_ray.significance import Interval
    from d2b_ray.store import FitPlace

__all__ = ["Intervals"]


@dataclass(frozen=True, slots=True)
class Intervals:
    """What bounds the scores of a fit; all None or empty if nothing was asked for.

    `r` interval of the joint correlation; `unique` intervals of the unique variance, a band each;
    `ceiling` (V,) of the correlation.
    """

    r: Interval | None = None
    unique: tuple[Interval, ...] = ()
    ceiling: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls, wanted: Mapping[str, Any], values: Sequence[Any]
    ) -> tuple[Intervals, Sequence[Any]]:
        """The bounds among the values that a commit gets after its fit, and the others."""
        rest = list(values)
        ceiling = rest.pop() if "ceiling" in wanted else None
        if "bootstrap" not in wanted:
            return cls(ceiling=ceiling), rest
        r, *unique = rest.pop()
        return cls(r, tuple(unique), ceiling), rest

    def of_columns(self, kept: IntArray | None) -> Intervals:
        """The same where a fit has columns `kept` only: a ceiling is of all voxels."""
        if kept is None or self.ceiling is None:
            return self
        return replace(self, ceiling=self.ceiling[kept])

    @property
    def mean_ceiling(self) -> float | None:
        """Mean of the ceilings that are numbers; None if there are none."""
        if self.ceiling is None or not np.isfinite(self.ceiling).any():
            return None
        return float(np.nanmean(self.ceiling))

    def columns(self, r: FloatArray) -> dict[str, Array]:
        """Columns of the table of voxels, for correlations `r` (V,)."""
        from d2b_ray.significance import normalised

        found: dict[str, Array] = {}
        if self.r is not None:
            found |= {"r_low": self.r.low, "r_high": self.r.high}
        if self.ceiling is not None:
            found |= {"ceiling": self.ceiling, "r_normalised": normalised(r, self.ceiling)}
        return {name: array.astype(np.float32) for name, array in found.items()}

    def band_columns(self, number: int) -> dict[str, Array]:
        """Columns of the table of bands for one of them."""
        if not self.unique:
            return {}
        own = self.unique[number]
        return {
            "unique_low": own.low.astype(np.float32),
            "unique_high": own.high.astype(np.float32),
        }

    def arrays(self, place: FitPlace, r: FloatArray) -> dict[str, Array]:
        """Path -> array (V,), of bands (bands, V)."""
        paths = {
            "r_low": place.cc_low,
            "r_high": place.cc_high,
            "ceiling": place.ceiling,
            "r_normalised": place.cc_normalised,
        }
        found = {paths[name]: array for name, array in self.columns(r).items()}
        bands = [self.band_columns(number) for number in range(len(self.unique))]
        if bands:
            found[place.band_unique_low] = np.stack([band["unique_low"] for band in bands])
            found[place.band_unique_high] = np.stack([band["unique_high"] for band in bands])
        return found
