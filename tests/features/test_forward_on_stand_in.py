"""Every modality's forward pass on a GPU that is made of CPU tensors: the rows of the CPU, and few waits.

One process for all, for torch believes in it from then on that there is a GPU. With `cuda` as its argument
the same on a GPU that is one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

LAYERS = 3
# copies to the device and from it, and waits, of a batch: inputs go up (and places of tokens); whether all
# layers are finite comes back at once, and of each its rows
MOST = (5, LAYERS + 1, 6)
MODELS = {
    "semantic": ("text_bert", "text_gpt2", "text_llama", "text_opt"),
    "surprisal": ("text_gpt2", "text_opt"),
    "vision": ("vit", "resnet", "clip", "llava"),
    "audio": ("ast", "wav2vec2", "whisper"),
    "vision_language": ("git", "bridgetower", "llava"),
}
CASES = [(modality, name) for modality, names in MODELS.items() for name in names]


def main() -> None:
    """Print, per case, the largest difference from the CPU, and the counts."""
    from collections import Counter
    from contextlib import nullcontext

    import numpy as np
    import torch
    from golden_cases import GOLDEN
    from media_cases import Frames, Sound, extract
    from text_cases import extract as extract_text
    from tiny_models import tiny

    from d2b_ray.catalog import MODALITIES
    from d2b_ray.features import Scenes, resolve
    from d2b_ray.features.surprise.extract import text_rows

    there_is_one = sys.argv[1:] == ["cuda"]
    if there_is_one:
        DEVICE, COUNTS = "cuda", Counter()
        torch.backends.cudnn.allow_tf32 = False  # as `resolve_device` has it
    else:
        from stand_in_device import COUNTS, DEVICE, OnDevice, StandIn

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    texts = [
        "he walks on",
        "a door",
        "she sings in the rain and he listens",
        "no",
        "yes it is",
        "why not",
    ]
    said = {"run": [[text] for text in texts]}
    shown = {"run": [list(rng.integers(0, 256, (2, 24, 40, 3)).astype(np.uint8)) for _ in texts]}
    heard = {"run": rng.standard_normal(16_000 * len(texts)).astype(np.float32)}

    def rows(modality, model):
        layers = model.source.layers
        if modality == "semantic":
            return extract_text(model, said, layers=layers)
        if modality == "surprisal":
            return {"run": text_rows(model, texts, layers=[0], batch_tokens=256)}
        inputs = {"vision": Frames(shown), "audio": Sound(heard)}.get(modality)
        return extract(modality, model, inputs or Scenes(Frames(shown), said), batch_size=16)

    def moved(model):
        """The network's weights on the device, as `to` puts them."""
        for part in model.network.modules():
            for held in (part._parameters, part._buffers):
                for name, tensor in held.items():
                    if tensor is not None:
                        held[name] = OnDevice(tensor.data)
        for reader in (model, getattr(model, "reader", None)):
            if hasattr(reader, "device"):
                object.__setattr__(reader, "device", DEVICE)

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for modality, name in CASES:
            if modality in ("semantic", "surprisal"):
                source = resolve(str(GOLDEN / "features" / name / "model"), modality=modality)
                model = MODALITIES[modality].load(source, device="cpu", dtype="float32")
            else:
                model = tiny(modality, name, Path(folder))
            here = rows(modality, model)
            with nullcontext() if there_is_one else StandIn():
                if there_is_one:
                    model = MODALITIES[modality].load(model.source, device=DEVICE, dtype="float32")
                else:
                    moved(model)
                COUNTS.clear()
                there = rows(modality, model)
            counts = [COUNTS[c] for c in ("up", "down", "waits")]
            off = max(
                float(np.abs(here["run"][layer] - there["run"][layer]).max())
                for layer in here["run"]
            )
            found[f"{modality} {name}"] = {"off": off, "counts": counts, "layers": len(here["run"])}
    sys.stdout.write(json.dumps(found))


def told_by(*arguments):
    here = Path(__file__)
    folders = [str(here.parent), str(here.parents[1]), *sys.path]
    done = subprocess.run(
        [sys.executable, here, *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found():
    return told_by()


@pytest.mark.gpu
def test_rows_of_the_cpu_on_a_gpu():
    off = {case: told["off"] for case, told in told_by("cuda").items()}
    assert max(off.values()) <= 1e-4, off


@pytest.mark.parametrize(("modality", "name"), CASES)
def test_rows_of_the_cpu_and_few_waits(found, modality, name):
    told = found[f"{modality} {name}"]
    assert told["off"] <= 1e-5
    assert told["layers"] <= LAYERS + 1
    assert all(n <= most for n, most in zip(told["counts"], MOST, strict=True)), told


if __name__ == "__main__":
    main()
