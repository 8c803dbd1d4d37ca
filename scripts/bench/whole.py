"""A study of two levels of captions, four layers, ridge and banded, each voxel tested: both ways.

Today's way, of today's best parts: a forward pass a second and annotator (transformers), himalaya's
`RidgeCV` and `GroupRidgeCV` on torch, its correlation for every permutation. Each part is timed on a sample
and multiplied by how often the study needs it. Ours: one `d2b-ray run`, with Ray's start, records, tables
and report.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from extract import old_way, write_captions
from turns import in_turns, machine

from d2b_ray.features import resolve
from d2b_ray.report.results import open_results

RUN_S = 500
GROUPS = 4
LEVELS = {
    "speechTranscription": (1, 3),
    "story": (3, 10),
}  # annotators, seconds that a caption stays
LAYERS = (1, 3, 5, 7)
ALPHAS = 25
CANDIDATES = 20
FORWARDS = 300  # seconds of captions that are timed
PERMUTED = 20  # permutations that are timed
SWEEP = """
name: whole
dataset: {{layout: arrays, root: {root}, responses: {{zscore: none}}}}
features:
  llm: {{modality: semantic, annotation: [{levels}], model: MiniLM, layers: [{layers}]}}
fits:
  - kind: ridge
    features: llm
    delays: {{start: 3, end: 5}}
    alphas: &penalties {{start_log10: -2, stop_log10: 8, count: {alphas}}}
  - kind: banded
    bands:
      speech: {{from: llm, annotation: speechTranscription, layers: 5}}
      story: {{from: llm, annotation: story, layers: 5}}
    delays: {{start: 3, end: 5}}
    alphas: *penalties
    search: {{n_iter: {candidates}}}
significance: {{permutations: {permutations}, block_trs: 10}}
output: {{root: {out}, save: [scores, pvalues]}}
"""


def write_data(root: Path, wanted: argparse.Namespace) -> None:
    """Run table, captions, responses of noise."""
    rng = np.random.default_rng(0)
    lines = ["title,part,seconds,overlap,split_all,split_a,split_b,cv_group"]
    (root / "annotations").mkdir(parents=True)
    runs = [(n, "TRAIN") for n in range(wanted.train // RUN_S)]
    runs += [(n, "VALID") for n in range(wanted.valid // RUN_S)]
    for number, (place, role) in enumerate(runs, start=1):
        lines.append(f"Play,{number},{RUN_S},0,{role},,,{place * GROUPS * RUN_S // wanted.train}")
        for level, (annotators, stays) in LEVELS.items():
            rows = write_captions(RUN_S, annotators, stays, seed=number)
            head = "\t".join(f"a{n}" for n in range(annotators))
            text = "\n".join([head, *("\t".join(row) for row in rows)]) + "\n"
            (root / f"annotations/Play_run{number}_{level}_each1sec_en.txt").write_text(text)
        for subject in range(1, wanted.subjects + 1):
            folder = root / "responses" / f"S{subject}"
            folder.mkdir(parents=True, exist_ok=True)
            y = rng.standard_normal((RUN_S, wanted.voxels), np.float32)
            np.save(folder / f"Play_{number:03d}.npy", y)
    (root / "runs.csv").write_text("\n".join(lines) + "\n")


def ours(folder: Path, wanted: argparse.Namespace) -> dict[str, float]:
    """One `d2b-ray run` from nothing; seconds of its workers by kind of unit."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    text = SWEEP.format(
        root=folder / "data", out=folder / "out", levels=", ".join(LEVELS), alphas=ALPHAS,
        layers=", ".join(map(str, LAYERS)), candidates=CANDIDATES, permutations=wanted.permutations,
    )  # fmt: skip
    (folder / "whole.yaml").write_text(text)
    subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", "run", folder / "whole.yaml", "--trace", folder / "trace.json"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    spent: Counter[str] = Counter()
    for event in json.loads((folder / "trace.json").read_text())["traceEvents"]:
        if event["ph"] == "X":
            spent[event["cat"]] += event["dur"] / 1e6
    return {kind: round(one, 1) for kind, one in sorted(spent.items())}


def designs(folder: Path, wanted: argparse.Namespace) -> tuple[np.ndarray, ...]:
    """Delayed features of the two levels at one layer, as our run left them, and responses of a subject."""
    found = []
    for level in LEVELS:
        runs = sorted((folder / "out").glob(f"stim_features/**/{level}*/**/layer5/Play_*.npy"))
        shifted = []
        for path in runs:
            x = np.load(path)
            later = [np.vstack([np.zeros((d, x.shape[1]), np.float32), x[:-d]]) for d in (3, 4, 5)]
            shifted.append(np.mean(later, axis=0))
        found.append(np.concatenate(shifted))
    y = np.concatenate([np.load(p) for p in sorted((folder / "data/responses/S1").glob("*.npy"))])
    return (*found, y)


