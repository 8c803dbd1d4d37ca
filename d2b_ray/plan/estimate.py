"""What a plan will cost: seconds and bytes by kind of unit, from counted operations. Not a promise.

Operations are those of the algorithms in use (fold-Gram ridge, kernel ridge, block null); rates are
those that benches found on a CPU core and an H100 (`scripts/bench/results`), times what done units took
(`measured`). Good to a factor of two.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.catalog.significance_tests import TESTS, CorrelationSizes
from d2b_ray.catalog.solvers import EIGH_FLOPS, SOLVERS, FitSizes
from d2b_ray.plan.keys import feature_key
from d2b_ray.plan.units import KINDS, Kind, Plan, Unit
from d2b_ray.plan.widths import FLOAT32_BYTES, TOKENS_PER_TEXT, columns, feature_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from d2b_ray.plan.world import Sizes

__all__ = [
    "CPU_CORE",
    "GPU",
    "Estimate",
    "Rates",
    "estimate",
    "reading_seconds",
    "unit_seconds",
]

CHARACTERS_PER_TOKEN = 4
UNIT_OVERHEAD_S = 0.02  # scheduling, one record
# What a unit of a kind costs whatever its size, as the demo has it on a core: a model is loaded, tables and
# figures are written.
FIXED_S: Mapping[str, float] = {
    "shard": 2.0,
    "design": 0.03,
    "null": 0.08,
    "commit": 0.1,
    "compare": 0.4,
    "generalise": 0.05,
    "weights": 0.2,
    "gather": 1.5,
}
# What the first unit of a kind costs a worker beside: libraries are imported, compiled loops are fetched.
FIRST_S: Mapping[Kind, float] = {
    "factorize": 0.3,
    "null": 1.8,
    "commit": 0.25,
    "compare": 2.2,
    "gather": 1.2,
}
READ_BYTES = 1.1e8  # a second, of float32 responses out of MATLAB files by 8 threads


@dataclass(frozen=True, slots=True)
class Rates:
    """Operations a second of one worker, and bytes a second to the store."""

    float32_flops: float
    float64_flops: float
    null_flops: float  # multiply-adds of permuted correlations
    store_bytes: float


# A core: as `scripts/bench/full_size` found it. A GPU: an H100, as `scripts/bench/gpu` found it; float64 is
# its eigendecompositions, which are far from its rate of products.
CPU_CORE = Rates(float32_flops=7e10, float64_flops=3e10, null_flops=1.2e10, store_bytes=2e8)
GPU = Rates(float32_flops=2.5e13, float64_flops=5e11, null_flops=1.4e12, store_bytes=2e8)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One kind of unit: how many, how many need no work, worker seconds and bytes still to come."""

    kind: Kind
    units: int
    done: int
    seconds: float
    bytes: int


def estimate(
    plan: Plan,
    sizes: Sizes,
    done: AbstractSet[str] = frozenset(),
    rates: Rates = CPU_CORE,
    factors: Mapping[Kind, float] | None = None,
    workers: int = 0,
) -> tuple[Estimate, ...]:
    """Cost by kind of unit, in the order of the pipeline; kinds without units are left out.

    `done` holds keys of finished commits and gathers, and of finished layers (`feature_key`). Units
    that live in memory count as done when no unfinished unit needs them. Seconds are of one worker, times the
    `factors` of kinds that have one; each of `workers` has a first unit of each kind, which takes longer.
    """
    missing = {unit.key: _missing_layers(unit, done) for unit in plan.of("extract")}
    waiting = _unfinished(plan, done, missing)
    units: Counter[Kind] = Counter(unit.kind for unit in plan)
    left: Counter[Kind] = Counter()
    seconds: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
    written: Counter[Kind] = Counter()
    for unit in plan:
        if unit.key not in waiting:
            continue
        layers = missing.get(unit.key, unit.layers)
        took, size = _seconds_and_bytes(plan, unit, sizes, rates, len(layers))
        left[unit.kind] += 1
        seconds[unit.kind] += took * (factors or {}).get(unit.kind, 1.0)
        written[unit.kind] += size
    for kind, first in FIRST_S.items():
        seconds[kind] += first * min(workers, left[kind])
    return tuple(
        Estimate(kind, units[kind], units[kind] - left[kind], seconds[kind], written[kind])
        for kind in KINDS
        if units[kind]
    )


