"""From coefficients to what a fit tells: predictions of the validation rows, scores, shares of bands.

On a CPU all of it is made on the host. On a device that holds the responses, predictions are made and
scored there, and leave it only if they are wanted: at full size they are 2.7 GB, the scores 0.7 MB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from d2b_ray.arrays import BandShares
from d2b_ray.encoding.centring import held_out_rows
from d2b_ray.encoding.on_device import DeviceResponses, Predictor, correlations, download, shares
from d2b_ray.encoding.products import predicted
from d2b_ray.encoding.scoring import correlation
from d2b_ray.encoding.split import split_correlation, split_prediction
from d2b_ray.encoding.tensors import to_array, to_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from d2b_ray.arrays import Design, FloatArray
    from d2b_ray.catalog.solvers import BandedSolution, Responses, Solution

__all__ = ["WHOLE", "Outcome", "Wanted", "as_array", "band_outcome", "outcome"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is brought to the host of a fit that was computed on a device; empty arrays where not.

    `look` is called, there, with the predictor, the validation responses (n_valid, V) and what the bands
    have each: what it does with them needs nothing to leave the device.
    """

    coef: bool = True
    prediction: bool = True
    look: Callable[[Predictor, torch.Tensor, BandShares | None], None] | None = None

    def let_look(self, made: Outcome, train: Responses, bands: BandShares | None) -> None:
        """Call `look`, if the fit was computed where the responses lie."""
        if self.look is not None and made.predict is not None:
            assert isinstance(train, DeviceResponses)
            self.look(made.predict, train.valid, bands)


WHOLE = Wanted()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Scores `r` (V,), coefficients (p, V), predictions (n_valid, V); `predict` makes these on the device."""

    r: FloatArray
    coef: FloatArray
    prediction: FloatArray
    predict: Predictor | None = None


def outcome(
    design: Design,
    train: Responses,
    valid: FloatArray,
    solution: Solution,
    *,
    device: str,
    wanted: Wanted,
) -> Outcome:
    """What a solution predicts, and how well. Shapes as in `fit_ridge`."""
    rows = held_out_rows(design)
    if isinstance(train, DeviceResponses):
        predict = _predictor(rows, solution, train)
        return Outcome(
            r=correlations(predict, train.valid),
            coef=as_array(solution.coef) if wanted.coef else _none(train),
            prediction=download(predict(slice(None))) if wanted.prediction else _none(train),
            predict=predict,
        )
    coef = as_array(solution.coef)
    prediction = predicted(rows, coef, device)
    return Outcome(correlation(prediction, valid), coef, prediction)


def band_outcome(
    design: Design,
    train: Responses,
    valid: FloatArray,
    solution: BandedSolution,
    made: Outcome,
    *,
    names: Sequence[str],
    wanted: Wanted,
) -> BandShares:
    """What each band has of a solution on the validation rows, of which `made` is the joint outcome."""
    bands = design.bands
    if made.predict is not None:
        assert isinstance(train, DeviceResponses)
        predict = made.predict
        r, own_r = shares(predict, train.valid, bands)
        split = np.zeros((len(bands), 0, train.shape[1]), np.float32)
        if wanted.prediction:
            split = np.stack([download(predict(slice(None), band)) for band in bands])
    else:
        split = split_prediction(held_out_rows(design), as_array(solution.coef), bands)
        r = split_correlation(split, valid)
        own_r = np.stack([correlation(own, valid) for own in split])
    return BandShares(
        names=tuple(names),
        columns=tuple((band.start, band.stop) for band in bands),
        r=r,
        own_r=own_r,
        gamma=solution.gamma,
        prediction=split,
    )


def as_array(coef: FloatArray | torch.Tensor) -> FloatArray:
    """Coefficients on the host."""
    if isinstance(coef, np.ndarray):
        return coef
    return download(coef) if coef.is_cuda else to_array(coef)


def _predictor(rows: FloatArray, solution: Solution, responses: DeviceResponses) -> Predictor:
    where = str(responses.valid.device)
    coef = solution.coef
    there = coef if isinstance(coef, torch.Tensor) else to_tensor(coef, where, torch.float32)
    return Predictor(to_tensor(rows, where, torch.float32), there.to(where))


def _none(responses: DeviceResponses) -> FloatArray:
    return np.zeros((0, responses.shape[1]), np.float32)