def theirs(folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each part as often as the study needs it, and what it was timed on."""
    from himalaya.backend import set_backend
    from himalaya.ridge import GroupRidgeCV, RidgeCV
    from himalaya.scoring import correlation_score

    set_backend("torch")
    source = resolve("MiniLM").location
    network = transformers.AutoModel.from_pretrained(source).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    rows = write_captions(FORWARDS, 1, 3, seed=1)
    began = time.perf_counter()
    old_way(network, tokenizer, rows)
    forward = (time.perf_counter() - began) / FORWARDS
    spoken = sum(annotators for annotators, _ in LEVELS.values())
    seconds = {"extract": forward * spoken * (wanted.train + wanted.valid)}

    speech, story, y = designs(folder, wanted)
    n, some = wanted.train, wanted.sample_voxels
    cv = [
        (np.flatnonzero(group != held), np.flatnonzero(group == held))
        for group in [np.arange(n) * GROUPS // n] for held in range(GROUPS)
    ]  # fmt: skip
    alphas = np.logspace(-2, 8, ALPHAS)
    options: dict[str, Any] = {"score_func": correlation_score, "n_alphas_batch": 5}
    model = RidgeCV(alphas=alphas, cv=cv, fit_intercept=True, solver_params=options)
    began = time.perf_counter()
    model.fit(story[:n], y[:n, :some])
    fit = time.perf_counter() - began
    ridges = len(LEVELS) * len(LAYERS) * wanted.subjects
    scale = wanted.voxels / some
    seconds["fit"] = fit * scale * ridges

    banded: dict[str, Any] = {
        "n_iter": 2, "alphas": alphas, "score_func": correlation_score, "progress_bar": False, "warn": False,
    }  # fmt: skip
    group = GroupRidgeCV(
        groups="input", cv=cv, fit_intercept=True, solver_params=banded, random_state=1
    )
    began = time.perf_counter()
    group.fit([speech[:n], story[:n]], y[:n, :some])
    seconds["banded"] = (time.perf_counter() - began) / 2 * CANDIDATES * scale * wanted.subjects

    prediction = np.asarray(model.predict(story[n:]))
    r = np.asarray(correlation_score(y[n:, :some], prediction))
    orders = np.random.default_rng(0)
    began = time.perf_counter()
    for _ in range(PERMUTED):
        blocks = np.split(np.arange(wanted.valid), wanted.valid // 10)
        orders.shuffle(blocks)
        correlation_score(y[n:, :some][np.concatenate(blocks)], prediction)
    permuted = (time.perf_counter() - began) / PERMUTED
    tested = ridges + 3 * wanted.subjects  # a banded fit, and each band of it
    seconds["permutations"] = permuted * wanted.permutations * scale * tested
    ours_r = open_results(str(folder / "out")).array(
        "cc", subject="S1", annotation="story", layer=5
    )[:some]
    return {
        "seconds": {name: round(one, 1) for name, one in seconds.items()},
        "timed_on": {
            "extract": f"{FORWARDS} forward passes", "fit": f"one fit of {some} voxels",
            "banded": f"2 candidates, {some} voxels", "permutations": f"{PERMUTED}, {some} voxels",
        },
        "r_max_difference": float(np.abs(r - ours_r).max()),
    }  # fmt: skip


def main() -> None:
    """Both, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=3)
    parser.add_argument("--voxels", type=int, default=6000)
    parser.add_argument("--train", type=int, default=4000)
    parser.add_argument("--valid", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--sample-voxels", type=int, default=2000)
    parser.add_argument(
        "--times", type=int, default=5, help="runs of ours, the peer in their midst"
    )
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="d2b-whole-") as name:
        folder = Path(name)
        write_data(folder / "data", wanted)
        spent, peer, figures = in_turns(
            partial(ours, folder, wanted), partial(theirs, folder, wanted), times=wanted.times
        )
    figures.pop("peer_seconds")  # of its samples
    whole = sum(peer["seconds"].values())
    print(
        json.dumps(
            {
                "bench": "whole", "machine": machine(), "shape": vars(wanted),
                "threads": torch.get_num_threads(), **figures,
                "worker_seconds": spent, "today_seconds": round(whole, 1),
                "today": peer, "ratio": round(whole / figures["seconds"], 1),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
