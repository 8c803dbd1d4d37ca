"""What an extractor is fed with: captions and readers of media, and its options. Runs no model."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from d2b_ray.features import (
    MODALITIES,
    ImageFolders,
    Projection,
    Scenes,
    VideoFiles,
    WavFiles,
    collect_texts,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from d2b_ray.data import Dataset
    from d2b_ray.features import Texts

__all__ = ["check", "libraries", "media_of", "options", "stimuli", "texts_of"]

TOKENS_PER_ITEM = 256  # a frame, a pair or a stretch of sound counts as so many tokens of a batch
FED_OTHERWISE = ("modality", "model", "annotation", "source", "dtype", "trust_remote_code")
LIBRARIES = {"captions": "tokenizers", "frames": "pillow", "video": "av", "sound": "scipy"}


def media_of(params: Mapping[str, Any]) -> tuple[str, ...]:
    """What of the data set a feature set is made of: `captions`, `frames` or `video`, `sound`."""
    needs = MODALITIES[params["modality"]].NEEDS
    return tuple(params["source"] if need == "frames" else need for need in needs)


def stimuli(
    dataset: Dataset, params: Mapping[str, Any], runs: Collection[str] | None = None
) -> Any:
    """The inputs of the modality's `extract`, for `runs`, or all that have a role; reads captions only.

    Raises DataError for captions or media that are missing.
    """
    media, needs = dataset.media, media_of(params)
    used = [run for run in dataset.runs.used if runs is None or run.name in runs]
    seconds = {run.name: run.seconds for run in used}
    made: dict[str, Any] = {}
    for need in needs:
        if need == "captions":
            made[need] = {run.name: dataset.captions(run, params["annotation"]) for run in used}
        elif need == "frames":
            made[need] = ImageFolders(media.paths("frames"), seconds, media.frames_a_second)
        elif need == "video":
            made[need] = VideoFiles(media.paths("video"), seconds)
        else:
            made[need] = WavFiles(media.paths("sound"), seconds)
    if len(needs) == 1:
        return made[needs[0]]
    return Scenes(made[params["source"]], made["captions"])


def texts_of(dataset: Dataset, params: Mapping[str, Any]) -> Texts:
    """The distinct texts of a feature set and where they stand; annotators not chosen yet."""
    captions = {run.name: dataset.captions(run, params["annotation"]) for run in dataset.runs.used}
    return collect_texts(captions, window=params["window"], join=params["join"])


def check(fed: Any) -> None:
    """Raise ExtractionError if frames or sound end before their run, or cannot be read."""
    reader = fed.frames if isinstance(fed, Scenes) else fed
    if not isinstance(reader, dict):
        reader.check()


def options(
    params: Mapping[str, Any], layers: tuple[int, ...], batch_tokens: int
) -> dict[str, Any]:
    """Options of the modality's `extract` beside its inputs."""
    chosen = {key: value for key, value in params.items() if key not in FED_OTHERWISE}
    if "reduce" in chosen:
        chosen["reduce"] = Projection(**chosen["reduce"])
    if params["modality"] == "semantic":
        chosen["batch_tokens"] = max(1, batch_tokens)
    elif params["modality"] != "wordvectors":
        chosen["batch_size"] = max(1, batch_tokens // TOKENS_PER_ITEM)
    return {**chosen, "layers": layers}


def libraries(params: Mapping[str, Any]) -> dict[str, str]:
    """Versions of the libraries that read these stimuli, beside those that every record names."""
    return {name: metadata.version(name) for name in map(LIBRARIES.__getitem__, media_of(params))}
