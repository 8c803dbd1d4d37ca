"""What the tests of images and sound share: golden cases, readers that count, a short `extract`."""

from __future__ import annotations

import functools
import json

import numpy as np
from text_cases import GOLDEN

from d2b_ray.catalog import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features import ImageFolders, Scenes, WavFiles, resolve


@functools.cache
def load(modality: str, folder: str, dtype: str = "float32"):
    """The model in a folder, on the CPU."""
    source = resolve(folder, modality=modality)
    return MODALITIES[modality].load(source, device="cpu", dtype=dtype)


@functools.cache
def case(name: str):
    """(folder, case.json) of a golden case."""
    folder = GOLDEN / name
    return folder, json.loads((folder / "case.json").read_text())


def golden_frames(name: str) -> ImageFolders:
    """The frames of a golden case: two a second."""
    folder, about = case(name)
    run = about["movie"]
    images = folder / "frames" / run
    seconds = {run: len(list(images.iterdir())) // 2}
    return ImageFolders({run: images}, seconds, frames_a_second=2)


def golden_scenes(name: str) -> Scenes:
    """The frames of a golden case, and what is said of them."""
    captions = json.loads((GOLDEN / name / "captions_parsed.json").read_text())
    return Scenes(golden_frames(name), captions)


def golden_sound(*runs: str) -> WavFiles:
    """Clips of the golden case, in seconds rounded as the old code rounds."""
    folder, about = case("audio")
    seconds = {c["file"][6:-4]: round(c["seconds"]) for c in about["clips"]}
    files = {run: folder / "audio" / f"{run}.wav" for run in runs}
    return WavFiles(files, {run: seconds[run] for run in runs})


DEFAULTS = {
    "vision": {"frame_size": None, "tokens": "avg", "batch_size": 4},
    "audio": {"window": 1, "tokens": "avg", "batch_size": 4},
    "vision_language": {
        "frame_size": None, "annotators": "ALL", "tokens": "avg", "batch_size": 4,
    },
}  # fmt: skip


def extract(modality: str, model, inputs, **options):
    """`extract` of all layers with plain defaults, as {run: {layer: array}}."""
    chosen = {"layers": model.source.layers, **DEFAULTS[modality], **options}
    return dict(MODALITIES[modality].extract(model, inputs, **chosen))


class Frames:
    """Frames held in memory: run -> a list of frames a second. Counts what is read."""

    threads = 2

    def __init__(self, runs):
        self._runs = runs
        self.seconds = {run: len(rows) for run, rows in runs.items()}
        self.read = []

    def check(self):
        """Two frames each second."""
        if any(len(row) != 2 for rows in self._runs.values() for row in rows):
            raise ExtractionError("frames are missing")

    def frames(self, run, second):
        self.read.append((run, second))
        return self._runs[run][second]


class Sound:
    """Sound held in memory: run -> samples at 16 kHz."""

    def __init__(self, runs):
        self._runs = runs
        self.seconds = {run: len(samples) // 16_000 for run, samples in runs.items()}

    def check(self):
        """Nothing can be wrong."""

    def sound(self, run, rate):
        assert rate == 16_000
        return self._runs[run]


def random_frames(rng, **seconds) -> Frames:
    """Frames of noise, each another."""
    shape = (2, 24, 40, 3)
    return Frames(
        {
            run: [list(rng.integers(0, 256, shape).astype(np.uint8)) for _ in range(count)]
            for run, count in seconds.items()
        }
    )


def random_sound(rng, **seconds) -> Sound:
    """Noise at 16 kHz."""
    return Sound(
        {
            run: (0.1 * rng.standard_normal(16_000 * count)).astype(np.float32)
            for run, count in seconds.items()
        }
    )
