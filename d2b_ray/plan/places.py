"""Where the results of a fit belong, in the terms of drama2brain's tree; no two fits may meet.

Not paths: how a place is spelled is the store's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.errors import PlanError
from d2b_ray.plan.keys import canonical
from d2b_ray.plan.units import NO_LAYER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.plan.axes import Cell

__all__ = [
    "Places",
    "cell_place",
    "delay_words",
    "hparams",
    "layer_word",
    "level",
    "space_words",
    "stimulus",
]

TOKENS = {"avg": "avgToken", "last": "lastToken", "flat": "flatToken"}
NO_OPTIONS = "plain"  # of a modality that has none of those which name a folder


def hparams(feature_set: Mapping[str, Any]) -> list[str]:
    """Parts of drama2brain's hparams: level, `cw{window}`, token pooling, annotators.

    Those that a modality has; `{components}srp` last, if its rows are projected.
    """
    found = []
    if "annotation" in feature_set:
        found.append(feature_set["annotation"])
    if "column" in feature_set:
        found.append(feature_set["column"])
    if "window" in feature_set:
        found.append(f"cw{feature_set['window']}")
    if "context" in feature_set:
        found.append(f"{feature_set['context']}words")
    if "tokens" in feature_set:
        if feature_set["tokens"] not in TOKENS:
            raise PlanError(
                f"tokens {feature_set['tokens']!r} has no folder name; allowed: {', '.join(TOKENS)}"
            )
        found.append(TOKENS[feature_set["tokens"]])
    if "annotators" in feature_set:
        found.append(feature_set["annotators"])
    if "reduce" in feature_set:
        found.append(f"{feature_set['reduce']['components']}srp")
    return found or [NO_OPTIONS]


def stimulus(feature_set: Mapping[str, Any]) -> str:
    """What a model is fed with: a caption level, `frames` or `sound`."""
    return str(feature_set.get("annotation") or MODALITIES[feature_set["modality"]].stimulus)


def level(modality: str, words: Sequence[str]) -> str:
    """The same of a modality and its hparams, of which the caption level is the first."""
    return MODALITIES[modality].stimulus or words[0]


def layer_word(layer: int) -> str:
    """`layer7`, or `layerNone` for a model without layers."""
    return f"layer{'None' if layer == NO_LAYER else layer}"


def space_words(feature_set: Mapping[str, Any], layer: int) -> str:
    """Short name of a feature space for people: `story MiniLM layer7`, `frames DeiT layer3`."""
    return f"{stimulus(feature_set)} {feature_set['model']} {layer_word(layer)}"


def cell_place(cell: Cell, split: str) -> dict[str, Any]:
    """Everything that names the folder and the file ending of a cell's results, but the subject."""
    spaces = [
        {
            "modality": space.feature_set["modality"],
            "hparams": hparams(space.feature_set),
            "model": space.feature_set["model"],
            "layer": space.layer,
        }
        for space in cell.spaces
    ]
    banded = cell.spaces[0].band is not None
    named = {k: [s[k] for s in spaces] for k in spaces[0]} if banded else spaces[0]
    bands = {"bands": [space.band for space in cell.spaces]} if banded else {}
    return {
        "start_s": seconds_of(cell.delays["start"], cell.tr_s),
        "end_s": seconds_of(cell.delays["end"], cell.tr_s),
        **named,
        "reduce": cell.reduce,
        "split": split,
        "label": cell.fit.label,
        **bands,
    }


def seconds_of(samples: int, tr_s: float) -> int | float:
    """So many samples in seconds; whole seconds as a whole number."""
    found = round(samples * tr_s, 6)
    return int(found) if found == int(found) else found


def delay_words(cell: Cell) -> str:
    """`TR3-5` at a TR of 1 s, else `3-7.5s`."""
    start, end = (seconds_of(cell.delays[name], cell.tr_s) for name in ("start", "end"))
    return f"TR{start}-{end}" if cell.tr_s == 1 else f"{start}-{end}s"


class Places:
    """Remembers who writes where, and refuses a second, different writer."""

    def __init__(self) -> None:
        self._features: dict[str, dict[str, Any]] = {}
        self._fits: dict[str, tuple[str, dict[str, Any]]] = {}

    def claim_features(self, feature_set: dict[str, Any]) -> None:
        """Claim the feature folder of a feature set; PlanError if a different one has it."""
        place = [feature_set["modality"], *hparams(feature_set), feature_set["model"]]
        place += [feature_set["subject"]] if "subject" in feature_set else []
        holder = self._features.setdefault(canonical(place), feature_set)
        if holder != feature_set:
            raise PlanError(
                f"features: two sets would share the folder of {_words(feature_set)} but differ in "
                f"{_difference(holder, feature_set)}; run them as two sweeps with their own "
                "output.features"
            )

    def claim_fit(self, cell: Cell, place: dict[str, Any], identity: dict[str, Any]) -> bool:
        """Claim the place of a cell; whether it is new. PlanError if a different fit has it."""
        source, holder = self._fits.setdefault(canonical(place), (cell.source, identity))
        if holder is identity:
            return True
        if holder != identity:
            raise PlanError(
                f"{source} and {cell.source}: both would write the files of "
                f"{_spaces(cell)} "
                f"{delay_words(cell)}, but differ in "
                f"{_difference(holder, identity)}; give one of two entries of fits a `label`"
            )
        return False


def _spaces(cell: Cell) -> str:
    return " and ".join(f"{_words(s.feature_set)} {layer_word(s.layer)}" for s in cell.spaces)


def _words(feature_set: Mapping[str, Any]) -> str:
    return f"{'_'.join(hparams(feature_set))} {feature_set['model']}"


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    keys = dict.fromkeys((*one, *other))
    differing = [key for key in keys if one.get(key) != other.get(key)]
    return "; ".join(
        f"{key} ({_short(one.get(key))} and {_short(other.get(key))})" for key in differing
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} values"
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return str(value)
