"""Pairs of finished fits that differ in one thing, as `compare` of a sweep has them, from tables alone.

Without the fits' predictions no voxel is tested; regions and subjects are (comparisons.py).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.errors import SpecError
from d2b_ray.report.columns import PLACE
from d2b_ray.report.comparisons import comparison_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

__all__ = ["pair_rows"]

DELAYS = ("delay_start_s", "delay_end_s")  # two columns of one thing


def pair_rows(
    fits: Sequence[Mapping[str, Any]],
    read: Callable[[Mapping[str, Any]], pa.Table],
    by: str,
    sides: tuple[Any, Any],
    words: Callable[[Any], str],
) -> list[dict[str, Any]]:
    """Rows as in comparisons.parquet of fits that agree in all but `by`, which is `sides` of them.

    Fits that differ in one end of the delays may differ in the other too. `read(fit)` is the fit's table of
    voxels; means are over the voxels that both fits have a score of.
    SpecError for a `by` that fits are not told apart by, and where no two fits are a pair.
    """
    if by not in PLACE:
        raise SpecError(f"{by!r}: fits are compared by {', '.join(PLACE)}")
    rest = [name for name in PLACE if name != by and not {name, by} <= set(DELAYS)]
    pairs: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for fit in fits:
        one = pairs[(*(words(fit[name]) for name in rest), fit["subject"])]
        if words(fit[by]) in one:  # delays that begin alike and end apart
            raise SpecError(
                f"several fits have {by} {words(fit[by])} and agree in all else: say {' and '.join(DELAYS)}"
            )
        one[words(fit[by])] = fit
    first, second = (words(side) for side in sides)
    varying = [n for n, name in enumerate(rest) if len({key[n] for key in pairs}) > 1]
    summaries = []
    for key, found in sorted(pairs.items()):
        if first in found and second in found:
            own = (found[first], found[second])
            also = ", ".join(key[n] for n in varying)
            names = [f"{side} ({also})" if also else side for side in (first, second)]
            summaries.append(
                {
                    "pair": "/".join(key[:-1]), "by": by, "names": names, "subject": key[-1],
                    "fits": [fit["fit"] for fit in own],
                    "rois": _regions(*(read(fit) for fit in own)),
                }
            )  # fmt: skip
    if not summaries:
        raise SpecError(f"no two fits agree in all but {by} and have {first!r} and {second!r}")
    return comparison_rows(summaries, [fit["fit"] for fit in fits])


def _regions(first: pa.Table, second: pa.Table) -> dict[str, dict[str, Any]]:
    """Means of r by region; the empty name is all voxels, tested or not."""
    one, two = (table["r"].to_numpy().astype(float) for table in (first, second))
    there = np.isfinite(one) & np.isfinite(two)
    regions = np.array([name or "" for name in first["roi"].to_pylist()])
    found = {}
    for name in sorted({"", *regions[there]}):
        own = there & (regions == name) if name else there
        a, b = float(one[own].mean()), float(two[own].mean())
        found[name] = {
            "first": a, "second": b, "difference": a - b, "voxels": int(own.sum()),
            "better": None, "worse": None,
        }  # fmt: skip
    return found
