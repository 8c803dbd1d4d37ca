"""What is done with the responses of a run before anything is fitted: drift, confounds, z-score.

Slow drift and confounds go in one step by `nilearn.signal.clean` (extra `imaging`), which also takes the
drift out of the confounds; a running median and Savitzky-Golay by scipy. The z-score comes last: mean 0
and standard deviation 1 (over n) in the samples of the run that are kept. A voxel that does not vary
becomes 0, and is left out like any other that does not vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.arrays import Array, FloatArray

__all__ = ["Treatment", "needs_imaging"]

ORDER = 3  # of the Savitzky-Golay polynomial


@dataclass(frozen=True, slots=True)
class Treatment:
    """`detrend` none, linear, cosine, median or savgol with `window_s`; `confounds` column patterns."""

    detrend: str = "none"
    window_s: float = 120.0
    confounds: tuple[str, ...] = ()
    zscore: bool = False

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Treatment:
        """As a sweep says it (`spec.ResponsesBlock.as_plain`)."""
        return cls(
            plain.get("detrend", "none"),
            plain.get("window_s", 120.0),
            tuple(plain.get("confounds", ())),
            plain.get("zscore") == "run",
        )

    @property
    def nothing(self) -> bool:
        """Whether responses are taken as they are."""
        return self == Treatment(window_s=self.window_s)

    def apply(self, rows: FloatArray, tr_s: float, confounds: Array | None = None) -> FloatArray:
        """Responses (n, V) of one run, treated; `confounds` (n, k) where they are regressed out.

        Computed in float64, returned float32. DataError for a run shorter than its filter.
        """
        if self.nothing:
            return rows
        values = np.asarray(rows, np.float64)
        if self.detrend in ("median", "savgol"):
            values = values - self._slow(values, tr_s)
        if self.detrend in ("linear", "cosine") or self.confounds:
            values = self._cleaned(values, tr_s, confounds)
        if self.zscore:
            centred = values - values.mean(0)
            spread = np.sqrt(np.square(centred).mean(0))
            size = np.abs(values).max(0, initial=0)
            flat = spread <= 1e-7 * size  # rounding of float32 files is no variation
            with np.errstate(invalid="ignore", divide="ignore"):
                values = np.where(flat, 0.0, centred / spread)
        return values.astype(np.float32)

    def _slow(self, values: Array, tr_s: float) -> Array:
        from scipy.ndimage import median_filter
        from scipy.signal import savgol_filter

        length = max(ORDER + 2, round(self.window_s / tr_s)) | 1
        if length > len(values):
            raise DataError(
                f"dataset.responses.window_s: {self.window_s:g} s are {length} samples, and a run has "
                f"{len(values)}; must be shorter"
            )
        if self.detrend == "median":
            found: Array = median_filter(values, size=(length, 1), mode="nearest")
            return found
        smooth: Array = savgol_filter(values, length, ORDER, axis=0)
        return smooth

    def _cleaned(self, values: Array, tr_s: float, confounds: Array | None) -> Array:
        clean = needs_imaging("nilearn.signal").clean
        finite = np.isfinite(values).all(0)
        out = np.full_like(values, np.nan)
        out[:, finite] = clean(
            values[:, finite],
            detrend=self.detrend == "linear",
            standardize=None,
            standardize_confounds=True,
            confounds=confounds if self.confounds else None,
            filter="cosine" if self.detrend == "cosine" else False,
            high_pass=1 / self.window_s if self.detrend == "cosine" else None,
            t_r=tr_s,
        )
        return out


def needs_imaging(module: str) -> Any:
    """A module of nibabel or nilearn; DataError, saying what to install, where it is not there."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(
            f"{module.partition('.')[0]} is not installed, which this needs: pip install 'd2b-ray[imaging]'"
        ) from error
