"""The written drama of the demo: what five annotators say of each second of four short plays.

The texts lie in `drama/<Title>.tsv`, a line `start_s, level, text of annotator 1, 2, ...`: the texts
hold from that second to the next line of the same level; `..` is silence.
"""

from __future__ import annotations

from importlib import resources

from d2b_ray.arrays import Run, RunTable

__all__ = ["DRAMA_LEVELS", "TITLES", "captions_of", "drama_runs"]

TITLES = ("Courtroom", "Kitchen", "Lighthouse", "Observatory")
DRAMA_LEVELS = {
    "speechTranscription": 1,
    "objectiveAnnot50chara": 5,
    "story": 2,
    "eventContent": 3,
    "timePlace": 3,
}
FIRST_S, SECOND_S, OVERLAP_S = 230, 170, 20


def drama_runs() -> RunTable:
    """Two runs a title: the first trains, the second, which repeats 20 s of it, validates."""
    runs = []
    for group, title in enumerate(TITLES):
        half_a, half_b = ("TRAIN", "") if group % 2 == 0 else ("", "TRAIN")
        runs.append(Run(title, 1, FIRST_S, 0, "TRAIN", half_a, half_b, group))  # type: ignore[arg-type]
        runs.append(Run(title, 2, SECOND_S, OVERLAP_S, "VALID", "VALID", "VALID", group))
    return RunTable(tuple(runs))


def captions_of(run: Run) -> dict[str, list[list[str]]]:
    """Level -> a row a second of one text an annotator."""
    begin = 0 if run.part == 1 else FIRST_S - OVERLAP_S
    script = _script(run.title)
    found: dict[str, list[list[str]]] = {}
    for level, annotators in DRAMA_LEVELS.items():
        rows: list[list[str]] = []
        current = [".."] * annotators
        for second in range(begin + run.seconds):
            current = script.get((second, level), current)
            if second >= begin:
                rows.append(current)
        found[level] = rows
    return found


def _script(title: str) -> dict[tuple[int, str], list[str]]:
    file = resources.files("d2b_ray.data") / "drama" / f"{title}.tsv"
    lines = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    return {(int(start), level): texts for start, level, *texts in lines}
