"""What a worker keeps between units: one loaded model, and responses, mapped or in memory.

Loading a model costs more than most units; `control.pick` therefore sends a worker the units that suit
what it holds. Responses are files that all workers of a machine map (`response_files`); where these
cannot be kept, a worker holds those of one subject in memory.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data.unusable import unusable
from d2b_ray.features.ahead import ahead as looking_ahead
from d2b_ray.plan.keys import digest
from d2b_ray.steps.device_shelf import DeviceShelf
from d2b_ray.steps.recordings import as_read, check_unchanged, check_usable, treat
from d2b_ray.steps.response_files import ResponseFiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, IntArray, Role, Run, Split
    from d2b_ray.data import Dataset
    from d2b_ray.encoding.on_device import DeviceResponses
    from d2b_ray.steps.response_files import MappedResponses
    from d2b_ray.steps.run_settings import RunSettings
    from d2b_ray.store import Store

__all__ = ["WorkerCache"]

ROWS = 1024  # at a time, where columns are chosen


class WorkerCache:
    """The memory of one worker. Everything is loaded at its first use and kept until displaced."""

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings
        self._dataset: Dataset | None = None
        self._stores: dict[str, Store] = {}
        self._model: tuple[str, Any] | None = None
        self._responses: dict[tuple[str, Role], FloatArray] = {}
        self._mapped: dict[tuple[str, Role], MappedResponses] = {}
        self._files = ResponseFiles(settings.responses_folder, settings.responses_bytes)
        self._usable: tuple[str, IntArray | None] | None = None
        self._shelf = DeviceShelf()

    @property
    def dataset(self) -> Dataset:
        """The data set, opened once."""
        if self._dataset is None:
            from d2b_ray.data import open_dataset

            self._dataset = open_dataset(
                self.settings.layout, self.settings.dataset_root, self.settings.choices
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
        """Responses (n, V) of a subject to its training or validation runs, read-only where mapped.

        Of columns `kept` only, if they are given. All columns as they are in the files: some may be
        of no use (`usable`).
        """
        mapped = self._map(subject, role)
        if mapped is None:
            rows = self._held(subject, role)
            return rows if kept is None else np.ascontiguousarray(rows[:, kept])
        if kept is None:
            return mapped.rows
        some = self._map(subject, role, kept)
        return mapped.rows[:, kept] if some is None else some.rows

    def read_ahead(self, subject: str) -> None:
        """Have the responses of a subject in files of this machine, for its other workers.

        Nothing where none are kept: those who need them read them into their memory.
        """
        roles: tuple[Role, Role] = ("TRAIN", "VALID")

        def made(role: Role, kept: IntArray | None = None) -> bool:
            return self._map(subject, role, kept, ahead=True) is not None

        with ThreadPoolExecutor(len(roles)) as pool:
            whole = all(pool.map(made, roles))
        if whole and (kept := self.usable(subject)) is not None:
            for role in roles:
                made(role, kept)

    def placed(
        self, subject: str, kept: IntArray | None, device: str, *, intercept: bool, columns: int
    ) -> DeviceResponses | None:
        """A subject's responses on the device, moved there once; None on a CPU and where there is no room."""
        if device == "cpu":
            return None

        def read() -> tuple[FloatArray, FloatArray]:
            return self.responses(subject, "TRAIN", kept), self.responses(subject, "VALID", kept)

        return self._shelf.get(
            subject,
            read,
            device,
            intercept=intercept,
            columns=columns,
            make_room=self.release_device,
        )

    def release_device(self) -> None:
        """Give back what lies on a device: the model, and responses."""
        self._model = None
        self._shelf.clear()

    def usable(self, subject: str) -> IntArray | None:
        """Columns of a subject's responses that can be fitted; None: all. DataError if none can.

        Left out are voxels that are not finite or do not vary, in training or in validation rows.
        """
        roles: tuple[Role, Role] = ("TRAIN", "VALID")
        if self._usable is None or self._usable[0] != subject:
            bad = np.any([self.bad_voxels(subject, role) for role in roles], axis=0)
            kept = np.flatnonzero(~bad) if bad.any() else None
            self._usable = (subject, kept)
        kept = self._usable[1]
        if kept is not None and not len(kept):
            for role in roles:
                check_usable(self.responses(subject, role), self.runs(role), subject, role)
        return kept

    def bad_voxels(self, subject: str, role: Role) -> NDArray[np.bool_]:
        """Which columns of `responses` hold values that are not finite, or one value only; (V,)."""
        mapped = self._map(subject, role)
        return unusable(self._held(subject, role)) if mapped is None else mapped.bad

    def _map(
        self, subject: str, role: Role, kept: IntArray | None = None, *, ahead: bool = False
    ) -> MappedResponses | None:
        """The file of a subject's responses, made if this machine has none; None where none is kept."""
        if subject not in self.settings.responses:
            return None
        whole = self._mapped.get((subject, role))
        if whole is not None and kept is None:
            return whole
        runs, settings = self.runs(role), self.settings
        about = {
            "responses": settings.responses[subject],
            "layout": settings.layout,
            "reader": settings.reader,
            "extra_rows": settings.choices.extra_rows,
            "options": settings.choices.options,
            "treatment": settings.treatment,
            "runs": [(run.name, run.scans, run.overlap, run.cut_end) for run in runs],
            "columns": None if kept is None else sha256(kept.tobytes()).hexdigest(),
        }

        def read() -> Iterator[FloatArray]:
            if kept is not None and whole is not None:
                yield from (whole.rows[n : n + ROWS, kept] for n in range(0, len(whole.rows), ROWS))
                return
            # the next run is unpacked while one is copied to the file
            yield from looking_ahead(
                lambda run: as_read(self.dataset, subject, run), runs, threads=1, each=2
            )
            check_unchanged(self.dataset, self.settings, subject)

        def finish(rows: FloatArray) -> None:
            if kept is None:  # else made of what is treated
                treat(rows, self.dataset, self.settings, subject, runs)

        samples = sum(run.samples for run in runs)
        found = self._files.get(digest(about), samples, read, finish, ahead=ahead)
        if found is not None and kept is None:
            if self.settings.bad_voxels == "error" and found.bad.any():
                check_usable(found.rows, runs, subject, role)
            self._mapped[subject, role] = found
        return found

    def treated(self, subject: str, run: Run) -> FloatArray:
        """Responses (samples, V) of a run, after what the sweep has done with them."""
        rows = np.array(as_read(self.dataset, subject, run))
        treat(rows, self.dataset, self.settings, subject, [run])
        return rows

    def _held(self, subject: str, role: Role) -> FloatArray:
        """Responses in memory; those of another subject are dropped first."""
        if (subject, role) not in self._responses:
            for held in [h for h in self._responses if h[0] != subject]:
                del self._responses[held]
            self._responses[subject, role] = self._read(subject, role)
        return self._responses[subject, role]

    def responses_of_other(self, subject: str, role: Role) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Responses of a subject that is looked at in passing, and `bad_voxels`; not held if not mapped."""
        mapped = self._map(subject, role)
        if mapped is not None:
            return mapped
        rows = self._read(subject, role)
        return rows, unusable(rows)

    def _read(self, subject: str, role: Role) -> FloatArray:
        runs = self.runs(role)
        rows = np.concatenate([as_read(self.dataset, subject, run) for run in runs])
        treat(rows, self.dataset, self.settings, subject, runs)
        if self.settings.bad_voxels == "error":
            check_usable(rows, runs, subject, role)
        return rows

    def run_lengths(self, role: Role) -> tuple[int, ...]:
        """Lengths in TRs of the runs of the split's role, in the order of the rows of `responses`."""
        return tuple(run.samples for run in self.runs(role))

    @property
    def folds(self) -> int:
        """CV groups of the training runs of the split."""
        return len({run.cv_group for run in self.runs("TRAIN")})

    def runs(self, role: Role) -> tuple[Run, ...]:
        """Runs of the split's role, in the order of the rows of `responses`."""
        split: Split = self.settings.split  # type: ignore[assignment]  # checked by the spec
        table = self.dataset.runs
        return table.train(split) if role == "TRAIN" else table.valid(split)
