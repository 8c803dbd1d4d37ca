"""Stimuli -> features a second. Nothing here imports torch or transformers before a model is loaded."""

from d2b_ray.features.fingerprints import fingerprint
from d2b_ray.features.modalities import MODALITIES, Modality
from d2b_ray.features.sources import NAMED, ModelSource, resolve

__all__ = ["MODALITIES", "NAMED", "Modality", "ModelSource", "fingerprint", "resolve"]
