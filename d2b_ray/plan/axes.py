"""From the axes of a sweep to single cells: feature spaces, a delay, a reduction, a fit entry.

A cell holds for all subjects. Not here: keys of units, their order, what they need (`expand`).
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.errors import PlanError
from d2b_ray.plan.units import NO_LAYER
from d2b_ray.spec.fits import BandedFit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from d2b_ray.plan.world import World
    from d2b_ray.spec import AnyFeatures, AnyFit, BandSource, Sweep
    from d2b_ray.spec.features import Layers
    from d2b_ray.spec.fits import Delays

__all__ = [
    "Cell",
    "Space",
    "bare_spaces",
    "cells",
    "chosen_subjects",
    "feature_sets",
    "sampling_of",
    "used_blocks",
    "wanted_layers",
]

ROUNDING = 1e-6  # of a TR: seconds that are sums of it
AXES = (
    "model",
    "annotation",
    "window",
    "context",
    "annotators",
)  # of a feature block, outermost first
APART = ("layers", "reduce", "trust_remote_code", "long_texts", "sampling")


@dataclass(frozen=True, slots=True)
class Space:
    """One layer of one feature set; `band` is its name in a banded fit.

    `sampling` says how its rows come to samples; None where a row a second is a row a sample.
    """

    feature_set: dict[str, Any]
    layer: int
    band: str | None = None
    sampling: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One encoding model for every subject. `source` is the key in the sweep, as `fits.0`.

    One space, or the bands of a banded fit. `delays` are in samples, `tr_s` seconds each. `subject`: for
    this one only, which has features of its own.
    """

    source: str
    spaces: tuple[Space, ...]
    delays: dict[str, Any]
    reduce: dict[str, Any] | None  # {"pca": k}, {"srp": eps} or None
    fit: AnyFit
    tr_s: float = 1.0
    subject: str | None = None


def chosen_subjects(sweep: Sweep, known: tuple[str, ...]) -> tuple[str, ...]:
    """Subjects of the sweep, each once, in the order of the sweep; PlanError for unknown ones.

    A name means the same however its accents are written; the data set's form is taken.
    """
    if sweep.dataset.subjects == "all":
        return known
    forms = {unicodedata.normalize("NFC", name): name for name in known}
    wanted = [
        forms.get(unicodedata.normalize("NFC", name), name) for name in sweep.dataset.subjects
    ]
    strangers = [subject for subject in wanted if subject not in known]
    if strangers:
        raise PlanError(
            f"dataset.subjects: the data set has no {', '.join(strangers)}; "
            f"allowed: {', '.join(known)}"
        )
    return tuple(dict.fromkeys(wanted))


def feature_sets(block: AnyFeatures, world: World) -> Iterator[dict[str, Any]]:
    """The product of a feature block's axes without the layers, as params of extract units.

    A projection says how many columns it leaves; trust in a model's code, and windows over long
    texts, are named where they are asked for: all are left out otherwise.
    """
    fixed = {
        key: getattr(block, key) for key in type(block).model_fields if key not in (*AXES, *APART)
    }
    if (reduce := getattr(block, "reduce", None)) is not None and not reduce.is_none:
        left = reduce.components or world.projected(reduce.srp)
        fixed["reduce"] = {"components": left, "seed": reduce.seed}
    if getattr(block, "trust_remote_code", False):
        fixed["trust_remote_code"] = True
    if (long_texts := getattr(block, "long_texts", "truncate")) != "truncate":
        fixed["long_texts"] = long_texts
    axes = {key: getattr(block, key) for key in AXES if key in type(block).model_fields}
    for values in product(*axes.values()):
        yield fixed | dict(zip(axes, values, strict=True))


def wanted_layers(name: str, block: AnyFeatures, model: str, count: int) -> tuple[int, ...]:
    """Layers (1 = embeddings) of a model with `count` layers, rising, each once.

    Raises PlanError naming the allowed range.
    """
    if not MODALITIES[block.modality].layered:
        return (NO_LAYER,)
    wanted: Layers = getattr(block, "layers", "all")
    if wanted == "all":
        return tuple(range(1, count + 1))
    beyond = sorted({layer for layer in wanted if not 1 <= layer <= count})
    if beyond:
        raise PlanError(
            f"features.{name}.layers: {model} has no layer {', '.join(map(str, beyond))}; "
            f"allowed: 1 to {count} (1 = embeddings)"
        )
    return tuple(sorted(set(wanted)))


