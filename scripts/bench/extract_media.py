"""Frames, sound, captioned frames: the old way (a forward pass an item) against ours, in the same process.

Models of the usual size with random weights: ViT base of 224 pixels, AST base (1,214 positions), GIT base.
Frames and sound are noise, so that nothing repeats but a frame in its pairs: five annotators describe it.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from extract import write_captions
from torch.utils.flop_counter import FlopCounterMode
from turns import in_turns, machine, timed

from d2b_ray.catalog import MODALITIES
from d2b_ray.features import Scenes, resolve
from d2b_ray.features.models.linear import linear

RUN, RATE = "R_001", 16_000
FRAME = (360, 640, 3)  # of a film, before the model's own processor
A_SECOND = 2  # frames
ANNOTATORS = 5


class Held(NamedTuple):
    """Frames, or sound, of one run in memory: what a reader of files gives."""

    seconds: dict[str, int]
    rows: Any
    threads: int = 2

    def check(self) -> None:
        """Nothing is missing."""

    def frames(self, run: str, second: int) -> list[np.ndarray]:
        """Of a second."""
        return list(self.rows[second])

    def sound(self, run: str, rate: int) -> np.ndarray:
        """All of it."""
        return self.rows


def write_model(folder: Path, modality: str) -> Path:
    """Network and what feeds it, as `save_pretrained` writes them."""
    torch.manual_seed(0)
    if modality == "vision":
        transformers.ViTModel(transformers.ViTConfig()).save_pretrained(folder)
        transformers.ViTImageProcessorPil().save_pretrained(folder)
    elif modality == "audio":
        transformers.ASTModel(transformers.ASTConfig()).save_pretrained(folder)
        transformers.ASTFeatureExtractor().save_pretrained(folder)
    else:
        transformers.GitForCausalLM(transformers.GitConfig()).save_pretrained(folder)
        transformers.CLIPImageProcessorPil().save_pretrained(folder)
        tokenizer = Path(resolve("MiniLM").location)
        for path in [*tokenizer.glob("tokenizer*.json"), *tokenizer.glob("vocab.txt")]:
            shutil.copy(path, folder)
    return folder


def made_input(modality: str, seconds: int) -> Any:
    """What the extractor is given."""
    rng = np.random.default_rng(0)
    if modality == "audio":
        return Held({RUN: seconds}, rng.standard_normal(seconds * RATE).astype(np.float32) / 10)
    shape = (seconds, A_SECOND, *FRAME)
    frames = Held({RUN: seconds}, rng.integers(0, 256, shape).astype(np.uint8))
    if modality == "vision":
        return frames
    return Scenes(frames, {RUN: write_captions(seconds, ANNOTATORS, persist=1)})


def items(modality: str, model: Any, given: Any) -> list[list[dict[str, torch.Tensor]]]:
    """What the network takes, of each second, an item a forward pass; the old way prepares it alike."""
    seconds = range((given.frames if isinstance(given, Scenes) else given).seconds[RUN])
    if modality == "audio":
        return [[model.prepare(given.rows[s * RATE : (s + 1) * RATE])] for s in seconds]
    frames = given.frames if modality == "vision_language" else given
    shown = [[model.pictures.prepare(f, None) for f in frames.frames(RUN, s)] for s in seconds]
    if modality == "vision":
        return shown
    ids = [model.tokenize(row) for row in given.captions[RUN]]
    return [
        [
            {
                **f,
                "input_ids": torch.tensor([i]),
                "attention_mask": torch.ones(1, len(i), dtype=int),
            }
            for f in row
            for i in own
        ]
        for row, own in zip(shown, ids, strict=True)
    ]


def old_way(modality: str, network: Any, model: Any, given: Any) -> np.ndarray:
    """Each item alone; (layers, seconds, width)."""
    rows = []
    with torch.no_grad():
        for second in items(modality, model, given):
            vectors = []
            for item in second:
                states = network(**item, output_hidden_states=True).hidden_states
                parts = [(s[:, :197], s[:, 197:]) if "input_ids" in item else (s,) for s in states]
                vectors.append(
                    [torch.cat([p.mean(1) for p in both], 1)[0].numpy() for both in parts]
                )
            rows.append(np.mean(vectors, axis=0))
    return np.stack(rows, axis=1)


def our_way(modality: str, model: Any, given: Any, batch_size: int) -> np.ndarray:
    """The extractor; (layers, seconds, width)."""
    own = {
        "vision": {"frame_size": None},
        "audio": {"window": 1},
        "vision_language": {"frame_size": None, "annotators": "ALL"},
    }[modality]
    layers = model.source.layers
    found = dict(
        MODALITIES[modality].extract(
            model, given, layers=layers, tokens="avg", batch_size=batch_size, **own
        )
    )
    return np.stack([found[RUN][layer] for layer in layers])


def gemm_floor(
    network: Any, item: dict[str, torch.Tensor], count: int, batch: int
) -> dict[str, Any]:
    """Seconds of all products of `count` forward passes at this run's float32 rate, counted dense.

    Attention is counted where it is two plain products (`network` with eager attention).

    The rate is that of a feed-forward layer of a batch, of the library that is faster.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        states = network(**item, output_hidden_states=True).hidden_states
    tokens, width = batch * states[-1].shape[1], states[-1].shape[2]
    left, right = torch.randn(tokens, width), torch.randn(4 * width, width)
    calls = [
        functools.partial(product, left, right, None)
        for product in (torch.nn.functional.linear, linear)
    ]
    best = min(timed(call)[1] for call in calls * 10)
    rate = 2 * tokens * width * 4 * width / best
    return {
        "gflop_an_item": round(counter.get_total_flops() / 1e9, 1),
        "gemm_floor_seconds": round(counter.get_total_flops() * count / rate, 3),
    }


def measure(modality: str, seconds: int, batch_size: int) -> dict[str, Any]:
    """The figures of one modality."""
    transformers.utils.logging.disable_progress_bar()
    given, few = made_input(modality, seconds), made_input(modality, 1)
    with tempfile.TemporaryDirectory() as folder:
        source = resolve(str(write_model(Path(folder), modality)), modality=modality)
        model = MODALITIES[modality].load(source, device="cpu", dtype="float32")
        kind = "AutoModelForCausalLM" if modality == "vision_language" else "AutoModel"
        plain = getattr(transformers, kind).from_pretrained(folder).eval()
        counted = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager")
    old_way(modality, plain, model, few)  # threads and libraries are warm for both
    our_way(modality, model, few, batch_size)
    ours, theirs, figures = in_turns(
        lambda: our_way(modality, model, given, batch_size),
        lambda: old_way(modality, plain, model, given),
    )
    prepared = items(modality, model, given)
    count = sum(map(len, prepared))
    floor = gemm_floor(counted.eval(), prepared[0][0], count, batch_size)
    return {
        **figures,
        "peer": "a forward pass an item",
        "items": count,
        "max_difference": float(np.abs(ours - theirs).max()),
        **floor,
        "share_of_floor": round(floor["gemm_floor_seconds"] / figures["seconds"], 3),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modality", choices=("vision", "audio", "vision_language"), required=True)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=8)
    wanted = parser.parse_args()
    figures = measure(wanted.modality, wanted.seconds, wanted.batch_size)
    print(json.dumps({"bench": "extract", "machine": machine(), "shape": vars(wanted), **figures}))


if __name__ == "__main__":
    main()
