"""Small real problems for the engine: a data set on disk with a tiny real model, and sweeps over it."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from golden_cases import GOLDEN

from d2b_ray.data.demo import write_demo
from d2b_ray.spec import parse
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from pathlib import Path

MODEL = GOLDEN / "features" / "text_bert" / "model"  # 2 blocks, 32 wide, random weights

SWEEP = """
name: tiny
dataset: {{layout: drama2brain, root: {root}, subjects: [DM01, DM03], split: all}}
features:
  llm: {{modality: semantic, annotation: [speechTranscription, story], model: {model}, layers: [1, 3]}}
fits:
  - {{kind: ridge, features: llm, delays: {{start: 3, end: 5}}}}
significance: {{permutations: 40}}
output: {{root: {out}, save: [scores, pvalues, coef, alphas, predictions], figures: false, report: tables}}
resources: {{permute: {{block: 20}}}}
"""


def hashed(level, captions):
    """Features that cost nothing: a random vector a text, always the same."""
    return {
        run: np.stack([_vector(f"{level}{row[0]}") for row in rows])
        for run, rows in captions.items()
    }


@cache
def _vector(text):
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(16).astype(np.float32)


def write_tiny(folder: Path, voxels: int = 40) -> Path:
    """A data set in drama2brain's layout, without pictures and sound."""
    write_demo(folder, hashed, voxels=voxels, stimuli=False)
    return folder


def tiny_yaml(root: Path, out: str | Path, model: Path = MODEL) -> str:
    """The sweep as text: 2 annotations x 2 layers x 2 subjects, 8 fits, 16 null units."""
    return SWEEP.format(root=root, out=out, model=model)


def tiny_sweep(root: Path, out: str | Path, *overrides: str):
    """The sweep, validated."""
    return parse(tiny_yaml(root, out), list(overrides))


BANDED = """
fits:
  - kind: banded
    bands: {{speech: {{from: llm, annotation: speechTranscription}}, plot: {{from: llm, annotation: story}}}}
    delays: {{start: 3, end: 5}}
    search: {{n_iter: 4{more}}}
    solver: {solver}
"""


def banded_sweep(root, out, *overrides, solver="auto", more=""):
    """The tiny sweep with a banded fit over its two annotations."""
    text = tiny_yaml(root, out).split("fits:")
    rest = "significance:" + text[1].split("significance:")[1]
    return parse(text[0] + BANDED.format(solver=solver, more=more) + rest, list(overrides))


WORDS = """
name: words
dataset: {{layout: drama2brain, root: {root}, subjects: [DM01, DM03], split: all}}
features:
  said: {{modality: wordvectors, annotation: [speechTranscription, story], model: {root}/words.txt}}
fits:
  - {{kind: ridge, features: said, delays: {{start: 3, end: 5}}}}
significance: {{permutations: 40}}
output: {{root: {out}, save: [scores, pvalues, coef, alphas], figures: false, report: tables}}
resources: {{permute: {{voxels: 20}}}}
"""


def write_words(folder: Path) -> Path:
    """The tiny data set, and in its folder a vector for every word of its captions."""
    write_tiny(folder)
    said = " ".join(path.read_text() for path in sorted((folder / "annotations").iterdir()))
    words = sorted(set(re.findall("[a-z]+", said.lower())))
    vectors = np.random.default_rng(11).standard_normal((len(words), 16)).round(4)
    lines = [f"{len(words)} {vectors.shape[1]}"]
    lines += [f"{w} {' '.join(map(str, v))}" for w, v in zip(words, vectors, strict=True)]
    (folder / "words.txt").write_text("\n".join(lines) + "\n")
    return folder


def words_yaml(root: Path, out: str | Path) -> str:
    """A sweep without a network, for faults: processes that read it start in half the time.

    2 annotations x 2 subjects: 2 sets of features, 2 designs, 4 fits (in parts), 8 null units, 4 commits.
    """
    return WORDS.format(root=root, out=out)


def words_sweep(root: Path, out: str | Path, *overrides: str):
    """The sweep, validated."""
    return parse(words_yaml(root, out), list(overrides))


COMMON = """
name: common
dataset: {{layout: arrays, root: {root}, subjects: all, responses: {{zscore: none}}}}
features:
  llm: {{modality: semantic, annotation: [speech, story], model: Planted, layers: [1, 2]}}
fits:
  - {{kind: ridge, features: llm, delays: {{start: 3, end: 3}}, alphas: [10.0, 1000.0]}}
significance: {{permutations: 40, block_trs: 10, ceiling: subjects, bootstrap: {{samples: 30}}}}
compare:
  - {{by: annotation, where: {{layer: 1}}}}
  - {{first: {{annotation: story, layer: 1}}, second: {{annotation: story, layer: 2}}, permutations: 20}}
output: {{root: {out}, save: [scores, pvalues], figures: false, report: tables}}
"""
REGIONS = ("driven", "noise", "")


def write_common(folder: Path, subjects: int = 4, voxels: int = 24) -> Path:
    """A data set whose subjects share a space, with features that lie ready: nothing to extract.

    Layer 1 of story drives a third of the voxels in all subjects, three TRs later; another third
    is noise; the last is noise that the subjects share.
    """
    rng = np.random.default_rng(7)
    lines = ["title,part,seconds,overlap,split_all,split_a,split_b,cv_group"]
    for part in range(1, 7):
        role = "TRAIN" if part < 5 else "VALID"
        lines.append(f"Play,{part},160,0,{role},,,{min(part, 4)}")
    folder.mkdir()
    (folder / "runs.csv").write_text("\n".join(lines))
    weights = rng.standard_normal((8, voxels))
    responses = {f"S{n}": [] for n in range(1, subjects + 1)}
    for part in range(1, 7):
        run, features = f"Play_{part:03d}", {}
        for annotation in ("speech", "story"):
            for layer in (1, 2):
                features[annotation, layer] = rng.standard_normal((160, 8)).astype(np.float32)
                feature = {"modality": "semantic", "annotation": annotation, "window": 1,
                           "tokens": "avg", "annotators": "ALL", "model": "Planted"}  # fmt: skip
                path = folder / Layout.feature(feature, layer, run)
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, features[annotation, layer])
        driven = np.concatenate([np.zeros((3, 8)), features["story", 1]])[:160] @ weights
        shared = 3 * rng.standard_normal((160, voxels))
        third = np.arange(voxels) * 3 // voxels
        for subject in responses:
            y = rng.standard_normal((160, voxels)) * 3
            y += np.where(third == 0, driven, np.where(third == 2, shared, 0))
            path = folder / "responses" / subject / f"{run}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, y.astype(np.float32))
    (folder / "voxels").mkdir()
    for subject in responses:
        labels = np.array([REGIONS[t] for t in np.arange(voxels) * 3 // voxels])
        np.savez(
            folder / "voxels" / f"{subject}.npz",
            index=np.arange(voxels),
            shape=[2, 3, 4],
            order="F",
            roi=labels,
        )
    return folder


def common_sweep(root: Path, out: str | Path, *overrides: str):
    """A sweep over it, validated: 2 annotations x 2 layers x 4 subjects."""
    return parse(COMMON.format(root=root, out=out), list(overrides))


class Quiet:
    """An observer that remembers what it was told."""

    def __init__(self):
        self.lines: list[str] = []
        self.ended: dict[str, int] = {}

    def progressed(self, sweep_run):
        """How many units of each kind have ended, once their reports were read."""
        self.ended = dict(sweep_run.executed)

    def message(self, line):
        """Keep the line."""
        self.lines.append(line)
