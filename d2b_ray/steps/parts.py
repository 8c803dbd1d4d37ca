"""A fit in parts: what all its readers need, and its series, the voxels of a null task each.

A task on another machine is sent its own voxels, and who reads scores is sent no series at all. A fit of
which somebody reads all series (intervals, saved predictions) stays whole: it would have to be put together
again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from d2b_ray.steps.columns import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from d2b_ray.arrays import Fit, FloatArray
    from d2b_ray.plan import Unit

__all__ = ["Series", "Tile", "apart", "part_of", "series_of", "tiles_of"]

Tile = tuple[int, int]  # columns of the responses: first, end


@dataclass(frozen=True, slots=True)
class Series:
    """What a fit predicts of some voxels: `prediction` (n_valid, v); `bands` (bands, n_valid, v), if any."""

    prediction: FloatArray
    bands: FloatArray | tuple[()] = ()


def tiles_of(nulls: Iterable[Unit]) -> tuple[Tile, ...]:
    """The voxels of the null tasks of a fit, in order; none where a task takes all of them."""
    tiles: set[Tile] = set()
    for unit in nulls:
        voxels = unit.params.get("voxels")
        if voxels is None:
            return ()
        tiles.add((voxels[0], voxels[1]))
    return tuple(sorted(tiles)) if len(tiles) > 1 else ()


def part_of(unit: Unit, tiles: Sequence[Tile]) -> int | None:
    """Which part of a fit a unit reads beside the head; None: the head alone."""
    if unit.kind != "null":
        return None
    first, end = unit.params["voxels"]
    return tiles.index((first, end))


def apart(fit: Fit, tiles: Sequence[Tile]) -> Iterator[Fit | Series]:
    """The fit without its series, then those of each tile; one after another, so that memory can follow."""
    bands = fit.bands
    if bands is not None:
        without = None if bands.without is None else bands.without[..., :0]
        bands = replace(bands, prediction=bands.prediction[..., :0], without=without)
    yield replace(fit, prediction=fit.prediction[:, :0], bands=bands)
    for tile in tiles:
        found = series_of(fit, columns_of(tile, fit.kept, len(fit.r)))
        bands_own = found.bands if isinstance(found.bands, tuple) else found.bands.copy()
        yield Series(found.prediction.copy(), bands_own)


def series_of(fit: Fit, own: slice) -> Series:
    """The series of columns `own` of a whole fit."""
    return Series(
        fit.prediction[:, own], () if fit.bands is None else fit.bands.prediction[..., own]
    )
