"""What a plan will cost: seconds and bytes by kind of unit, from counted operations. Not a promise.

Operations are those of the algorithms in use (fold-Gram ridge, kernel ridge, block null); rates are
round numbers for one CPU core and one data-centre GPU. Good to a factor of about three.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.significance_tests import TESTS, CorrelationSizes
from d2b_ray.catalog.solvers import EIGH_FLOPS, SOLVERS, FitSizes
from d2b_ray.plan.keys import feature_key
from d2b_ray.plan.units import KINDS, Kind, Plan, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

__all__ = ["CPU_CORE", "GPU", "Estimate", "Rates", "Sizes", "estimate", "value_bytes"]

TOKENS_PER_TEXT = 20  # a caption of a second
CHARACTERS_PER_TOKEN = 4
TOKENS_A_SECOND = {"vision": 2 * 200, "vision_language": 2 * 400, "audio": 600, "wordvectors": 0}
UNIT_OVERHEAD_S = 0.02  # scheduling, one record
FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class Rates:
    """Operations a second of one worker, and bytes a second to the store."""

    float32_flops: float
    float64_flops: float
    null_flops: float  # multiply-adds of permuted correlations, on a CPU core
    store_bytes: float


CPU_CORE = Rates(float32_flops=4e10, float64_flops=2e10, null_flops=3e9, store_bytes=2e8)
GPU = Rates(float32_flops=3e13, float64_flops=1e13, null_flops=3e9, store_bytes=2e8)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes that a plan does not know.

    `n_train`, `n_valid` rows of the split; `seconds` rows of all runs; `n_groups` CV folds;
    `voxels` by subject; `width` columns of an averaged feature by (modality, model); `depth` layers
    by the same, embeddings included; `texts` distinct texts by annotation (left out: one a second).
    """

    n_train: int
    n_valid: int
    seconds: int
    n_groups: int
    voxels: Mapping[str, int]
    width: Mapping[tuple[str, str], int]
    depth: Mapping[tuple[str, str], int]
    texts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One kind of unit: how many, how many need no work, worker seconds and bytes still to come."""

    kind: Kind
    units: int
    done: int
    seconds: float
    bytes: int


def estimate(
    plan: Plan, facts: Sizes, done: AbstractSet[str] = frozenset(), rates: Rates = CPU_CORE
) -> tuple[Estimate, ...]:
    """Cost by kind of unit, in the order of the pipeline; kinds without units are left out.

    `done` holds keys of finished commits and gathers, and of finished layers (`feature_key`). Units
    that live in memory count as done when no unfinished unit needs them. Seconds are of one worker.
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
        flops, rate, size = _cost(plan, unit, facts, rates, len(layers))
        left[unit.kind] += 1
        seconds[unit.kind] += flops / rate + size / rates.store_bytes + UNIT_OVERHEAD_S
        written[unit.kind] += size
    return tuple(
        Estimate(kind, units[kind], units[kind] - left[kind], seconds[kind], written[kind])
        for kind in KINDS
        if units[kind]
    )


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


def value_bytes(plan: Plan, facts: Sizes) -> dict[str, int]:
    """Bytes in memory of the values of designs, factorizations and fits, by key."""
    found: dict[str, int] = {}
    for unit in plan.units:
        if unit.kind == "design":
            found[unit.key] = (
                FLOAT32_BYTES * (facts.n_train + facts.n_valid) * _columns(unit, facts)
            )
        elif unit.kind == "factorize":
            p = _columns(plan[unit.params["design"]], facts)
            order = min(facts.n_train, p)
            rows = facts.n_train * order if order == p else 0
            found[unit.key] = FLOAT32_BYTES * (2 * (facts.n_groups + 1) * order**2 + rows)
        elif unit.kind == "fit":
            p = _columns(plan[unit.params["design"]], facts)
            bands = len(unit.params.get("bands") or ())
            nested = facts.n_train if unit.params.get("nested") else 0
            kept = 2 if unit.params.get("without") else 1  # of a band: its own, and all but it
            rows = p + facts.n_valid * (1 + kept * bands) + nested
            found[unit.key] = FLOAT32_BYTES * rows * facts.voxels[unit.params["subject"]]
    return found


