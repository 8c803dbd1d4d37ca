"""A first sweep for a data set: what is there, as a document that runs, with comments where one would choose.

Looks at names and headers only. What it writes is a beginning: models, layers and delays are for a person.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from d2b_ray.data import DataChoices, open_dataset
from d2b_ray.data.array_files import matrix_shape
from d2b_ray.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Run
    from d2b_ray.data import Dataset

__all__ = ["draft", "layout_of"]

# the first mark that is there names the layout
MARKS = (
    ("fmri/exp/subject.json", "drama2brain"),
    ("derivatives/preprocessed_data", "openneuro"),
    ("derivatives/fmriprep", "bids"),
    ("dataset_description.json", "bids"),
    ("responses", "arrays"),
)
HELD = {
    "drama2brain": "{start: 3, end: 5}  # seconds, averaged: drama2brain's",
    "openneuro": "{start: 3, end: 5}  # seconds, averaged: drama2brain's",
}
SPREAD = (
    "{start: 2, end: 8, combine: concat}  # seconds that the response lags behind; each has weights"
)


def layout_of(root: Path) -> str:
    """Name of the layout that the folder looks like. SpecError, which names the marks, for none."""
    for mark, layout in MARKS:
        if (root / mark).exists():
            return layout
    marks = ", ".join(f"{mark} ({layout})" for mark, layout in MARKS)
    raise SpecError(
        f"{root}: looks like no layout; expected one of {marks}; `d2b-ray demo-data DIR --layout arrays` "
        "writes an example"
    )


def draft(root: str, select: Mapping[str, str], tr_s: float | None = None) -> str:
    """YAML of a sweep over all that was found. SpecError or DataError, one line, where that cannot be."""
    folder = Path(root)
    if not folder.is_dir():
        raise SpecError(f"{root}: is no folder; give that of the data set")
    layout = layout_of(folder)
    options: dict[str, Any] = {"select": dict(select)} if select else {}
    options |= {} if tr_s is None else {"tr_s": tr_s}
    dataset = open_dataset(layout, root, DataChoices(options=options))
    train, test = dataset.runs.train("all"), dataset.runs.valid("all")
    blocks = _features(dataset, folder)
    if not blocks:
        raise SpecError(
            f"{root}: nothing to predict from; expected captions in annotations/, words in words/, "
            "events/, arrays in features/<name>_<run>.npy, or media in stimuli/"
        )
    subjects = list(dataset.subjects)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-") or "study"
    counts = f"{len(subjects)} subjects; {len(train)} runs to train on, {len(test)} to test"
    lines = [
        f"# {layout} data of {root}: {counts}; TR {dataset.runs.tr_s:g} s",
        f"name: {name}",
        "",
        "dataset:",
        f"  layout: {layout}",
        f"  root: {_scalar(root)}",
        f"  subjects: all  # or a list of {_listed(subjects)}",
    ]
    if tr_s is not None:
        lines.append(f"  tr_s: {tr_s:g}")
    if select:
        lines.append(f"  select: {_mapping(select)}")
    lines += _responses(dataset, subjects, train)
    lines += ["", "features:"]
    for block in blocks:
        lines += [f"  {block[0]}", *(f"    {line}" for line in block[1:])]
    ridge = [block[0].rstrip(":") for block in blocks if not block[0].startswith("#")]
    lines += [
        "",
        "fits:",
        "  - kind: ridge  # banded fits several at once and tells their shares: jobs/bands.yaml",
        f"    features: [{', '.join(ridge)}]",
        f"    delays: {HELD.get(layout, SPREAD)}",
        "",
        "significance: {test: block, permutations: 1000}",
        "",
        "output:",
        f"  root: results/{name}",
        "  save: [scores, pvalues]  # coef and predictions are large",
    ]
    return "\n".join(lines) + "\n"


def _features(dataset: Dataset, root: Path) -> list[list[str]]:
    """Blocks, a line each; the first line is the name."""
    found: list[list[str]] = []
    if levels := dataset.levels():
        found.append(
            [
                "captions:",
                "modality: semantic",
                f"annotation: [{', '.join(map(_scalar, levels))}]",
                "model: MiniLM  # small; or GPT2, Llama2, a Hugging Face id, a folder",
                "layers: all",
            ]
        )
    if spoken := _folders(root / "words"):
        levels_of = f"annotation: [{', '.join(map(_scalar, spoken))}]"
        found += [
            ["words:", "modality: words", levels_of, "model: GPT2", "layers: [12]", "context: 20"],
            ["rate:", "modality: wordrate", levels_of],
        ]
    runs = dataset.runs.recorded
    if any(dataset.events(subject, run).is_file() for subject in dataset.subjects for run in runs):
        found.append(["events:", "modality: events"])
    found += _own(root / "features", runs, dataset.runs.tr_s)
    stimuli = root / "stimuli"
    if (stimuli / "frames").is_dir() or (stimuli / "video").is_dir():
        source = "frames" if (stimuli / "frames").is_dir() else "video"
        found.append(
            ["pictures:", "modality: vision", "model: CLIP", "layers: all", f"source: {source}"]
        )
    if (stimuli / "audio").is_dir():
        found.append(["sound:", "modality: audio", "model: AST", "layers: all"])
    return found


def _own(folder: Path, runs: Sequence[Run], tr_s: float) -> list[list[str]]:
    """Arrays `<name>_<run>.npy` that all runs have, at the rate that their rows tell."""
    if not folder.is_dir():
        return []
    there: dict[tuple[str, str], dict[str, Path]] = {}
    names = sorted((run.name for run in runs), key=len, reverse=True)
    for path in sorted(folder.iterdir()):
        own = next((name for name in names if path.stem.endswith(f"_{name}")), None)
        if own is None or path.suffix not in (".npy", ".npz", ".parquet"):
            continue
        model = path.stem.removesuffix(f"_{own}")
        there.setdefault((model, path.suffix), {})[own] = path
    blocks = []
    for (model, suffix), paths in there.items():
        if len(paths) < len(runs):
            continue
        rates = []
        for run in runs:
            rows = matrix_shape(paths[run.name])[0]
            rates.append(rows / (run.samples * tr_s))
        rate = round(sum(rates) / len(rates), 2)
        word = re.sub(r"\W+", "_", model).strip("_") or "own"
        blocks.append(
            [
                f"{word}:",
                "modality: own",
                f"model: {_scalar(model)}",
                f'path: "{folder.name}/{{model}}_{{run}}{suffix}"',
                f"rate_hz: {rate:g}  # rows a second, as the runs' lengths tell",
            ]
        )
    return blocks


def _responses(dataset: Dataset, subjects: Sequence[str], train: Sequence[Run]) -> list[str]:
    """What could be done about noise, where there are confounds."""
    if not any(dataset.confounds(subject, run).is_file() for subject in subjects for run in train):
        return []
    return ['  # responses: {detrend: cosine, window_s: 128.0, confounds: ["trans_?", "rot_?"]}']


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(
        p.name
        for p in folder.iterdir()
        if p.is_dir() and not p.name.startswith(".") and any(p.iterdir())
    )


def _scalar(text: str) -> str:
    """A text as YAML reads it back: in quotes where it must be."""
    return yaml.safe_dump(text, allow_unicode=True, width=10_000).partition("\n")[0]


def _mapping(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {_scalar(value)}" for name, value in values.items()) + "}"


def _listed(names: Sequence[str], most: int = 6) -> str:
    told = ", ".join(map(_scalar, names[:most]))
    return f"[{told}, ...]" if len(names) > most else f"[{told}]"
