"""Nulls drawn by the fit that they test: where a GPU has just predicted, before anything leaves it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.arrays import NullCounts
from d2b_ray.catalog.significance_tests import TESTS, Draws
from d2b_ray.steps.autocorrelated import sampled_columns
from d2b_ray.steps.columns import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from d2b_ray.arrays import Array, Band, BandShares, FloatArray, IntArray
    from d2b_ray.encoding.on_device import Predictor
    from d2b_ray.plan import Unit
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["Drawing", "draws_of", "none_of"]


class Drawing:
    """The nulls of one fit. Called with what predicts, it fills `counts`, by key of the null unit.

    And `sampled`: predictions (n, v) of `sampled_columns`, which then come to the host alone.
    """

    def __init__(
        self,
        nulls: Sequence[Unit],
        cache: WorkerCache,
        kept: IntArray | None,
        bands: Sequence[Band] = (),
    ) -> None:
        self.counts: dict[str, tuple[NullCounts, ...]] = {}
        self.sampled: Array | None = None
        self._draws = [(unit, draws_of(unit, cache)) for unit in nulls]
        self._kept, self._bands = kept, bands

    def serves(self, samples: int) -> bool:
        """Whether a device can draw all of them."""
        return all(
            (there := TESTS[unit.params["test"]].on_device) is not None
            and there.can(samples, draws)
            for unit, draws in self._draws
        )

    def __call__(
        self, predict: Predictor, response: torch.Tensor, bands: BandShares | None
    ) -> None:
        """Joint counts, then those of each band, as the step `null` gives them."""
        import torch

        some = [predict(own, None) for own in sampled_columns(response.shape[1])]
        self.sampled = torch.cat(some, 1).cpu().numpy()
        for unit, draws in self._draws:
            own = columns_of(unit.params.get("voxels"), self._kept, response.shape[1])
            old = unit.params.get("rule") == "drama2brain"
            self.counts[unit.key] = tuple(
                self._counts(unit, predict, response, own, band, draws, shares)
                for band, shares in self._series(bands, own, old=old)
            )

    def _series(
        self, bands: BandShares | None, own: slice, *, old: bool
    ) -> Iterator[tuple[Band | None, FloatArray | None]]:
        """Joint, then each band; drama2brain compares the share of a band."""
        yield None, None
        if bands is not None:
            for band, r in zip(self._bands, bands.r, strict=True):
                yield band, r[own] if old else None

    def _counts(
        self,
        unit: Unit,
        predict: Predictor,
        response: torch.Tensor,
        own: slice,
        band: Band | None,
        draws: Draws,
        observed: FloatArray | None,
    ) -> NullCounts:
        if own.start == own.stop:
            return none_of(draws, own.start)
        there = TESTS[unit.params["test"]].on_device
        assert there is not None
        draws = draws if observed is None else replace(draws, observed=observed)
        return there.null(lambda columns: predict(columns, band), response, own, draws)


def draws_of(unit: Unit, cache: WorkerCache) -> Draws:
    """What a null unit asks of its test."""
    params: Any = unit.params
    test = TESTS[params["test"]]
    return Draws(
        params["start"],
        params["stop"],
        options={name: params[name] for name in test.options if name in params},
        runs=cache.run_lengths("VALID") if params.get("within_runs") else None,
    )


def none_of(draws: Draws, first: int) -> NullCounts:
    """Counts where all voxels of a task were left out."""
    none, count = np.zeros(0, np.int64), draws.stop - draws.start
    return NullCounts(none, none, count, np.full(count, -np.inf, np.float32), draws.start, first)
