"""Which fits are set against each other: pairs of places, the same for every subject. Pure.

The words of a place are those of the sweep; a pair by one word agrees in all others.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import PlanError
from d2b_ray.plan.keys import canonical, unit_key
from d2b_ray.plan.tests import compare_options
from d2b_ray.plan.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from d2b_ray.spec import Comparison, FitWords, Sweep

__all__ = ["Pair", "compare_units", "pairs"]

Pair = tuple[int, int, "Comparison"]  # first, second, as numbers of places


def pairs(sweep: Sweep, places: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """Pairs of `places` (without the subject, in the order of the sweep), first less second.

    Raises PlanError for an entry of `compare` that finds no pair, or more than one fit for a name.
    """
    found: dict[tuple[int, int, int], Pair] = {}
    own = sorted({place["only"] for place in places if "only" in place})
    for subject in own or [""]:  # a fit may be of one subject only, which has features of its own
        known = {
            number: _words(place)
            for number, place in enumerate(places)
            if place.get("only", subject) == subject
        }
        for entry, pair in _of_subject(sweep, known):
            found.setdefault((entry, *pair[:2]), pair)
    return [pair for _, pair in sorted(found.items(), key=lambda item: item[0][0])]


def _of_subject(sweep: Sweep, known: Mapping[int, Mapping[str, Any]]) -> Iterator[tuple[int, Pair]]:
    """Entry of `compare` and pair, of the fits of one subject by their numbers."""
    for number, entry in enumerate(sweep.compare):
        if entry.by is None:
            assert entry.first is not None
            assert entry.second is not None
            first, second = (
                _only(f"compare.{number}.{name}", words, known)
                for name, words in (("first", entry.first), ("second", entry.second))
            )
            if first == second:
                raise PlanError(f"compare.{number}: first and second are the same fit")
            yield number, (first, second, entry)
            continue
        own = list(_by(entry, known))
        if not own:
            against = "" if entry.against is None else f", one of them with {entry.against}"
            raise PlanError(
                f"compare.{number}: no two fits differ in {entry.by} and agree in all else{against}; "
                f"there are {len(known)} fits of a subject: correct by, where or against"
            )
        for pair in own:
            yield number, pair


def compare_units(
    sweep: Sweep,
    contrasts: Sequence[Pair],
    places: Sequence[Mapping[str, Any]],
    subjects: Sequence[str],
    commits: Sequence[Unit],
) -> dict[str, Unit]:
    """The comparisons of every pair of `places` in every subject, by key; each once."""
    written = {canonical(dict(unit.place)): unit for unit in commits}
    found: dict[str, Unit] = {}
    for pair in contrasts:
        only = places[pair[0]].get("only"), places[pair[1]].get("only")
        for subject in subjects:
            if any(one not in (None, subject) for one in only):
                continue
            first, second = (
                written[canonical({**_shared(places[number]), "subject": subject})]
                for number in pair[:2]
            )
            unit = _compare_unit(sweep, pair, first, second)
            found.setdefault(unit.key, unit)
    return found


def _compare_unit(sweep: Sweep, pair: Pair, first: Unit, second: Unit) -> Unit:
    """The comparison of two commits of one subject."""
    entry = pair[2]
    options = compare_options(sweep.significance, entry.permutations)
    params = {"first": first.key, "second": second.key, **options}
    names = [unit.label.removeprefix(f"commit {unit.subject} ") for unit in (first, second)]
    places = [dict(unit.place) for unit in (first, second)]
    alike = [{k: v for k, v in place.items() if k != "subject"} for place in places]
    return Unit(
        "compare",
        unit_key("compare", params),
        params,
        (first.key, second.key),
        f"compare {first.subject} {names[0]} against {names[1]}",
        subject=first.subject,
        model=first.model,
        place={
            "subject": first.subject,
            "places": places,
            "names": names,
            "by": entry.by,
            "pair": unit_key("pair", {"places": alike, **options}),  # the same for all subjects
        },
    )


def _by(entry: Comparison, known: Mapping[int, Mapping[str, Any]]) -> Iterator[Pair]:
    groups: dict[str, list[int]] = {}
    for number, words in known.items():
        if _has(words, entry.where):
            rest = {name: value for name, value in words.items() if name != entry.by}
            groups.setdefault(canonical(rest), []).append(number)
    for group in groups.values():
        for first, second in combinations(group, 2):
            values = known[first][str(entry.by)], known[second][str(entry.by)]
            if entry.against is None or entry.against == values[1]:
                yield first, second, entry
            elif entry.against == values[0]:
                yield second, first, entry


def _only(key: str, wanted: FitWords, known: Mapping[int, Mapping[str, Any]]) -> int:
    found = [number for number, words in known.items() if _has(words, wanted)]
    if len(found) != 1:
        raise PlanError(
            f"{key}: {len(found)} of the {len(known)} fits of a subject are so; must be one: "
            f"say more of kind, annotation, model, layer, label"
        )
    return found[0]


def _has(words: Mapping[str, Any], wanted: FitWords) -> bool:
    given = wanted.model_dump(exclude_none=True)
    return all(words[name] in values for name, values in given.items())


def _words(place: Mapping[str, Any]) -> dict[str, Any]:
    """A place in the words of the sweep; what has no word of its own is `else`."""
    banded = "bands" in place
    options = place["hparams"] if banded else [place["hparams"]]
    models = place["model"] if banded else [place["model"]]
    return {
        "kind": "banded" if banded else "ridge",
        "annotation": " + ".join(words[0] for words in options),
        "model": " + ".join(models),
        "layer": None if banded else place["layer"],
        "delays": [place["start_s"], place["end_s"]],
        "reduce": place["reduce"],
        "label": place["label"],
        "else": [
            [words[1:] for words in options],
            place["modality"],
            place["layer"] if banded else None,
            place.get("bands"),
        ],
    }


def _shared(place: Mapping[str, Any]) -> dict[str, Any]:
    """A place without the subject that alone has it."""
    return {name: value for name, value in place.items() if name != "only"}
