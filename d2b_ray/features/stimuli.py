"""What an extractor is fed with: captions and readers of media, and its options. Runs no model."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.data.dataset import words_of
from d2b_ray.features import (
    ImageFolders,
    Projection,
    Scenes,
    VideoFiles,
    WavFiles,
    collect_texts,
)
from d2b_ray.features.spoken.reader import collect_contexts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from d2b_ray.data import Dataset
    from d2b_ray.features import Texts

__all__ = ["check", "libraries", "media_of", "options", "stimuli", "texts_of"]

TOKENS_PER_ITEM = 256  # a frame, a pair or a stretch of sound counts as so many tokens of a batch
FED_OTHERWISE = ("modality", "model", "annotation", "source", "dtype", "trust_remote_code")
LIBRARIES = {
    "captions": "tokenizers",
    "words": "tokenizers",
    "frames": "pillow",
    "video": "av",
    "sound": "scipy",
}


def media_of(params: Mapping[str, Any]) -> tuple[str, ...]:
    """What of the data set a feature set is made of: `captions`, `frames` or `video`, `sound`."""
    needs = MODALITIES[params["modality"]].needs
    return tuple(_frames(params) if need == "frames" else need for need in needs)


def _frames(params: Mapping[str, Any]) -> str:
    return str(params.get("source", "frames"))


def stimuli(
    dataset: Dataset, params: Mapping[str, Any], runs: Collection[str] | None = None
) -> Any:
    """The inputs of the modality's `extract`, for `runs`, or all that have a role; reads captions only.

    Captions are run -> rows[second][annotator], media a reader (`frames.reader`); frames and captions
    come as `Scenes`, anything else that is read together as a mapping by need. Raises DataError for
    captions or media that are missing.
    """
    media, needs = dataset.media, media_of(params)
    used = [run for run in dataset.runs.used if runs is None or run.name in runs]
    seconds = {run.name: run.seconds for run in used}
    made: dict[str, Any] = {}
    for need in needs:
        if need == "captions":
            made[need] = {run.name: dataset.captions(run, params["annotation"]) for run in used}
        elif need == "words":
            folder, level = words_of(dataset), params["annotation"]
            made[need] = {run.name: folder.read(run, level) for run in used}
        elif need == "frames":
            made[need] = ImageFolders(media.paths("frames"), seconds, media.frames_a_second)
        elif need == "video":
            made[need] = VideoFiles(media.paths("video"), seconds)
        else:
            made[need] = WavFiles(media.paths("sound"), seconds)
    if len(needs) == 1:
        return made[needs[0]]
    if made.keys() == {_frames(params), "captions"}:
        return Scenes(made[_frames(params)], made["captions"])
    return made


def texts_of(dataset: Dataset, params: Mapping[str, Any]) -> Texts:
    """The distinct texts of a feature set and where they stand; annotators not chosen yet."""
    if "words" in media_of(params):
        return collect_contexts(stimuli(dataset, params), params["context"])
    captions = {run.name: dataset.captions(run, params["annotation"]) for run in dataset.runs.used}
    return collect_texts(captions, window=params["window"], join=params["join"])


def check(fed: Any) -> None:
    """Raise ExtractionError if frames or sound end before their run, or cannot be read."""
    readers = [fed.frames] if isinstance(fed, Scenes) else [fed]
    for reader in fed.values() if isinstance(fed, dict) else readers:
        if hasattr(reader, "check"):  # captions were read
            reader.check()


def options(
    params: Mapping[str, Any], layers: tuple[int, ...], batch_tokens: int
) -> dict[str, Any]:
    """Options of the modality's `extract` beside its inputs."""
    chosen = {key: value for key, value in params.items() if key not in FED_OTHERWISE}
    if "reduce" in chosen:
        chosen["reduce"] = Projection(**chosen["reduce"])
    batch = MODALITIES[params["modality"]].batch
    if batch == "batch_tokens":
        chosen[batch] = max(1, batch_tokens)
    elif batch == "batch_size":
        chosen[batch] = max(1, batch_tokens // TOKENS_PER_ITEM)
    return {**chosen, "layers": layers}


def libraries(params: Mapping[str, Any]) -> dict[str, str]:
    """Versions of what reads these stimuli, beside the libraries that every record names.

    The package of a plug-in is among them.
    """
    found = {name: metadata.version(name) for name in map(LIBRARIES.__getitem__, media_of(params))}
    if params["modality"] not in MODALITIES.own:
        origin = MODALITIES.origin(params["modality"])
        found[origin.package] = origin.version
    return found
