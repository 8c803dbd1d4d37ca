"""A data set of seconds with real frames, films and sound, tiny models of every kind, a sweep over all."""

from __future__ import annotations

import json
import shutil
import wave
from typing import TYPE_CHECKING

import numpy as np
from golden_cases import GOLDEN

if TYPE_CHECKING:
    from pathlib import Path
from PIL import Image
from tiny_models import ast, git, vit

RUNS = {"A_001": 9, "A_002": 8, "B_001": 9, "C_001": 8}
TABLE = """\
title,part,seconds,overlap,split_all,split_a,split_b,cv_group
A,1,9,0,TRAIN,,,0
A,2,8,2,TRAIN,,,0
B,1,9,0,TRAIN,,,1
C,1,8,0,VALID,,,2
D,1,99,0,,,,0
"""
RATE = 2  # frames a second
SAID = ("a dog runs", "the dog runs home", "..", "rain", "nobody says a word here")
VOXELS = 12
WORDS = GOLDEN / "features" / "word_vectors" / "vectors_24.word2vec.txt"
TEXT = GOLDEN / "features" / "text_bert" / "model"

SWEEP = """\
name: media
dataset: {{layout: arrays, root: {root}}}
features:
  read: {{modality: semantic, annotation: story, model: {text}, layers: [1, 3]}}
  words: {{modality: wordvectors, annotation: story, model: {models}/words.txt}}
  see: {{modality: vision, model: {models}/vit, layers: [1, 3], frame_size: 32}}
  film: {{modality: vision, model: {models}/vit, layers: 2, source: video, frame_size: null,
         tokens: flat, reduce: {{components: 7}}}}
  hear: {{modality: audio, model: {models}/ast, layers: [3], window: 2}}
  both: {{modality: vision_language, annotation: story, model: {models}/git, layers: [2], frame_size: 40,
         silence: skip}}
fits:
  - {{kind: ridge, features: [read, words, see, film, hear, both], delays: {{start: 1, end: 2}}}}
  - kind: banded
    bands: {{sight: {{from: see, layers: 3}}, words: {{from: words}}, sound: {{from: hear}}}}
    delays: {{start: 1, end: 2}}
    search: {{n_iter: 3}}
significance: {{permutations: 19, block_trs: 2}}
output: {{root: {out}, figures: false}}
"""


def write_media(root: Path, runs: dict[str, int] | None = None) -> Path:
    """The data set, in the layout of arrays. `runs` for another table of seconds, all for training."""
    rng = np.random.default_rng(3)
    table = TABLE
    if runs is not None:
        rows = [
            f"{n[:-4]},{int(n[-3:])},{s},0,TRAIN,,,{i}" for i, (n, s) in enumerate(runs.items())
        ]
        table = "\n".join([TABLE.partition("\n")[0], *rows, ""])
    root.mkdir(parents=True)
    (root / "runs.csv").write_text(table)
    for run, seconds in (runs or RUNS).items():
        (root / "responses" / "S1").mkdir(parents=True, exist_ok=True)
        rows = rng.standard_normal((seconds, VOXELS)).astype(np.float32)
        np.save(root / "responses" / "S1" / f"{run}.npy", rows)
        _captions(root / "annotations", run, seconds)
        _frames(root / "stimuli" / "frames", run, seconds, rng)
        _film(root / "stimuli" / "video", run, seconds, rng)
        _sound(root / "stimuli" / "audio", run, seconds, rng)
    (root / "stimuli" / "frames" / "rate.json").write_text(json.dumps({"frames_a_second": RATE}))
    return root


def write_models(folder: Path) -> Path:
    """A vit, an ast and a git with random weights, and a file of word vectors."""
    for make in (vit, ast, git):
        make(folder / make.__name__)
    shutil.copy(WORDS, folder / "words.txt")
    return folder


def media_yaml(root: Path, models: Path, out: Path) -> str:
    """The sweep over all modalities: 8 feature spaces, 8 ridge fits and a banded one."""
    return SWEEP.format(root=root, models=models, out=out, text=TEXT)


def rows_of(run: str, seconds: int) -> list[list[str]]:
    """Captions of two annotators."""
    start = sum(map(ord, run))
    return [[SAID[(start + s // 2) % 5], SAID[(start + s // 3 + 1) % 5]] for s in range(seconds)]


def _captions(folder: Path, run: str, seconds: int) -> None:
    folder.mkdir(exist_ok=True)
    lines = ["one\ttwo", *("\t".join(row) for row in rows_of(run, seconds))]
    path = folder / f"{run[:-4]}_run{int(run[-3:])}_story_each1sec_en.txt"
    path.write_text("\n".join(lines) + "\n")


def _frames(folder: Path, run: str, seconds: int, rng: np.random.Generator) -> None:
    (folder / run).mkdir(parents=True)
    for number in range(RATE * seconds):
        if number % 3 < 2:  # every third frame repeats the one before
            frame = rng.integers(0, 256, (24, 40, 3)).astype(np.uint8)
        Image.fromarray(frame).save(folder / run / f"frame_{number:05d}.png")


def _film(folder: Path, run: str, seconds: int, rng: np.random.Generator) -> None:
    import av

    folder.mkdir(exist_ok=True)
    with av.open(str(folder / f"{run}.mp4"), "w") as film:
        stream = film.add_stream("mpeg4", rate=4)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(4 * seconds):
            image = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                film.mux(packet)
        for packet in stream.encode():
            film.mux(packet)


def _sound(folder: Path, run: str, seconds: int, rng: np.random.Generator) -> None:
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / f"{run}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        samples = 3000 * rng.standard_normal(8000 * seconds)
        file.writeframes(samples.astype("<i2").tobytes())
