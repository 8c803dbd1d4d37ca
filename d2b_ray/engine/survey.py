"""What a sweep meets before anything runs: data set, models, features that lie ready, fingerprints.

Reads small files and listings only; loads neither torch nor ray. Whatever is wrong with the spec's
view of the world is found here, before a cluster is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.data import open_dataset
from d2b_ray.errors import DataError, ExtractionError
from d2b_ray.features import fingerprint, resolve
from d2b_ray.plan import Plan, expand, feature_key
from d2b_ray.store import Layout, Store, digest, fingerprint_file, model_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.data import Dataset
    from d2b_ray.plan import Unit
    from d2b_ray.spec import Sweep

__all__ = ["Survey", "model_size", "survey"]


@dataclass(frozen=True, slots=True)
class Survey:
    """A sweep laid over the data set it names.

    `roots` store URL per feature key; `found` feature keys that lie ready in the data set's own
    tree; `fingerprints` of the inputs per durable key (for features: per feature key) by name.
    """

    plan: Plan
    dataset: Dataset
    roots: Mapping[str, str]
    found: frozenset[str]
    fingerprints: Mapping[str, Mapping[str, str]]


def survey(sweep: Sweep, dataset_root: str, features_url: str, base: str) -> Survey:
    """Expand `sweep` against its data set; relative folders of models start at `base`.

    Raises D2BError with one line for what is not there.
    """
    dataset = open_dataset(sweep.dataset.layout, dataset_root)
    plan = expand(
        sweep,
        n_layers=lambda modality, model: model_size(dataset, modality, model, base)[0],
        subjects=dataset.subjects,
    )
    looker = _Looker(dataset, features_url, base)
    _check_common_space(dataset, [str(unit.subject) for unit in plan.of("ceiling")])
    for unit in plan.of("extract"):
        looker.look_at_features(unit)
    for unit in plan.of("commit"):
        looker.look_at_commit(unit, plan)
    for unit in (*plan.of("compare"), *plan.of("gather")):
        inputs = {key: digest(looker.fingerprints[key]) for key in unit.needs}
        looker.fingerprints[unit.key] = inputs
    return Survey(plan, dataset, looker.roots, frozenset(looker.found), looker.fingerprints)


def model_size(dataset: Dataset, modality: str, model: str, base: str) -> tuple[int, int]:
    """Layers (embeddings included) and width of a model.

    A model that cannot be found still has a size if features of it lie ready in the data set.
    """
    try:
        source = resolve(model, base)
    except ExtractionError:
        ready = Path(str(dataset.feature_root)) / "stim_features" / modality
        layers = {
            int(folder.name.removeprefix("layer")): folder
            for folder in ready.glob(f"*/{model_folder(model)}/layer*")
            if folder.name.removeprefix("layer").isdecimal() and any(folder.glob("*.npy"))
        }
        if not layers:
            raise
        rows = np.load(next(layers[max(layers)].glob("*.npy")), mmap_mode="r", allow_pickle=False)
        return max(layers), int(rows.shape[-1])
    return source.n_layers, source.width


def _check_common_space(dataset: Dataset, subjects: Sequence[str]) -> None:
    """DataError if voxel v is not the same place in all `subjects`, as far as files tell."""
    first, *others = subjects or [""]
    for other in others:
        one, two = dataset.voxels(first), dataset.voxels(other)
        if one.shape != two.shape or not np.array_equal(one.index, two.index):
            raise DataError(
                f"significance.ceiling: {first} and {other} have different voxels "
                f"({len(one.index)} and {len(two.index)}); must be none, or bring all subjects to a "
                "common space (a template or a surface) first"
            )


class _Looker:
    def __init__(self, dataset: Dataset, features_url: str, base: str) -> None:
        self.dataset = dataset
        self.features_url = features_url
        self.base = base
        self.roots: dict[str, str] = {}
        self.found: set[str] = set()
        self.fingerprints: dict[str, dict[str, str]] = {}
        self._files: dict[str, str] = {}
        self._responses: dict[str, str] = {}
        self._own = Store(str(dataset.feature_root))
        self._runs = digest({run.name: repr(run) for run in dataset.runs.runs})
        self._used = dataset.runs.used

    def look_at_features(self, unit: Unit) -> None:
        """Where each wanted layer is or will be, and what it is made of."""
        missing = [layer for layer in unit.layers if not self._lies_ready(unit, layer)]
        if not missing:
            return
        level = unit.params["annotation"]
        if level not in self.dataset.levels():
            raise DataError(
                f"features: the data set has no annotation {level!r}; it has: "
                f"{', '.join(self.dataset.levels()) or 'none'}"
            )
        captions = {path: self._file(path) for path in self.dataset.caption_files(level)}
        source = resolve(unit.params["model"], self.base)
        inputs = {
            "runs": self._runs,
            "captions": digest(dict(enumerate_names(captions))),
            f"model {source.name}": self._model(source.name),
        }
        for layer in missing:
            key = feature_key(unit.params, layer)
            self.roots[key] = self.features_url
            self.fingerprints[key] = inputs

    def look_at_commit(self, unit: Unit, plan: Plan) -> None:
        """A fit's inputs: responses, run table, and what its features are made of."""
        fit = plan[unit.needs[0]]
        design = plan[fit.needs[0]]
        subject = str(unit.subject)
        inputs = {"runs": self._runs, f"responses {subject}": self._response_digest(subject)}
        for need in unit.needs:
            if plan[need].kind == "ceiling":
                for other in plan[need].params["others"]:
                    inputs[f"responses {other}"] = self._response_digest(other)
        for space in design.params["spaces"]:
            key = feature_key(space["feature"], space["layer"])
            name = f"features {space['feature']['annotation']} layer{space['layer']}"
            inputs[name] = digest(self.fingerprints[key])
        self.fingerprints[unit.key] = inputs

    def _lies_ready(self, unit: Unit, layer: int) -> bool:
        paths = [Layout.feature(unit.params, layer, run.name) for run in self._used]
        if not all(self._own.exists(path) for path in paths):
            return False
        key = feature_key(unit.params, layer)
        self.found.add(key)
        self.roots[key] = self._own.url
        self.fingerprints[key] = {path: self._file(f"{self._own.url}/{path}") for path in paths}
        return True

    def _file(self, path: str) -> str:
        if path not in self._files:
            self._files[path] = fingerprint_file(path)
        return self._files[path]

    def _model(self, name: str) -> str:
        if name not in self._files:
            self._files[name] = fingerprint(resolve(name, self.base))
        return self._files[name]

    def _response_digest(self, subject: str) -> str:
        if subject not in self._responses:
            files = self.dataset.response_files(subject)
            self._responses[subject] = digest(
                dict(enumerate_names({path: self._file(path) for path in files}))
            )
        return self._responses[subject]


def enumerate_names(files: Mapping[str, str]) -> list[tuple[str, str]]:
    """File names without their folder, so that a data set that was moved keeps its digest."""
    return [(path.rsplit("/", 1)[-1], value) for path, value in sorted(files.items())]
