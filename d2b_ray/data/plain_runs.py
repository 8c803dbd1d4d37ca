"""Run tables for everybody: a row a run, in the order in which runs are stacked.

    run           name of the run, as files have it
    role          train (training, fit), val (valid, validation, test, testing), or empty: not used
    group         CV group: folds hold out whole groups; default: every run is one
    tr_s          seconds from sample to sample; default: what the files or the sweep say
    scans         samples of the files; default: what the files have
    stimulus_s    seconds of the stimulus in whole seconds (rows of captions, frames); default: all of the run
    trim_start, trim_end    samples that are left out there; default 0
    stimulus      name that files of its stimulus have (words, captions, frames); default: that of the run
    repeat_of     name of the run whose stimulus was shown again
    role_splitA, role_splitB    roles under dataset.split: splitA and splitB

Only `run` and `role` must be there. Words of roles in any case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from d2b_ray.arrays import Role, Run
from d2b_ray.data.runs import check_runs, read_rows, rows_of_paper
from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from d2b_ray.arrays import RunTable

__all__ = ["ROLE_WORDS", "RunFacts", "read_any_runs", "role_of"]

ROLE_WORDS: dict[str, Role] = {
    **dict.fromkeys(("train", "training", "fit"), "TRAIN"),
    **dict.fromkeys(("val", "valid", "validation", "test", "testing"), "VALID"),
    **dict.fromkeys(("", "-", "none", "unused", "n/a"), ""),
}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the files of a run tell: samples, and seconds from one to the next if they say so."""

    scans: int
    tr_s: float | None = None


def role_of(word: str) -> Role | None:
    """The role that a word stands for; None for a word that is none."""
    return ROLE_WORDS.get(word.strip().lower())


def read_any_runs(
    path: Path, facts: Callable[[str], RunFacts], tr_s: float | None = None
) -> RunTable:
    """A run table of either kind; `facts` of a run by its name, `tr_s` what the sweep says of all.

    Raises DataError naming line and column, for a TR that nothing tells, and for runs of different TRs.
    """
    names, rows = read_rows(path)
    if {"title", "part"} <= set(names):
        table = rows_of_paper(path, names, rows)
        if tr_s in (None, 1.0):
            return table
        raise DataError(
            f"{path}: dataset.tr_s is {tr_s:g}, and this table has titles, parts and seconds, a row a "
            "second, as drama2brain has it; give it the columns run and role instead"
        )
    missing = [name for name in ("run", "role") if name not in names]
    if missing:
        raise DataError(
            f"{path}: the run table lacks the column {' and '.join(missing)}; it has "
            f"{', '.join(names) or 'none'}; `d2b-ray data init FOLDER` writes one"
        )
    groups: dict[str, int] = {}
    found = [
        _run(path, number, row, groups, facts, tr_s)
        for number, row in rows
        if (row["run"] or row["role"]).strip()
    ]
    trs = sorted({run.tr_s for run in found})
    if len(trs) > 1:
        raise DataError(
            f"{path}: runs have TRs of {', '.join(f'{tr:g}' for tr in trs)} s; must be one: make a sweep "
            "for each"
        )
    return check_runs(path, tuple(found))


def _run(
    path: Path,
    number: int,
    row: dict[str, str],
    groups: dict[str, int],
    facts: Callable[[str], RunFacts],
    tr_s: float | None,
) -> Run:
    name = row["run"].strip()
    if not name or "/" in name or not name.isprintable():
        raise DataError(f"{path}:{number}: run is {row['run']!r}; must be a name without '/'")
    told = facts(name)
    scans = int(_number(path, number, row, "scans", told.scans, whole=True, least=1))
    if scans > told.scans:
        raise DataError(
            f"{path}:{number}: scans is {scans}, and the files of run {name} have {told.scans}"
        )
    tr = _number(path, number, row, "tr_s", tr_s or told.tr_s or 0, whole=False, least=0)
    if not tr:
        raise DataError(
            f"{path}:{number}: the TR of run {name} is not known; say dataset.tr_s (init: --tr), or give "
            "the table a column tr_s (seconds)"
        )
    if told.tr_s is not None and abs(told.tr_s - tr) > 1e-3 * tr:
        raise DataError(
            f"{path}:{number}: the TR of run {name} is {tr:g} s here, and its files say {told.tr_s:g} s; "
            "correct the one that is wrong"
        )
    whole = math.ceil(scans * tr - 1e-6)
    start, end = (
        int(_number(path, number, row, column, 0, whole=True, least=0))
        for column in ("trim_start", "trim_end")
    )
    run = Run(
        title=name,
        part=0,
        seconds=int(_number(path, number, row, "stimulus_s", whole, whole=True, least=1)),
        overlap=start,
        split_all=_role(path, number, row, "role"),
        split_a=_role(path, number, row, "role_splitA"),
        split_b=_role(path, number, row, "role_splitB"),
        cv_group=groups.setdefault(row.get("group", "").strip() or f"run {name}", len(groups)),
        repeat_of=row.get("repeat_of", "").strip(),
        tr_s=tr,
        recorded=scans,
        cut_end=end,
        shows=row.get("stimulus", "").strip(),
    )
    if run.samples < 2:
        raise DataError(
            f"{path}:{number}: run {name} has {scans} samples, of which {start} and {end} are trimmed; "
            "two or more must be left"
        )
    plain = run.tr_s == 1.0 and run.recorded == run.seconds
    return replace(run, recorded=0) if plain else run


def _number(
    path: Path,
    line: int,
    row: dict[str, str],
    column: str,
    default: float,
    *,
    whole: bool,
    least: float,
) -> float:
    text = row.get(column, "").strip()
    if text.lower() in ("", "n/a"):
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if (
        not least <= value < math.inf
        or (whole and not value.is_integer())
        or (column == "tr_s" and value <= 0)
    ):
        kind = f"a whole number, {least:g} or more" if whole else "a number above 0"
        raise DataError(f"{path}:{line}: {column} is {text!r}; must be {kind}")
    return value


def _role(path: Path, line: int, row: dict[str, str], column: str) -> Role:
    found = role_of(row.get(column, ""))
    if found is None:
        raise DataError(
            f"{path}:{line}: {column} is {row[column]!r}; must be train (training, fit), val (valid, "
            "validation, test, testing), or empty"
        )
    return found