def unit_seconds(plan: Plan, unit: Unit, sizes: Sizes, rates: Rates = CPU_CORE) -> float:
    """Seconds of one unit with all its layers, by counted operations."""
    return _seconds_and_bytes(plan, unit, sizes, rates, len(unit.layers))[0]


def reading_seconds(sizes: Sizes, subjects: AbstractSet[str]) -> float:
    """Seconds that a machine takes to read these subjects' responses for the first time."""
    values = sum(sizes.voxels[subject] for subject in subjects)
    return FLOAT32_BYTES * (sizes.n_train + sizes.n_valid) * values / READ_BYTES


def _seconds_and_bytes(
    plan: Plan, unit: Unit, sizes: Sizes, rates: Rates, layers: int
) -> tuple[float, int]:
    flops, rate, size = _cost(plan, unit, sizes, rates, layers)
    fixed = UNIT_OVERHEAD_S + FIXED_S.get(unit.kind, 0.0)
    return flops / rate + size / rates.store_bytes + fixed, size


def _missing_layers(unit: Unit, done: AbstractSet[str]) -> tuple[int, ...]:
    return tuple(layer for layer in unit.layers if feature_key(unit.params, layer) not in done)


def _unfinished(
    plan: Plan, done: AbstractSet[str], missing: Mapping[str, tuple[int, ...]]
) -> set[str]:
    """Keys of units that have work left: needed by an unfinished one, users before needs."""
    waiting: set[str] = set()
    for unit in reversed(plan.units):
        if unit.kind == "extract":
            unfinished = bool(missing[unit.key])
        elif unit.durable:
            unfinished = unit.key not in done
        else:
            unfinished = unit.key in waiting
        if unfinished:
            waiting.add(unit.key)
            if unit.kind != "gather":  # it reads the store, not the values of its needs
                waiting.update(need for need in unit.needs if not plan[need].durable)
        else:
            waiting.discard(unit.key)
    return waiting


def _cost(
    plan: Plan, unit: Unit, sizes: Sizes, rates: Rates, layers: int
) -> tuple[float, float, int]:
    """Operations, operations a second, bytes to the store."""
    n, fast = sizes.n_train, rates.float32_flops
    if unit.kind in ("shard", "extract"):
        flops, rows, feature = _extraction(unit, sizes)
        return flops, fast, rows * feature_width(feature, sizes) * FLOAT32_BYTES * layers
    if unit.kind == "gather":
        return 0.0, fast, 0
    if unit.kind == "null":
        first, end = unit.params.get("voxels", (0, sizes.voxels[unit.subject or ""]))
        voxels = end - first
        count = unit.params["stop"] - unit.params["start"]
        drawn = CorrelationSizes(sizes.n_valid, voxels, count, unit.params.get("block_trs", 0))
        return _test_flops(unit.params["test"], drawn), rates.null_flops, 0
    if unit.kind == "compare":
        voxels = sizes.voxels[unit.subject or ""]
        blocks = sizes.n_valid / unit.params["block_trs"]
        swaps = 6.0 * blocks * unit.params["permutations"] * voxels
        return swaps, rates.null_flops, 2 * FLOAT32_BYTES * voxels
    if unit.kind == "generalise":
        others = unit.params["titles"] + len(unit.params["subjects"])
        return 10.0 * sizes.n_valid * sizes.voxels[unit.subject or ""] * others, rates.null_flops, 0
    if unit.kind == "weights":
        p, taken = columns(plan[unit.params["design"]], sizes), unit.params["top_voxels"]
        products = 2.0 * p**2 * taken * len(unit.params["commits"])
        return products + EIGH_FLOPS * p**3, rates.float64_flops, 0
    if unit.kind == "ceiling":  # reads all, a pass over each
        shows = 1 + len(unit.params.get("others", ())) or 2
        size = FLOAT32_BYTES * sizes.n_valid * sizes.voxels[unit.subject or ""]
        return 4.0 * size * shows, rates.null_flops, 0
    if unit.kind == "bootstrap":
        fit = plan[unit.params["fit"]]
        sums = 5 + 8 * len(fit.params["bands"] if fit.params.get("without") else ())
        blocks = sizes.n_valid / unit.params["block_trs"]
        draws = sums * blocks * unit.params["samples"]
        return draws * sizes.voxels[unit.subject or ""], rates.null_flops, 0
    if unit.kind == "commit":
        fit = plan[unit.params["fit"]]
        width = columns(plan[fit.params["design"]], sizes)
        test, flops = unit.params["significance"]["test"], 0.0
        if TESTS[test].p_values is not None:
            series = sizes.voxels[unit.subject or ""] * (1 + len(fit.params.get("bands") or ()))
            flops = _test_flops(test, CorrelationSizes(sizes.n_valid, series))
        return flops, rates.null_flops, _commit_bytes(unit, sizes, width)
    design = unit if unit.kind == "design" else plan[unit.params["design"]]
    p = columns(design, sizes)
    if unit.kind == "design":
        widths = sum(feature_width(space["feature"], sizes) for space in unit.params["spaces"])
        reduction = 4.0 * n * widths * p if unit.params["reduce"] else 0.0
        return reduction + 2.0 * n * p, fast, 0
    if unit.kind == "factorize":
        small, large = min(n, p), max(n, p)
        folds = sizes.n_groups + 1
        return large * small**2 + folds * EIGH_FLOPS * small**3, rates.float64_flops, 0
    return _fit_flops(unit, sizes, p), fast, 0


