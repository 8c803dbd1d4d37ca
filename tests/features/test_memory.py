"""Peak memory does not grow with the length of the data set: rows of a run are handed out and forgotten."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image
from text_cases import GOLDEN, extract, load

from d2b_ray.catalog import MODALITIES
from d2b_ray.features import ImageFolders
from d2b_ray.features.text import extract as semantic
from d2b_ray.features.text.extract import stretches

SECONDS = 40
GROWTH = 1.25  # a fourfold length may cost a quarter more: names, and texts as token numbers


def captions(runs, rng):
    """Runs of texts that never come again."""
    words = np.array(["dog", "house", "rain", "night", "girl", "runs"])
    return {
        f"R_{n:03d}": [[" ".join([*rng.choice(words, 9), str(n), str(s)])] for s in range(SECONDS)]
        for n in range(runs)
    }


def peak(act) -> int:
    """Bytes that Python and NumPy held at most while the items of `act()` were taken."""
    for _ in act():  # threads, caches of the libraries
        pass
    tracemalloc.start()
    try:
        for _ in act():
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_text_of_four_times_as_many_runs(bert, rng, monkeypatch):
    monkeypatch.setattr(semantic, "TOGETHER_BYTES", 1)

    def act(said):
        options = {"window": 1, "annotators": "ALL", "join": "time", "layers": (1, 2, 3)}
        return lambda: MODALITIES["semantic"].extract(
            bert, said, tokens="flat", batch_tokens=256, **options
        )

    short, long = (peak(act(captions(runs, rng))) for runs in (4, 16))
    assert long < GROWTH * short


def test_frames_of_four_times_as_many_runs(models, rng, tmp_path):
    for run in range(8):
        (tmp_path / f"R_{run}").mkdir()
        for frame in range(2 * 12):
            image = rng.integers(0, 256, (24, 40, 3)).astype(np.uint8)
            Image.fromarray(image).save(tmp_path / f"R_{run}" / f"{frame:05d}.png")

    def act(runs):
        names = [f"R_{run}" for run in range(runs)]
        folders = {name: tmp_path / name for name in names}
        options = {"frame_size": 32, "layers": (1, 2, 3), "tokens": "flat", "batch_size": 4}
        return lambda: MODALITIES["vision"].extract(
            models("vision", "vit"),
            ImageFolders(folders, dict.fromkeys(names, 12), 2),
            **options,
        )

    short, long = (peak(act(runs)) for runs in (2, 8))
    assert long < GROWTH * short


def test_runs_one_by_one_are_the_runs_together(monkeypatch, rng):
    model = load(str(GOLDEN / "text_gpt2" / "model"))
    said = captions(5, rng)
    said["R_004"][3] = said["R_000"][7]  # comes again, when the rest of its run is forgotten
    said["R_002"] = [[".."]] * 3
    together = extract(model, said)
    seen = []
    embed = semantic.embed
    monkeypatch.setattr(
        semantic, "embed", lambda m, texts, **o: (seen.extend(texts), embed(m, texts, **o))[1]
    )
    monkeypatch.setattr(semantic, "TOGETHER_BYTES", 1)
    apart = extract(model, said)
    assert list(apart) == list(together) == list(said)
    assert len(seen) == len(set(seen)) == 4 * SECONDS - 1
    for run, layers in together.items():
        for layer, rows in layers.items():
            np.testing.assert_allclose(apart[run][layer], rows, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(1, [["a"], ["b"], ["c"]]), (3, [["a", "b"], ["c"]]), (9, [["a", "b", "c"]])],
)
def test_stretches(limit, expected):
    index = {"a": np.array([[0, 1]]), "b": np.array([[1, 2], [-1, 2]]), "c": np.array([[3, 4]])}
    assert list(stretches(index, limit)) == expected
