"""How well could any model do? Noise ceilings from repeats of a stimulus or from other subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.errors import FitError
from d2b_ray.significance.kernels import LANES
from d2b_ray.significance.tiles import alike, centred, tiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import Array

__all__ = [
    "ceiling_of",
    "explainable_variance",
    "intersubject_ceiling",
    "noise_ceiling",
    "normalised",
]


def explainable_variance(
    repeats: Array | Sequence[Array], *, bias_correction: bool = True, zscore: bool = True
) -> NDArray[np.float64]:
    """Share of the variance of one response that comes back when the stimulus is repeated.

    With R repeats y_i: S = Var(mean_i y_i) / mean_i Var(y_i), and without the noise that is left in
    the mean, EV = S - (1 - S) / (R - 1), the signal power of Sahani & Linden (2003, NIPS 15) over
    the total; unbiased, so that it can be negative where nothing comes back.

    `repeats` (R, n, V), responses to the same n TRs; `zscore` scales every repeat of a voxel to
    variance 1 first (they are centred anyhow). Returns (V,) float64, 0 for a voxel that is constant
    in all repeats. Raises FitError for fewer than 2 repeats, unequal shapes and values that are not
    finite. Also Hsu, Borst & Theunissen (2004, Network 15:91), Schoppe et al. (2016, Front. Comput.
    Neurosci. 10:10).
    """
    if len(repeats) < 2:
        raise FitError(
            f"explainable variance needs 2 repeats or more of a stimulus; got {len(repeats)}"
        )
    _, voxels = alike(**{f"repeat {n + 1}": one for n, one in enumerate(repeats)})
    share = np.empty(voxels)
    for columns in tiles(voxels):
        total, common = np.zeros(LANES), np.zeros((len(repeats[0]), LANES))
        for n, one in enumerate(repeats):
            tile = centred(one, columns, f"repeat {n + 1}", unit=zscore)
            total += (tile * tile).sum(0) / len(repeats)
            common += tile / len(repeats)
        found = np.divide((common * common).sum(0), total, out=np.zeros(LANES), where=total > 0)
        if bias_correction:
            found = np.where(total > 0, found - (1 - found) / (len(repeats) - 1), 0)
        share[columns] = found[: columns.stop - columns.start]
    return share


def noise_ceiling(explainable: NDArray[np.float64], *, averaged: int = 1) -> NDArray[np.float64]:
    """Largest correlation that a prediction can reach: sqrt(EV / (EV + (1 - EV) / m)).

    `explainable` EV (V,) of one repeat, as from `explainable_variance`; `averaged` m repeats were
    averaged into the response that is predicted, for one it is sqrt(EV). Returns (V,) float64, 0
    where EV is negative. Schoppe et al. (2016).
    """
    if averaged < 1:
        raise FitError(f"averaged is {averaged}; must be 1 or more repeats")
    share = np.clip(explainable, 0, 1)
    ceiling: NDArray[np.float64] = np.sqrt(share / (share + (1 - share) / averaged))
    return ceiling


def intersubject_ceiling(subjects: Array | Sequence[Array]) -> NDArray[np.float64]:
    """Correlation of each subject with the mean of all others, voxel by voxel.

    r_s = corr(y_s, mean over s' != s of z(y_s')), z the z-score over time: leave-one-subject-out
    intersubject correlation (Nastase et al. 2019, Soc. Cogn. Affect. Neurosci. 14:667). A ceiling
    set low: what the stimulus does to one subject only is left out, and the mean of few is noisy.

    `subjects` (S, n, V), or S arrays (n, V), in a common space: voxel v is the same place in all.
    Returns (S, V) float64; 0 where a subject, or all others, are constant. Raises FitError for one
    subject, unequal shapes and values that are not finite.
    """
    shapes = [one.shape for one in subjects]
    if len(shapes) < 2:
        raise FitError(f"an intersubject ceiling needs 2 subjects or more; got {len(shapes)}")
    if any(len(shape) != 2 or shape != shapes[0] for shape in shapes):
        raise FitError(
            f"subjects have responses (samples, voxels) of shapes {', '.join(map(str, shapes))}; "
            "they must be alike: bring all to a common space (a template or a surface) first"
        )
    _, voxels = alike(subject=subjects[0])
    ceiling = np.empty((len(shapes), voxels))
    for columns in tiles(voxels):
        series = [centred(one, columns, f"subject {n + 1}") for n, one in enumerate(subjects)]
        for n, own in enumerate(series):
            others = np.sum([one for m, one in enumerate(series) if m != n], axis=0)
            norm = np.sqrt((others * others).sum(0))  # `own` has norm 1, or is zero
            r = np.divide((own * others).sum(0), norm, out=np.zeros(LANES), where=norm > 0)
            ceiling[n, columns] = np.clip(r, -1, 1)[: columns.stop - columns.start]
    return ceiling


def ceiling_of(own: Array, others: Iterable[Array]) -> NDArray[np.float64]:
    """The ceiling of one subject, a row of `intersubject_ceiling`, (V,) float64.

    `own` (n, V); `others` responses (n, V) of all other subjects, of which one at a time need be in
    memory: their mean is kept in float32, so that the two agree to 1e-6. Errors as there.
    """
    mean, count = np.zeros(own.shape, np.float32), 0
    for other in others:
        count += 1
        _, voxels = alike(**{"subject": own, f"other {count}": other})
        for columns in tiles(voxels):
            tile = centred(other, columns, f"other {count}")
            mean[:, columns] += tile[:, : columns.stop - columns.start]
    if not count:
        raise FitError("an intersubject ceiling needs 2 subjects or more; got 1")
    ceiling = np.empty(own.shape[1])
    for columns in tiles(own.shape[1]):
        r = (centred(own, columns, "subject") * centred(mean, columns, "mean of others")).sum(0)
        ceiling[columns] = np.clip(r, -1, 1)[: columns.stop - columns.start]
    return ceiling


def normalised(
    score: Array, ceiling: NDArray[np.float64], least: float = 0.1
) -> NDArray[np.float64]:
    """score / ceiling; NaN where the ceiling is below `least`, or not a number.

    `score` and `ceiling` of shapes that broadcast, in the same unit (correlations); `least` above 0:
    the ratio of two small numbers says nothing. Can exceed 1, as both are estimates.
    """
    if not least > 0:
        raise FitError(f"least is {least}; must be above 0, as 0.1 is")
    known = ceiling >= least
    ratio: NDArray[np.float64] = np.where(known, score / np.where(known, ceiling, 1), np.nan)
    return ratio