def _test_flops(test: str, series: CorrelationSizes) -> float:
    flops = TESTS[test].flops
    return 0.0 if flops is None else flops(series)


def _extraction(unit: Unit, sizes: Sizes) -> tuple[float, int, Mapping[str, Any]]:
    """Operations, rows that are written, and the feature set, of a shard, a join, or all at once."""
    if unit.kind == "shard" and "texts" in unit.place:
        feature, texts = unit.params["reading"], unit.place["texts"]
        return _forward_flops(feature, _tokens_of(texts), sizes), len(texts), feature
    if unit.kind == "shard":
        feature, seconds = unit.params["set"], sum(unit.place["runs"].values())
    else:
        feature, seconds = unit.params, sizes.seconds
    modality = MODALITIES[feature["modality"]]
    if unit.work_kind == "join":  # shards of runs have written all of it
        return 0.0, seconds if modality.shards == "texts" else 0, feature
    if modality.tokens_a_second is None:
        tokens = TOKENS_PER_TEXT * feature["window"]
        tokens *= sizes.texts.get(feature["annotation"], seconds)
    else:
        tokens = modality.tokens_a_second * seconds
    return _forward_flops(feature, tokens, sizes), seconds, feature


def _tokens_of(texts: Sequence[str]) -> float:
    return len(texts) + sum(map(len, texts)) / CHARACTERS_PER_TOKEN


def _forward_flops(feature: Mapping[str, Any], tokens: float, sizes: Sizes) -> float:
    """12 width² multiply-adds a block and token."""
    model = (feature["modality"], feature["model"])
    width = sizes.width[model] // MODALITIES[feature["modality"]].parts
    return float(2.0 * 12 * width**2 * (sizes.depth[model] - 1) * tokens)


def _fit_flops(unit: Unit, sizes: Sizes, p: int) -> float:
    """As many as the solver says, for all searches of band weights together."""
    params, searched = unit.params, 1
    if params["kind"] == "banded":  # all of it for every candidate, and without each band
        search = params["search"]
        candidates = search["n_iter"] + search["refine"] * search["n_refine"]
        searched = candidates * (1 + len(params["bands"]) * params["unique"])
    fit = FitSizes(
        samples=sizes.n_train,
        columns=p,
        folds=sizes.n_groups,
        voxels=sizes.voxels[params["subject"]],
        alphas=len(params["alphas"]),
        searched=searched,
    )
    return SOLVERS[params["kind"]][params["solver"]].flops(fit)


def _commit_bytes(unit: Unit, sizes: Sizes, width: int) -> int:
    rows = {"scores": 2, "pvalues": 1, "alphas": 2, "coef": width, "predictions": sizes.n_valid}
    rows["compared"] = sizes.n_valid
    table = 8 if unit.params["table"] == "parquet" else 0
    values = table + sum(rows[name] for name in unit.params["save"])
    return values * sizes.voxels[unit.subject or ""] * FLOAT32_BYTES
