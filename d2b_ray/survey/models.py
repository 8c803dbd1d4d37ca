"""How many layers the models of a sweep have, and how wide they are; of features that came ready, too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data.npy import npy_shape
from d2b_ray.errors import ExtractionError
from d2b_ray.features import resolve
from d2b_ray.plan import NO_LAYER
from d2b_ray.store import model_folder

if TYPE_CHECKING:
    from d2b_ray.data import Dataset
    from d2b_ray.spec import AnyFeatures

__all__ = ["model_size", "size_of"]


def size_of(dataset: Dataset, block: AnyFeatures, model: str, base: str) -> tuple[int, int]:
    """Layers and width of a model of a feature block, or of features of it that lie ready."""
    modality = MODALITIES[block.modality]
    if not modality.reading:
        return model_size(dataset, block.modality, model, base)
    own = {"model": model, "subject": dataset.subjects[0]}
    return 1, modality.width(dataset, {**block.model_dump(), **own})


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


def _ready_folder(dataset: Dataset, modality: str) -> Path:
    return Path(str(dataset.feature_root)) / "stim_features" / modality


def _ready_layers(dataset: Dataset, modality: str, model: str) -> dict[int, int]:
    """Width by layer of features that lie ready; `layerNone` is layer 0."""
    found: dict[int, int] = {}
    for folder in _ready_folder(dataset, modality).glob(f"*/{model_folder(model)}/layer*"):
        number = folder.name.removeprefix("layer").replace("None", str(NO_LAYER))
        path = next(folder.glob("*.npy"), None)
        if number.isdecimal() and path is not None:
            found[int(number)] = (npy_shape(path) or (1,))[
                -1
            ]  # no table at all is told with its runs
    if MODALITIES[modality].released:
        layers = dataset.release.layers(model)
        found |= {layer: dataset.release.shape(path)[-1] for layer, path in layers.items()}
    return found
