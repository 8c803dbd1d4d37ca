"""How often is noise called significant on a real recording? The second table of scripts/calibration.md.

Features that know nothing of the recording (autoregressions, 16 columns, z-scored per run, delays of 1
to 3 volumes) predict the last runs of real responses, z-scored per run; the fits are this package's. With
`--planted` the features of memory 0.5 and 0.9 drive every fourth voxel by so much of its variance: what is
found there is power.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from d2b_ray.encoding import correlation
from d2b_ray.encoding.estimators import RidgeCV
from d2b_ray.significance import block_null, p_values
from d2b_ray.significance.parametric import parametric_p
from d2b_ray.significance.pvalues import corrected_p

MEMORIES = (0.0, 0.5, 0.9, 0.97)
BLOCKS = (10, 40)
LEVEL, COLUMNS, DELAYS = 0.05, 16, (1, 2, 3)


def recording(folder: Path) -> list[np.ndarray]:
    """Runs (volumes, voxels) of `run*/bold*.nii*` inside `masks/brain.nii*`, z-scored."""
    import nibabel

    (mask_file,) = folder.glob("masks/brain.nii*")
    mask = nibabel.load(mask_file).get_fdata() > 0
    runs = []
    for file in sorted(folder.glob("run*/bold*.nii*")):
        rows = nibabel.load(file).get_fdata()[mask].T
        runs.append((rows - rows.mean(0)) / rows.std(0))
    return runs


def features(lengths: list[int], memory: float, rng: np.random.Generator) -> np.ndarray:
    """Delayed features (volumes, columns x delays) float32 of all runs."""
    drawn = rng.standard_normal((sum(lengths) + 500, COLUMNS))
    series = lfilter([np.sqrt(1 - memory**2)], [1, -memory], drawn, axis=0)[500:]
    parts = np.split(series, np.cumsum(lengths)[:-1])
    parts = [(part - part.mean(0)) / part.std(0) for part in parts]
    late = [np.concatenate([np.zeros((d, COLUMNS)), p[:-d]]) for p in parts for d in DELAYS]
    per_run = [np.hstack(late[i : i + len(DELAYS)]) for i in range(0, len(late), len(DELAYS))]
    return np.concatenate(per_run).astype(np.float32)


def one(runs: list[np.ndarray], wanted: argparse.Namespace, memory: float, seed: int) -> dict:
    """Test -> (share of voxels with p <= level, whether p_fwe <= level anywhere, the same where planted)."""
    rng = np.random.default_rng([wanted.seed, seed, round(1000 * memory)])
    lengths = [len(run) for run in runs]
    x, y = features(lengths, memory, rng), np.concatenate(runs).copy()
    driven = np.arange(y.shape[1]) % 4 == 0
    if wanted.planted:
        signal = x @ rng.standard_normal((x.shape[1], int(driven.sum())))
        signal /= signal.std(0)
        y[:, driven] = np.sqrt(1 - wanted.planted) * y[:, driven] + np.sqrt(wanted.planted) * signal
    else:
        driven[:] = False
    y = y.astype(np.float32)
    first = sum(lengths[: -wanted.valid])
    groups = np.repeat(np.arange(len(runs)), lengths)[:first]
    model = RidgeCV(alphas=np.logspace(0, 6, 13)).fit(x[:first], y[:first], groups)
    prediction = np.ascontiguousarray(model.predict(x[first:]), np.float32)
    response = np.ascontiguousarray(y[first:])
    r, found = correlation(prediction, response), {}
    for block in BLOCKS:
        for corrected in (False, True):
            counts = block_null(
                prediction, response, start=0, stop=wanted.permutations, seed=seed, block_trs=block,
                corrected=corrected,
            )  # fmt: skip
            name = f"block null, blocks of {block} TRs" + (", corrected" if corrected else "")
            found[name] = p_values(counts, r)
    found["t-test, effective N*"] = corrected_p(parametric_p(prediction, response)[0])
    return {
        name: (
            (p.p[~driven] <= LEVEL).mean(),
            (p.p_fwe[~driven] <= LEVEL).any(),
            (p.p[driven] <= LEVEL).mean() if driven.any() else 0.0,
        )
        for name, p in found.items()
    }


def main() -> None:
    """Repeat with new features and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds masks/brain.nii.gz and run*/bold*.nii.gz")
    parser.add_argument("--valid", type=int, default=4, help="runs at the end that are predicted")
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--permutations", type=int, default=399)
    parser.add_argument("--planted", type=float, default=0.0, help="share of variance, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    runs = recording(wanted.folder)
    table: dict[str, list[str]] = {}
    for memory in MEMORIES[1:3] if wanted.planted else MEMORIES:
        told = [one(runs, wanted, memory, seed) for seed in range(wanted.repetitions)]
        for name in told[0]:
            rate, any_found, power = np.mean([each[name] for each in told], axis=0)
            cell = f"{power:.2f}" if wanted.planted else f"{rate:.3f} / {any_found:.2f}"
            table.setdefault(name, []).append(cell)
    for name, cells in table.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
