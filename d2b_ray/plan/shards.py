"""Shards of feature sets, which several extractors share: whole runs, or distinct texts. Pure.

Frames and sound of a run are worked on by themselves: a shard has some runs in a row, and changes no
bit of the features. Captions are not: a shard has distinct texts, whatever runs, annotators or
levels they come from, and each feature set needs the shards that its texts are in.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.plan.keys import canonical, unit_key
from d2b_ray.plan.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["by_runs", "by_texts", "reading", "reading_key", "run_shards", "text_shards"]

CHOOSE_TEXTS = ("annotation", "annotators", "window", "join", "context")


def by_runs(params: Mapping[str, Any]) -> bool:
    """Whether a feature set can be made run by run."""
    return MODALITIES[params["modality"]].shards == "runs"


def by_texts(params: Mapping[str, Any]) -> bool:
    """Whether a feature set can be made text by text: flat rows depend on the other texts."""
    return MODALITIES[params["modality"]].shards == "texts" and params.get("tokens") != "flat"


def reading(params: Mapping[str, Any]) -> dict[str, Any]:
    """What of a feature set of texts tells how a text is read, not which texts."""
    return {key: value for key, value in params.items() if key not in CHOOSE_TEXTS}


def reading_key(params: Mapping[str, Any], fingerprint: str) -> str:
    """Key of how the texts of a feature set are read; `fingerprint` of the model."""
    return unit_key("reading", {"set": reading(params), "model": fingerprint})


def run_shards(
    unit: Unit, layers: tuple[int, ...], runs: Mapping[str, int], shard_s: int
) -> list[Unit]:
    """Shards of an extract unit; none where all fits into one.

    `layers` to be made; `runs` their seconds, in order. A shard has as many runs in a row as last at
    most `shard_s` seconds, one at least.
    """
    pieces = list(_pieces(runs, shard_s))
    if len(pieces) < 2:
        return []
    made = []
    for number, piece in enumerate(pieces):
        params = {"set": unit.params, "shard": number}
        names = list(piece)
        words = " to ".join(dict.fromkeys((names[0], names[-1])))
        label, place = f"{unit.label} {words}", {"runs": piece}
        made.append(_shard(params, label, unit.model, layers, place))
    return made


def text_shards(
    unit: Unit, fingerprint: str, layers: tuple[int, ...], texts: Sequence[str], size: int
) -> list[Unit]:
    """Shards of at most `size` of the distinct `texts`, in order; `unit` is one of those they are for.

    `fingerprint` of the model. The texts themselves, as long as no plan should be, are told apart by
    their digest in the key.
    """
    made = []
    for start in range(0, len(texts), size):
        part = list(texts[start : start + size])
        params = {
            "reading": reading(unit.params),
            "model": fingerprint,
            "layers": list(layers),
            "texts": sha256(canonical(part).encode()).hexdigest(),
        }
        words = f"texts {start + 1} to {start + len(part)}"
        label, place = f"{unit.label} {words}", {"texts": part}
        made.append(_shard(params, label, unit.model, layers, place))
    return made


def _shard(
    params: Mapping[str, Any],
    label: str,
    model: str | None,
    layers: tuple[int, ...],
    place: Mapping[str, Any],
) -> Unit:
    key = unit_key("shard", params)
    return Unit("shard", key, params, (), label, model=model, layers=layers, place=place)


def _pieces(runs: Mapping[str, int], shard_s: int) -> Iterator[dict[str, int]]:
    piece: dict[str, int] = {}
    for run, seconds in runs.items():
        if piece and sum(piece.values()) + seconds > shard_s:
            yield piece
            piece = {}
        piece[run] = seconds
    if piece:
        yield piece
