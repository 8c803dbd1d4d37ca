"""Stimuli -> features a second. Nothing here imports torch or transformers before a model is loaded."""

from d2b_ray.features.frames.reader import FrameReader, ImageFolders, Scenes, SoundReader
from d2b_ray.features.frames.video import VideoFiles
from d2b_ray.features.models.fingerprints import fingerprint, identity
from d2b_ray.features.models.sources import NAMED, NO_LAYER, ModelSource, resolve
from d2b_ray.features.reduction import Projection, components_for
from d2b_ray.features.sound.reader import WavFiles
from d2b_ray.features.text.averages import mean_of_texts
from d2b_ray.features.text.extract import text_rows
from d2b_ray.features.text.reader import Texts, collect_texts

__all__ = [
    "NAMED",
    "NO_LAYER",
    "FrameReader",
    "ImageFolders",
    "ModelSource",
    "Projection",
    "Scenes",
    "SoundReader",
    "Texts",
    "VideoFiles",
    "WavFiles",
    "collect_texts",
    "components_for",
    "fingerprint",
    "identity",
    "mean_of_texts",
    "resolve",
    "text_rows",
]
