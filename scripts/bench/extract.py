"""Text features: the old way (a forward pass a second and annotator) against ours, in the same process.

The model has the sizes of all-MiniLM-L6-v2 (6 layers, width 384) and random weights: time does not
depend on them. Captions persist for some seconds, as those of a film do.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from turns import in_turns, machine, timed

from d2b_ray.catalog import MODALITIES
from d2b_ray.features import resolve
from d2b_ray.features.models.linear import linear

WORDS = """a the man woman child dog door car street house kitchen window table letter phone doctor stands
walks looks talks opens holds reads smiles leaves waits slowly quickly again outside together with under
behind before towards old young dark bright red small surprised angry and while"""
SIZES = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
         "intermediate_size": 1536}  # fmt: skip
RUN = "R_001"
REPEATS = 5


def write_model(folder: Path) -> Path:
    """BERT of the sizes of all-MiniLM-L6-v2 with random weights, and its tokenizer."""
    torch.manual_seed(0)
    network = transformers.BertModel(transformers.BertConfig(**SIZES))
    network.save_pretrained(folder)
    tokenizer = Path(resolve("MiniLM").location)
    for path in [*tokenizer.glob("tokenizer*.json"), *tokenizer.glob("vocab.txt")]:
        shutil.copy(path, folder)
    return folder


def write_captions(seconds: int, annotators: int, persist: int, seed: int = 0) -> list[list[str]]:
    """rows[second][annotator]; each annotator's text stands `persist` seconds, and none comes again."""
    rng = np.random.default_rng(seed)
    columns = []
    for _ in range(annotators):
        count = -(-seconds // persist)
        texts = [" ".join(rng.choice(WORDS.split(), rng.integers(6, 20))) for _ in range(count)]
        columns.append([texts[second // persist] for second in range(seconds)])
    return [list(row) for row in zip(*columns, strict=True)]


def old_way(network, tokenizer, rows: list[list[str]]) -> np.ndarray:
    """As drama2brain: each caption of each second alone; (layers, seconds, width)."""
    made = []
    with torch.no_grad():
        for row in rows:
            vectors = []
            for text in row:
                inputs = tokenizer(text, return_tensors="pt").to(network.device)
                states = network(**inputs, output_hidden_states=True).hidden_states
                hidden = np.stack([state[0].float().cpu().numpy() for state in states])
                vectors.append(hidden.mean(axis=1))  # (layers, tokens, width) -> (layers, width)
            made.append(np.mean(vectors, axis=0))
    return np.stack(made, axis=1)


def our_way(model, rows: list[list[str]], batch_tokens: int) -> np.ndarray:
    """The extractor; (layers, seconds, width)."""
    found = dict(
        MODALITIES["semantic"].extract(
            model, {RUN: rows}, window=1, annotators="ALL", join="time", layers=model.source.layers,
            tokens="avg", batch_tokens=batch_tokens,
        )
    )  # fmt: skip
    return np.stack([found[RUN][layer] for layer in model.source.layers])


def gemm_floor(model, rows: list[list[str]]) -> float:
    """Seconds of the products of the distinct texts, without padding, at this run's float32 rate.

    A token costs 2 (4 w² + 2 w i) operations a layer (projections and feed-forward network) and
    4 T w for attention, in a text of T tokens. The rate is that of (tokens, w) (w, i), of the library
    that is faster.
    """
    texts = list(dict.fromkeys(text for row in rows for text in row))
    lengths = np.array([len(ids) for ids in model.tokenize(texts)])
    width, inner = SIZES["hidden_size"], SIZES["intermediate_size"]
    dense = 2 * (4 * width**2 + 2 * width * inner) * lengths.sum()
    operations = SIZES["num_hidden_layers"] * (dense + 4 * width * (lengths**2).sum())
    left = torch.randn(int(lengths.sum()), width, device=model.device)
    right = torch.randn(inner, width, device=model.device)
    products = [torch.nn.functional.linear]
    if model.device == "cpu":
        products.append(linear)
    calls = [functools.partial(product, left, right, None) for product in products]
    best = min(timed(call)[1] for call in calls * 20)
    return float(operations / (2 * left.shape[0] * width * inner / best))


def fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself (AMX or AVX512)."""
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.exists() else set()
    return bool(flags & {"amx_bf16", "avx512_bf16"})


def main() -> None:
    """Measure and print one JSON line."""
    transformers.utils.logging.disable_progress_bar()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=200)
    parser.add_argument("--annotators", type=int, default=3)
    parser.add_argument("--persist", type=int, default=5)
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--device", default="cpu")
    wanted = parser.parse_args()
    rows = write_captions(wanted.seconds, wanted.annotators, wanted.persist)
    with tempfile.TemporaryDirectory() as folder:
        source = resolve(str(write_model(Path(folder))))

        def load(dtype: str):
            return MODALITIES["semantic"].load(source, device=wanted.device, dtype=dtype)

        model = load("float32")
        plain = transformers.AutoModel.from_pretrained(source.location).to(wanted.device).eval()
        old_way(plain, model.tokenizer, rows[:10])  # threads and libraries are warm for both
        our_way(model, rows[:10], wanted.batch_tokens)
        ours, theirs, figures = in_turns(
            lambda: our_way(model, rows, wanted.batch_tokens),
            lambda: old_way(plain, model.tokenizer, rows),
            device=wanted.device,
        )
        seconds = figures["seconds"]
        floor = gemm_floor(model, rows)
        half = None
        if wanted.device != "cpu" or fast_bfloat16():
            halved = load("bfloat16")
            our_way(halved, rows[:10], wanted.batch_tokens)
            half = min(
                timed(lambda: our_way(halved, rows, wanted.batch_tokens))[1] for _ in range(REPEATS)
            )
    print(
        json.dumps(
            {
                "bench": "extract",
                "shape": vars(wanted),
                **figures,
                "peer": "a forward pass a second and annotator",
                "forwards_old": wanted.seconds * wanted.annotators,
                "distinct_texts": len({text for row in rows for text in row}),
                "max_difference": float(np.abs(ours - theirs).max()),
                "gemm_floor_seconds": round(floor, 4),
                "share_of_floor": round(floor / seconds, 3),
                "bfloat16_seconds": None if half is None else round(half, 3),
                "bfloat16_times_faster": None if half is None else round(seconds / half, 2),
                "threads": torch.get_num_threads(),
                "machine": machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