def used_blocks(sweep: Sweep) -> Iterator[AnyFeatures]:
    """Feature blocks that a fit names, as the fit narrows them; some more than once. Without fits, all."""
    if not sweep.fits:
        yield from sweep.features.values()
    for fit in sweep.fits:
        if isinstance(fit, BandedFit):
            for band in fit.bands.values():
                yield _narrowed(sweep.features[band.source], band)
        else:
            for name in fit.features:
                yield sweep.features[name]


def bare_spaces(sweep: Sweep, world: World) -> Iterator[Space]:
    """Feature spaces of a sweep without fits: those of every block."""
    for name, block in sweep.features.items() if not sweep.fits else ():
        subjects = chosen_subjects(sweep, world.subjects) if block.personal else (None,)
        for subject in subjects:
            yield from _spaces_of(sweep, world, subject)(name, block, None)


def _spaces_of(
    sweep: Sweep, world: World, subject: str | None
) -> Callable[[str, AnyFeatures, str | None], Iterator[Space]]:
    def spaces(name: str, block: AnyFeatures, band: str | None) -> Iterator[Space]:
        how = sampling_of(sweep, block, world.tr_s)
        for plain in feature_sets(block, world):
            feature_set = plain | ({"subject": subject} if block.personal else {})
            model = (block.modality, feature_set["model"])
            count = world.layers(*model) if MODALITIES[block.modality].layered else 0
            for layer in wanted_layers(name, block, model[1], count):
                yield Space(feature_set, layer, band, how)

    return spaces


def cells(sweep: Sweep, world: World) -> Iterator[Cell]:
    """Every cell the sweep asks for, repeats included, in the order of its axes."""
    for place, fit in enumerate(sweep.fits):
        delays = [_in_samples(f"fits.{place}.delays", entry, world.tr_s) for entry in fit.delays]
        plain = [entry.as_plain() for entry in fit.reduce]
        reductions = [entry if isinstance(entry, dict) else None for entry in plain]
        personal = any(sweep.features[name].personal for name in fit.features)
        everybody: tuple[str | None, ...] = (None,)
        for subject in chosen_subjects(sweep, world.subjects) if personal else everybody:
            for chosen in _combinations(sweep, fit, _spaces_of(sweep, world, subject)):
                for delay, reduce in product(delays, reductions):
                    yield Cell(f"fits.{place}", chosen, delay, reduce, fit, world.tr_s, subject)


def sampling_of(sweep: Sweep, block: AnyFeatures, tr_s: float) -> dict[str, Any] | None:
    """How rows of a block come to samples; None where a row a second is a row a sample, by any method."""
    modality = MODALITIES[block.modality]
    time = sweep.dataset.time.model_dump()
    usual = type(sweep.dataset.time)().model_dump()
    if not modality.own_clock and tr_s == 1 and time == usual:
        return None
    wanted = block.sampling
    found = (
        {"method": modality.sampling}
        if wanted is None
        else wanted.model_dump(exclude_defaults=True)
    )
    return found | {name: value for name, value in time.items() if value != usual[name]}


def _in_samples(key: str, entry: Delays, tr_s: float) -> dict[str, Any]:
    """Delays of a sweep in samples; PlanError where they hold no whole TR."""
    each = 1.0 if entry.unit == "trs" else tr_s
    start = math.ceil(entry.start / each - ROUNDING)
    end = math.floor(entry.end / each + ROUNDING)
    wrong = entry.unit == "trs" and not (start == entry.start and end == entry.end)
    if start > end or wrong:
        unit = "TRs" if entry.unit == "trs" else "s"
        raise PlanError(
            f"{key}: from {entry.start:g} to {entry.end:g} {unit} must be whole TRs of {tr_s:g} s, one or "
            f"more; near are {max(0, start - 1) * tr_s:g} and {start * tr_s:g} s"
        )
    return {"start": start, "end": end, "combine": entry.combine, "boundary": entry.boundary}


def _combinations(
    sweep: Sweep, fit: AnyFit, spaces: Callable[[str, AnyFeatures, str | None], Iterator[Space]]
) -> Iterator[tuple[Space, ...]]:
    """The spaces of each fit: one by one, or for bands the product of their axes."""
    if isinstance(fit, BandedFit):
        axes = [
            list(spaces(band.source, _narrowed(sweep.features[band.source], band), name))
            for name, band in fit.bands.items()
        ]
        yield from product(*axes)
        return
    for name in fit.features:
        for space in spaces(name, sweep.features[name], None):
            yield (space,)


def _narrowed(block: AnyFeatures, band: BandSource) -> AnyFeatures:
    """The feature block with the values that the band names itself."""
    given = {"annotation": band.annotation, "model": band.model, "layers": band.layers}
    return block.model_copy(update={k: v for k, v in given.items() if v is not None})
