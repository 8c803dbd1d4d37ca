"""What a worker keeps in memory between units: one loaded model, the responses of one subject.

Loading a model or 10 GB of responses costs more than most units; `control.pick` therefore sends a
worker the units that suit what it holds. Nothing here is shared between processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data.unusable import unusable
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import FloatArray, IntArray, Role, Run, Split
    from d2b_ray.data import Dataset
    from d2b_ray.steps.run_settings import RunSettings
    from d2b_ray.store import Store

__all__ = ["WorkerCache"]


class WorkerCache:
    """The memory of one worker. Everything is loaded at its first use and kept until displaced."""

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings
        self._dataset: Dataset | None = None
        self._stores: dict[str, Store] = {}
        self._model: tuple[str, Any] | None = None
        self._responses: dict[tuple[str, Role], FloatArray] = {}
        self._usable: tuple[str, IntArray | None] | None = None

    @property
    def dataset(self) -> Dataset:
        """The data set, opened once."""
        if self._dataset is None:
            from d2b_ray.data import open_dataset

            self._dataset = open_dataset(
                self.settings.layout, self.settings.dataset_root, self.settings.extra_rows
            )
        return self._dataset

    def store(self, url: str) -> Store:
        """A store by its URL, opened once."""
        if url not in self._stores:
            from d2b_ray.store import Store

            self._stores[url] = Store(url).fenced(self.settings.fence)
        return self._stores[url]

    def model(self, params: Mapping[str, Any], device: str) -> Any:
        """The loaded model of a feature set; one that was held is dropped first: two never coexist."""
        modality, name = params["modality"], params["model"]
        dtype, trusted = params.get("dtype", "float32"), bool(params.get("trust_remote_code"))
        key = f"{modality}:{name}:{dtype}:{device}:{trusted}"
        if self._model is None or self._model[0] != key:
            from d2b_ray.features import resolve

            self._model = None
            source = resolve(name, self.settings.base, modality, remote_code=trusted)
            self._model = (key, MODALITIES[modality].load(source, device=device, dtype=dtype))
        return self._model[1]

    def responses(self, subject: str, role: Role, kept: IntArray | None = None) -> FloatArray:
        """Responses (n, V) of a subject to its training or validation runs; one subject is held.

        Of columns `kept` only, if they are given. All columns as they are in the files: some may be
        of no use (`usable`).
        """
        if (subject, role) not in self._responses:
            for held in [h for h in self._responses if h[0] != subject]:
                del self._responses[held]
            if self._usable and self._usable[0] != subject:
                self._usable = None
            self._responses[subject, role] = self.read_responses(subject, role)
        rows = self._responses[subject, role]
        return rows if kept is None else np.ascontiguousarray(rows[:, kept])

    def usable(self, subject: str) -> IntArray | None:
        """Columns of a subject's responses that can be fitted; None: all. DataError if none can.

        Left out are voxels that are not finite or do not vary, in training or in validation rows.
        """
        roles: tuple[Role, Role] = ("TRAIN", "VALID")
        if self._usable is None or self._usable[0] != subject:
            bad = np.any([unusable(self.responses(subject, role)) for role in roles], axis=0)
            kept = np.flatnonzero(~bad) if bad.any() else None
            self._usable = (subject, kept)
        kept = self._usable[1]
        if kept is not None and not len(kept):
            for role in roles:
                _check(self.responses(subject, role), self._runs(role), subject, role)
        return kept

    def read_responses(self, subject: str, role: Role) -> FloatArray:
        """Responses of all columns, read anew and not kept."""
        runs = self._runs(role)
        rows = self.dataset.responses(subject, runs)
        if self.settings.bad_voxels == "error":
            _check(rows, runs, subject, role)
        return rows

    def run_lengths(self, role: Role) -> tuple[int, ...]:
        """Lengths in TRs of the runs of the split's role, in the order of the rows of `responses`."""
        return tuple(run.samples for run in self._runs(role))

    def _runs(self, role: Role) -> tuple[Run, ...]:
        split: Split = self.settings.split  # type: ignore[assignment]  # checked by the spec
        table = self.dataset.runs
        return table.train(split) if role == "TRAIN" else table.valid(split)


def _check(rows: FloatArray, runs: Sequence[Run], subject: str, role: Role) -> None:
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
