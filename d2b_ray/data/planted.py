"""Responses with known effects: features through planted weights and a blood response, plus noise.

scipy.signal and scipy.stats are imported where they are needed: whoever opens a data set imports this room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from d2b_ray.arrays import FloatArray, IntArray, Run

__all__ = ["DRIVERS", "Planted", "haemodynamic_response", "plant", "respond"]

# Which caption level drives which region; the demo sweep covers the first three.
DRIVERS = {
    "ctx-lh-superiortemporal": "speechTranscription",
    "ctx-rh-superiortemporal": "speechTranscription",
    "ctx-lh-fusiform": "objectiveAnnot50chara",
    "ctx-rh-lateraloccipital": "objectiveAnnot50chara",
    "ctx-lh-precuneus": "story",
    "ctx-rh-inferiorparietal": "story",
}
SHAPE = (16, 18, 20)  # of the small volume, z y x
STRONG, WEAK, NOISE = 2, 1, 0
COMPONENTS = 12  # weights lie in so many principal directions: learnable from a few minutes of text
SHARES = {STRONG: 0.35, WEAK: 0.25, NOISE: 0.4}
NOISE_STD = {STRONG: 0.7, WEAK: 3.0, NOISE: 1.0}  # in units of the signal's
NOISE_MEMORY = 0.2  # correlation of neighbouring seconds of noise


@dataclass(frozen=True, slots=True)
class Planted:
    """What is planted in a subject's V voxels, and where they lie in the volume.

    `strength` (V,) 0 noise, 1 weak, 2 strong; `roi`, `level` (V,) names; `index` (V,) 0-based
    positions in the volume; `weights` (p, V), zero for noise.
    """

    strength: IntArray
    roi: NDArray[np.str_]
    level: NDArray[np.str_]
    index: IntArray
    weights: FloatArray


def haemodynamic_response(seconds: int = 32) -> NDArray[np.float64]:
    """Double-gamma response at a TR of 1 s, peak near 5 s, sum 1 (Friston et al. 1998; SPM's shapes)."""
    from scipy.stats import gamma

    t = np.arange(seconds)
    found = gamma.pdf(t, 6) - gamma.pdf(t, 16) / 6
    response: NDArray[np.float64] = found / found.sum()
    return response


def plant(
    rng: np.random.Generator, voxels: int, features: Mapping[str, Mapping[str, FloatArray]]
) -> Planted:
    """Choose voxels, regions, strengths and weights. `features` as in `respond`."""
    index = np.sort(rng.choice(int(np.prod(SHAPE)), voxels, replace=False))
    names = list(DRIVERS)
    roi = np.array([names[i * len(names) // voxels] for i in range(voxels)])
    shares = np.array(list(SHARES.values()))
    strength = rng.choice(list(SHARES), voxels, p=shares / shares.sum())
    level = np.array([DRIVERS[name] for name in roi])
    directions = {
        name: _directions(np.concatenate(list(runs.values()))) for name, runs in features.items()
    }
    weights = np.stack(
        [directions[name] @ rng.standard_normal(COMPONENTS) for name in level], axis=1
    )
    weights *= strength > NOISE
    return Planted(strength, roi, level, index.astype(np.int64), weights.astype(np.float32))


def respond(
    rng: np.random.Generator,
    planted: Planted,
    features: Mapping[str, Mapping[str, FloatArray]],
    runs: Sequence[Run],
) -> dict[str, FloatArray]:
    """Run name -> responses (seconds, V): z-scored signal plus AR(1) noise of known strength.

    `features` level -> run name -> (seconds, width).
    """
    signal = {run.name: _signal(planted, features, run) for run in runs}
    stacked = np.concatenate(list(signal.values()))
    mean, std = stacked.mean(0), stacked.std(0)
    std[std == 0] = 1
    scale = np.array([NOISE_STD[int(strength)] for strength in planted.strength])
    return {
        name: ((rows - mean) / std + scale * _noise(rng, rows.shape)).astype(np.float32)
        for name, rows in signal.items()
    }


def _directions(rows: FloatArray) -> NDArray[np.float64]:
    """First principal directions (p, COMPONENTS), each scaled to give a column of unit variance."""
    centred = rows.astype(np.float64) - rows.mean(0)
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    kept: NDArray[np.float64] = vectors[:COMPONENTS].T / values[:COMPONENTS]
    kept *= np.sqrt(len(rows))
    return kept


def _signal(
    planted: Planted, features: Mapping[str, Mapping[str, FloatArray]], run: Run
) -> NDArray[np.float64]:
    from scipy.signal import lfilter

    out = np.zeros((run.seconds, len(planted.index)))
    for level in dict.fromkeys(DRIVERS.values()):
        own = planted.level == level
        driven = features[level][run.name].astype(np.float64) @ planted.weights[:, own]
        out[:, own] = lfilter(haemodynamic_response(), [1.0], driven, axis=0)
    return out


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Unit-variance noise with autocorrelation NOISE_MEMORY^lag."""
    from scipy.signal import lfilter

    white = rng.standard_normal(shape)
    white[0] /= np.sqrt(1 - NOISE_MEMORY**2)
    made: NDArray[np.float64] = lfilter([1.0], [1.0, -NOISE_MEMORY], white, axis=0)
    made *= np.sqrt(1 - NOISE_MEMORY**2)
    return made
