"""Small real problems for the engine: a data set on disk with a tiny real model, and sweeps over it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from golden_cases import GOLDEN

from d2b_ray.data import write_demo
from d2b_ray.spec import parse

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
output: {{root: {out}, save: [scores, pvalues, coef, alphas, predictions]}}
resources: {{permute: {{block: 20}}}}
"""


def hashed(level, captions):
    """Features that cost nothing: a random vector a text, always the same."""

    def vector(text):
        seed = int.from_bytes(hashlib.sha256(f"{level}{text}".encode()).digest()[:4], "big")
        return np.random.default_rng(seed).standard_normal(16).astype(np.float32)

    return {run: np.stack([vector(row[0]) for row in rows]) for run, rows in captions.items()}


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


class Quiet:
    """An observer that remembers what it was told."""

    def __init__(self):
        self.lines: list[str] = []

    def moved(self, campaign):
        """Nothing to show."""

    def said(self, line):
        """Keep the line."""
        self.lines.append(line)
