"""A subject's recordings as the files have them, run by run; what is done with them, and what must hold."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.data.confounds import read_confounds
from d2b_ray.data.treatment import Treatment
from d2b_ray.data.unusable import unusable
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.arrays import FloatArray, Role, Run
    from d2b_ray.data import Dataset
    from d2b_ray.steps.run_settings import RunSettings

__all__ = ["as_read", "check_unchanged", "check_usable", "treat"]

TREATED_BYTES = 1 << 20  # of float64 at a time; filters take ten times that


def as_read(dataset: Dataset, subject: str, run: Run) -> FloatArray:
    """Responses (samples, V) of a run as the files have them; DataError where they are not of its length."""
    rows = dataset.responses(subject, [run])
    if len(rows) != run.samples:
        raise DataError(
            f"subject {subject}: run {run.name} has {len(rows)} rows of responses where the "
            f"run table has {run.samples}"
        )
    return rows


def treat(
    rows: FloatArray, dataset: Dataset, settings: RunSettings, subject: str, runs: Sequence[Run]
) -> None:
    """Treat stacked runs in their place, some columns at a time: float64 takes memory."""
    how = Treatment.of(settings.treatment)
    if how.nothing:
        return
    start = 0
    for run in runs:
        confounds = None
        if how.confounds:
            confounds = read_confounds(dataset, subject, run, how.confounds)[run.kept]
        own = rows[start : start + run.samples]
        width = max(64, TREATED_BYTES // (8 * run.samples))
        for first in range(0, own.shape[1], width):
            some = own[:, first : first + width]
            some[:] = how.apply(some, run.tr_s, confounds)
        start += run.samples


def check_unchanged(dataset: Dataset, settings: RunSettings, subject: str) -> None:
    """DataError if the files are not those that the run was laid out with."""
    from d2b_ray.survey.inputs import response_digest

    confounds = "confounds" in settings.treatment
    if response_digest(dataset, subject, confounds=confounds) != settings.responses[subject]:
        raise DataError(
            f"subject {subject}: the response files are not those that this run began with, on "
            f"{socket.gethostname()}; were they changed, or does this machine see others? Run again"
        )


def check_usable(rows: FloatArray, runs: Sequence[Run], subject: str, role: Role) -> None:
    """DataError naming run and count if a response is not finite, or voxels do not vary."""
    start = 0
    for run in runs:
        finite = np.isfinite(rows[start : start + run.samples])
        if not finite.all():
            voxels = int((~finite.all(0)).sum())
            raise DataError(
                f"subject {subject}: run {run.name} holds {int((~finite).sum())} responses that are "
                f"not finite, in {voxels} of {rows.shape[1]} voxels; repair the file, or let "
                "dataset.bad_voxels be drop, which leaves out the voxels, if not all are so"
            )
        start += run.samples
    if (bad := unusable(rows)).any():
        raise DataError(
            f"subject {subject}: {int(bad.sum())} of {rows.shape[1]} voxels have one value in all "
            f"{role} runs, the first is voxel {int(bad.argmax())}; repair the files, or let "
            "dataset.bad_voxels be drop, which leaves them out, if not all are so"
        )
