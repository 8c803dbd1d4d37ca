"""Is one model better than another? Paired tests over subjects, and a swap null for every voxel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy.special import stdtr

from d2b_ray.arrays import NullCounts
from d2b_ray.errors import FitError
from d2b_ray.significance.blocks import fixed_blocks
from d2b_ray.significance.orders import generator
from d2b_ray.significance.sums import block_sums, correlations, drawn_sums
from d2b_ray.significance.tiles import alike, centred, tiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Array, FloatArray, IntArray

__all__ = ["Alternative", "Paired", "paired_flips", "paired_t", "score_difference", "swap_null"]

Alternative: TypeAlias = Literal["two-sided", "greater"]
EXACT = 4096  # sign patterns that are all tried; more subjects are sampled
TIE = 1e-12  # of the mean absolute difference: means this close are equal but for rounding


@dataclass(frozen=True, slots=True)
class Paired:
    """A paired test of K values: `difference` of the means and `p`, both (K,) float64."""

    difference: NDArray[np.float64]
    p: NDArray[np.float64]


def paired_t(first: Array, second: Array, *, alternative: Alternative = "two-sided") -> Paired:
    """Student's paired t-test (Student 1908, Biometrika 6:1): t = mean d / (sd d / sqrt S), S - 1 dof.

    `first`, `second` (S, K): K values of each of S subjects (the mean score in a ROI, say), of two
    fits; d = first - second. `greater` asks for first > second. p is 1 where all d are 0. Raises
    FitError for other shapes and for fewer than 2 subjects.
    """
    d = _differences(first, second, alternative)
    mean, same = d.mean(0), d.max(0) == d.min(0)
    error = np.where(same, 1, d.std(0, ddof=1) / np.sqrt(len(d)))
    t = np.where(same, np.copysign(np.inf, mean), mean / error)
    p = stdtr(len(d) - 1, -t) if alternative == "greater" else 2 * stdtr(len(d) - 1, -np.abs(t))
    return Paired(mean, np.where((d == 0).all(0), 1.0, p))


def paired_flips(
    first: Array,
    second: Array,
    *,
    alternative: Alternative = "two-sided",
    seed: int = 0,
    permutations: int = 10_000,
) -> Paired:
    """Paired test by flipping signs of differences (Fisher 1935, The Design of Experiments).

    p = #{|mean s d| >= |mean d|} / 2^S over all patterns s of signs, as long as they are at most
    4,096 (12 subjects); with more subjects `permutations` of them are drawn, a function of (seed,
    index), and p = (1 + #) / (1 + N). `greater` compares without the absolute values. The smallest
    p of S subjects is 2 / 2^S, or 1 / 2^S one-sided. Else as `paired_t`; assumes that d is
    symmetric about 0 without an effect, not that it is normal.
    """
    d = _differences(first, second, alternative)
    exact = 2 ** len(d) <= EXACT
    if not exact and permutations < 1:
        raise FitError(f"permutations is {permutations}; must be 1 or more")
    signs = _all_signs(len(d)) if exact else _drawn_signs(len(d), permutations, seed)
    mean = d.mean(0)
    least = _statistic(mean, alternative) - TIE * np.abs(d).mean(0)
    count = np.zeros(d.shape[1], np.int64)
    for sign in signs:
        count += _statistic((sign[:, None] * d).mean(0), alternative) >= least
    return Paired(mean, count / len(signs) if exact else (1 + count) / (1 + len(signs)))


def swap_null(
    first: Array,
    second: Array,
    response: Array,
    *,
    start: int,
    stop: int,
    seed: int,
    block_trs: int = 10,
    runs: Sequence[int] | None = None,
    alternative: Alternative = "two-sided",
) -> NullCounts:
    """Counts of swaps `start` to `stop`: how often |d*| of swapped predictions reaches |d|.

    d = r(first, response) - r(second, response). Both predictions are z-scored over time; a swap
    exchanges them in about half of the blocks, and d* is the difference of the exact correlations
    of the two mixed series. Valid if blocks of the two could stand for each other without an
    effect, and blocks are longer than the memory of the series. `greater` compares d* with d.

    `first`, `second`, `response` (n, V); `block_trs` in TRs; `runs` lengths of the runs in TRs, which no
    block leaves. With `p_values(counts, abs(score_difference(...)))` (without `abs` for `greater`)
    p = (1 + #{|d*| >= |d|}) / (1 + N), and the family-wise p from the maxima. Any split into
    ranges (`merge`) or voxels gives the same counts; working memory is that of 16 voxels. p is 1
    where the two are equal or the response is constant. Raises FitError for other shapes, values
    that are not finite and empty ranges. Nichols & Holmes (2002, Hum. Brain Mapp. 15:1); blocks
    exchanged as wholes: Winkler et al. (2015, NeuroImage 123:253).
    """
    samples, voxels = alike(first=first, second=second, response=response)
    _check(alternative)
    if not 0 <= start < stop:
        raise FitError(f"swaps {start} to {stop}: the range is empty")
    blocks = fixed_blocks(samples, block_trs, runs)
    # Rows b and B + b of a table are block b as it is and swapped; a series takes one of the two.
    choices = np.arange(len(blocks)) + len(blocks) * _swaps(len(blocks), start, stop, seed)
    exceed, above = np.empty(voxels, np.int64), np.empty(voxels, np.int64)
    maxima = np.full(stop - start, -np.inf, np.float32)
    for columns in tiles(voxels):
        one, other = centred(first, columns, "first"), centred(second, columns, "second")
        y = centred(response, columns, "response")
        kept = block_sums([one, one * one, one * y, other, other * other, other * y], blocks)
        table = np.concatenate([kept, np.concatenate([kept[3:], kept[:3]])], axis=1)
        width = columns.stop - columns.start
        observed = _mixed(table, np.arange(len(blocks))[None], y)[:, :width]
        null = _statistic(_mixed(table, choices, y)[:, :width], alternative)  # (N, width)
        observed = _statistic(observed, alternative)
        exceed[columns] = (null >= observed).sum(0)
        above[columns] = (null > observed).sum(0)
        np.maximum(maxima, null.max(1).astype(np.float32), out=maxima)
    return NullCounts(exceed, above, stop - start, maxima, start)


def score_difference(first: Array, second: Array, response: Array) -> FloatArray:
    """d = r(first, response) - r(second, response), as `swap_null` counts it, (V,) float32.

    `first`, `second`, `response` (n, V); 0 for the correlation of a constant voxel.
    """
    _samples, voxels = alike(first=first, second=second, response=response)
    found = np.empty(voxels, np.float32)
    for columns in tiles(voxels):
        y = centred(response, columns, "response")
        r = [(centred(x, columns, "prediction") * y).sum(0) for x in (first, second)]
        found[columns] = (r[0] - r[1])[: columns.stop - columns.start]
    return found


def _mixed(
    table: NDArray[np.float64], choices: IntArray, y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """r of the first mixed series less r of the second, (N, LANES)."""
    x, xx, xy, z, zz, zy = drawn_sums(table, choices)  # (N, LANES) each
    total, square = y.sum(0), (y * y).sum(0)
    ours = correlations(len(y), x, total, xx, square, xy)
    return ours - correlations(len(y), z, total, zz, square, zy)


def _swaps(blocks: int, start: int, stop: int, seed: int) -> IntArray:
    """1 for blocks that are exchanged, else 0, (stop - start, blocks)."""
    return np.stack([generator(seed, i).integers(0, 2, blocks) for i in range(start, stop)])


def _statistic(d: NDArray[np.float64], alternative: Alternative) -> NDArray[np.float64]:
    return np.abs(d) if alternative == "two-sided" else d


def _check(alternative: Alternative) -> None:
    if alternative not in ("two-sided", "greater"):
        raise FitError(f"alternative {alternative!r} does not exist; allowed: two-sided, greater")


def _differences(first: Array, second: Array, alternative: Alternative) -> NDArray[np.float64]:
    _check(alternative)
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise FitError(
            f"first {first.shape} and second {second.shape} must be (subjects, values), alike, of 2 "
            "subjects or more"
        )
    d: NDArray[np.float64] = np.asarray(first, np.float64) - second
    if not np.isfinite(d).all():
        subject, value = np.argwhere(~np.isfinite(d))[0]
        raise FitError(
            f"value {value} of subject {subject} is not finite; leave the value or the subject out"
        )
    return d


def _all_signs(subjects: int) -> IntArray:
    """Every pattern of signs, (2^S, S)."""
    bits = np.arange(2**subjects)[:, None] >> np.arange(subjects) & 1
    return 1 - 2 * bits


def _drawn_signs(subjects: int, permutations: int, seed: int) -> IntArray:
    draws = [generator(seed, index).integers(0, 2, subjects) for index in range(permutations)]
    return 1 - 2 * np.stack(draws)
