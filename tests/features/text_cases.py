"""What these tests share: golden cases of the old code, models that are loaded once, a short `extract`."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from d2b_ray.arrays import Run, RunTable
from d2b_ray.catalog import MODALITIES
from d2b_ray.data.captions import CaptionFolder
from d2b_ray.features import resolve

GOLDEN = Path(__file__).parents[1] / "golden" / "features"


@functools.cache
def load(folder: str):
    """The model in a folder, or of a name, on the CPU in float32."""
    return MODALITIES["semantic"].load(resolve(folder), device="cpu", dtype="float32")


@functools.cache
def case(name: str):
    """(folder, case.json, parsed captions) of a golden case."""
    folder = GOLDEN / name
    texts = json.loads((folder / "captions_parsed.json").read_text())
    return folder, json.loads((folder / "case.json").read_text()), texts


@functools.cache
def captions_of_files(name: str):
    """The captions of a golden case as we read its files, by the keys of what was parsed of them."""
    folder, _, parsed = case(name)
    found = {}
    for key in parsed:
        if "|" in key:
            movie, level = key.split("|")
            title, _, part = movie.rpartition("_")
            run = Run(title, int(part), len(parsed[key]), 0, "TRAIN", "", "", 0)
            place = next(
                p.parent for p in folder.glob(f"captions*/{title}_run*_{level}_each1sec_en.txt")
            )
            found[key] = CaptionFolder(place, RunTable((run,))).read(run, level)
    return found


def extract(model, captions, **options):
    """`extract` with plain defaults, as {run: {layer: array}}."""
    defaults = {
        "window": 1,
        "annotators": "ALL",
        "join": "time",
        "layers": (1, 2, 3),
        "tokens": "avg",
        "batch_tokens": 256,
    }
    return dict(MODALITIES["semantic"].extract(model, captions, **{**defaults, **options}))
