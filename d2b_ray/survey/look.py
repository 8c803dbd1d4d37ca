"""What a sweep meets before anything runs: data set, models, features that lie ready, fingerprints.

Reads small files and listings only; loads neither torch nor ray. Whatever is wrong with the spec's
view of the world is found here, before a cluster is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data import open_dataset
from d2b_ray.errors import DataError, ExtractionError
from d2b_ray.features import components_for, resolve
from d2b_ray.plan import NO_LAYER, Plan, expand
from d2b_ray.store import digest, model_folder
from d2b_ray.survey.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.data import Dataset
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
        columns=lambda eps: components_for(eps, sum(run.seconds for run in dataset.runs.used)),
    )
    _check_common_space(dataset, [str(unit.subject) for unit in plan.of("ceiling")])
    inputs = Inputs(dataset, features_url, base)
    for unit in plan.of("extract"):
        inputs.look_at_features(unit)
    for unit in plan.of("commit"):
        inputs.look_at_commit(unit, plan)
    for unit in (*plan.of("compare"), *plan.of("gather")):
        needed = {key: digest(inputs.fingerprints[key]) for key in unit.needs}
        inputs.fingerprints[unit.key] = needed
    return Survey(plan, dataset, inputs.roots, frozenset(inputs.found), inputs.fingerprints)


def model_size(dataset: Dataset, modality: str, model: str, base: str) -> tuple[int, int]:
    """Layers (embeddings included) and width of a model.

    A model that cannot be found still has a size if features of it lie ready in the data set.
    """
    try:
        source = resolve(model, base, modality)
    except ExtractionError as error:
        ready = _ready_layers(dataset, modality, model)
        if not ready:
            folder = _ready_folder(dataset, modality) / "OPTIONS" / model_folder(model)
            raise ExtractionError(f"{error}; features of your own would be in {folder}") from error
        return max(ready), ready[max(ready)]
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


def _ready_folder(dataset: Dataset, modality: str) -> Path:
    return Path(str(dataset.feature_root)) / "stim_features" / modality


def _ready_layers(dataset: Dataset, modality: str, model: str) -> dict[int, int]:
    """Width by layer of features that lie ready; `layerNone` is layer 0."""
    found: dict[int, int] = {}
    for folder in _ready_folder(dataset, modality).glob(f"*/{model_folder(model)}/layer*"):
        number = folder.name.removeprefix("layer").replace("None", str(NO_LAYER))
        path = next(folder.glob("*.npy"), None)
        if number.isdecimal() and path is not None:
            found[int(number)] = int(np.load(path, mmap_mode="r", allow_pickle=False).shape[-1])
    if MODALITIES[modality].released:
        layers = dataset.release.layers(model)
        found |= {layer: dataset.release.shape(path)[-1] for layer, path in layers.items()}
    return found
