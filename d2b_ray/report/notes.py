"""What a reader must know beside the numbers: what p-values rest on, what was left out, what looks odd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["notes"]

MANY_AT_ENDS = 0.2  # of the voxels of a fit


def notes(fits: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences of the report, of rows of fits.parquet."""
    return [*_responses(fits), *_tests(fits), *_left_out(fits), *_at_ends(fits)]


def _responses(fits: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was done with the responses, where anything was or the TR is not a second."""
    found = sorted({(f["tr_s"], f["responses"]) for f in fits if f.get("responses")})
    told = [f"TR {tr_s:g} s, {words}" for tr_s, words in found]
    return [f"Responses: {'; '.join(told)}."] if told else []


def _tests(fits: Sequence[Mapping[str, Any]]) -> list[str]:
    found = sorted(
        {(f["test"], f["permutations"], f["block_trs"]) for f in fits if f["test"]},
        key=lambda one: [str(part) for part in one],
    )
    told = []
    for test, permutations, block_trs in found:
        words = [f"test {test}"]
        words += [f"{permutations:,} permutations"] if permutations else []
        words += [f"blocks of {block_trs} TRs"] if block_trs and permutations else []
        told.append(", ".join(words))
    return [f"p-values: {'; '.join(told)}."] if told else []


def _left_out(fits: Sequence[Mapping[str, Any]]) -> list[str]:
    most: dict[str, int] = {}
    for fit in fits:
        if fit["left_out"]:
            most[fit["subject"]] = max(most.get(fit["subject"], 0), fit["left_out"])
    if not most:
        return []
    told = ", ".join(f"{subject}: {count:,}" for subject, count in sorted(most.items()))
    line = f"Voxels left out, for they hold values that are not finite or do not vary: {told}. "
    return [line + "They are empty in the tables and not a number in the arrays."]


def _at_ends(fits: Sequence[Mapping[str, Any]]) -> list[str]:
    many = [fit for fit in fits if (fit["at_ends"] or 0) > MANY_AT_ENDS * fit["voxels"]]
    if not many:
        return []
    line = (
        f"In {len(many):,} of {len(fits):,} fits more than {MANY_AT_ENDS:.0%} of the voxels have "
    )
    line += "the smallest or largest penalty on offer (column at_ends): where nothing is predicted "
    return [line + "that is as it should be; where much is, offer more penalties."]