def _cost(
    plan: Plan, unit: Unit, facts: Sizes, rates: Rates, layers: int
) -> tuple[float, float, int]:
    """Operations, operations a second, bytes to the store."""
    n, fast = facts.n_train, rates.float32_flops
    if unit.kind in ("shard", "extract"):
        flops, rows, feature = _extraction(unit, facts)
        return flops, fast, rows * _width(feature, facts) * FLOAT32_BYTES * layers
    if unit.kind == "gather":
        return 0.0, fast, 0
    if unit.kind == "null":
        voxels = facts.voxels[unit.subject or ""]
        count = unit.params["stop"] - unit.params["start"]
        sizes = CorrelationSizes(facts.n_valid, voxels, count)
        return _test_flops(unit.params["test"], sizes), rates.null_flops, 0
    if unit.kind == "compare":
        voxels = facts.voxels[unit.subject or ""]
        blocks = facts.n_valid / unit.params["block_trs"]
        swaps = 6.0 * blocks * unit.params["permutations"] * voxels
        return swaps, rates.null_flops, 2 * FLOAT32_BYTES * voxels
    if unit.kind == "ceiling":  # reads all, a pass over each
        subjects = 1 + len(unit.params["others"])
        size = FLOAT32_BYTES * facts.n_valid * facts.voxels[unit.subject or ""]
        return 4.0 * size * subjects, rates.null_flops, 0
    if unit.kind == "bootstrap":
        fit = plan[unit.params["fit"]]
        sums = 5 + 8 * len(fit.params["bands"] if fit.params.get("without") else ())
        blocks = facts.n_valid / unit.params["block_trs"]
        draws = sums * blocks * unit.params["samples"]
        return draws * facts.voxels[unit.subject or ""], rates.null_flops, 0
    if unit.kind == "commit":
        fit = plan[unit.params["fit"]]
        width = _columns(plan[fit.params["design"]], facts)
        test, flops = unit.params["significance"]["test"], 0.0
        if TESTS[test].p_values is not None:
            series = facts.voxels[unit.subject or ""] * (1 + len(fit.params.get("bands") or ()))
            flops = _test_flops(test, CorrelationSizes(facts.n_valid, series))
        return flops, rates.null_flops, _commit_bytes(unit, facts, width)
    design = unit if unit.kind == "design" else plan[unit.params["design"]]
    p = _columns(design, facts)
    if unit.kind == "design":
        widths = sum(_width(space["feature"], facts) for space in unit.params["spaces"])
        reduction = 4.0 * n * widths * p if unit.params["reduce"] else 0.0
        return reduction + 2.0 * n * p, fast, 0
    if unit.kind == "factorize":
        small, large = min(n, p), max(n, p)
        folds = facts.n_groups + 1
        return large * small**2 + folds * EIGH_FLOPS * small**3, rates.float64_flops, 0
    return _fit_flops(unit, facts, p), fast, 0


def _test_flops(test: str, sizes: CorrelationSizes) -> float:
    flops = TESTS[test].flops
    return 0.0 if flops is None else flops(sizes)


def _extraction(unit: Unit, facts: Sizes) -> tuple[float, int, Mapping[str, Any]]:
    """Operations, rows that are written, and the feature set, of a shard, a join, or all at once."""
    if unit.kind == "shard" and "texts" in unit.place:
        feature, texts = unit.params["reading"], unit.place["texts"]
        return _forward_flops(feature, _tokens_of(texts), facts), len(texts), feature
    if unit.kind == "shard":
        feature, seconds = unit.params["set"], sum(unit.place["runs"].values())
    else:
        feature, seconds = unit.params, facts.seconds
    modality = feature["modality"]
    if unit.work_kind == "join":  # shards of runs have written all of it
        return 0.0, seconds if modality == "semantic" else 0, feature
    if modality == "semantic":
        tokens = TOKENS_PER_TEXT * feature["window"]
        tokens *= facts.texts.get(feature["annotation"], seconds)
    else:
        tokens = TOKENS_A_SECOND[modality] * seconds
    return _forward_flops(feature, tokens, facts), seconds, feature


def _tokens_of(texts: Sequence[str]) -> float:
    return len(texts) + sum(map(len, texts)) / CHARACTERS_PER_TOKEN


def _forward_flops(feature: Mapping[str, Any], tokens: float, facts: Sizes) -> float:
    """12 width² multiply-adds a block and token."""
    modality, model = feature["modality"], (feature["modality"], feature["model"])
    width = facts.width[model] // (2 if modality == "vision_language" else 1)  # image, text
    return float(2.0 * 12 * width**2 * (facts.depth[model] - 1) * tokens)


def _width(feature: Mapping[str, Any], facts: Sizes) -> int:
    """Columns of a feature set; flattened, they are as many as the projection leaves."""
    width = facts.width[feature["modality"], feature["model"]]
    if "reduce" not in feature:
        return width * (TOKENS_PER_TEXT if feature["tokens"] == "flat" else 1)
    left = int(feature["reduce"]["components"])
    return left if feature["tokens"] == "flat" else min(width, left)


def _fit_flops(unit: Unit, facts: Sizes, p: int) -> float:
    """As many as the solver says, for all searches of band weights together."""
    params, searched = unit.params, 1
    if params["kind"] == "banded":  # all of it for every candidate, and without each band
        search = params["search"]
        candidates = search["n_iter"] + search["refine"] * search["n_refine"]
        searched = candidates * (1 + len(params["bands"]) * params["unique"])
    sizes = FitSizes(
        samples=facts.n_train,
        columns=p,
        folds=facts.n_groups,
        voxels=facts.voxels[params["subject"]],
        alphas=len(params["alphas"]),
        searched=searched,
    )
    return SOLVERS[params["kind"]][params["solver"]].flops(sizes)


def _columns(design: Unit, facts: Sizes) -> int:
    """Columns of a design; of a random projection, the Johnson-Lindenstrauss bound."""
    params: Mapping[str, Any] = design.params
    reduce = params["reduce"] or {}
    widths = [_width(space["feature"], facts) for space in params["spaces"]]
    if "pca" in reduce:
        widths = [min(width, reduce["pca"]) for width in widths]
    width = sum(widths)
    delays = params["delays"]
    shifts = delays["end"] - delays["start"] + 1
    return width * shifts if delays["combine"] == "concat" else width


def _commit_bytes(unit: Unit, facts: Sizes, width: int) -> int:
    rows = {"scores": 2, "pvalues": 1, "alphas": 2, "coef": width, "predictions": facts.n_valid}
    rows["compared"] = facts.n_valid
    table = 8 if unit.params["table"] == "parquet" else 0
    values = table + sum(rows[name] for name in unit.params["save"])
    return values * facts.voxels[unit.subject or ""] * FLOAT32_BYTES
