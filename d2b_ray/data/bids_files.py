"""Which files of a BIDS tree are the recordings, by the entities of their names. Opens none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from d2b_ray.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["BoldFile", "bold_files", "entities"]

Kind: TypeAlias = Literal["volume", "surface", "cifti"]
ENDINGS: dict[str, Kind] = {
    "_bold.nii.gz": "volume",
    "_bold.nii": "volume",
    "_bold.func.gii": "surface",
    "_bold.dtseries.nii": "cifti",
}
OF_RUN = (
    "ses",
    "task",
    "acq",
    "ce",
    "rec",
    "dir",
    "run",
    "echo",
)  # tell runs apart, in BIDS' order
OF_SPACE = ("space", "res", "den", "cohort", "desc")  # tell forms of one run apart
ENTITY = re.compile(r"([a-zA-Z0-9]+)-([a-zA-Z0-9+.]+)")


@dataclass(frozen=True, slots=True)
class BoldFile:
    """The images of a run: one, or those of both hemispheres. `folder` holds them, `stem` names the run."""

    paths: tuple[Path, ...]
    kind: Kind
    stem: str  # sub-01_ses-1_task-T_run-1

    @property
    def folder(self) -> Path:
        """The folder `func` of the derivatives."""
        return self.paths[0].parent

    @property
    def template(self) -> str:
        """The space that the images are said to be in; empty if their name does not tell."""
        return str(dict(ENTITY.findall(self.paths[0].name)).get("space", ""))

    @property
    def mask(self) -> Path:
        """The brain mask of a volume."""
        name = self.paths[0].name
        for ending in ENDINGS:
            name = name.removesuffix(ending)
        name = re.sub(r"_desc-[a-zA-Z0-9]+$", "", name)
        return self.folder / f"{name}_desc-brain_mask.nii.gz"

    @property
    def confounds(self) -> Path:
        """The table of confounds; older releases call it regressors."""
        old = self.folder / f"{self.stem}_desc-confounds_regressors.tsv"
        return old if old.is_file() else self.folder / f"{self.stem}_desc-confounds_timeseries.tsv"

    def events(self, root: Path) -> Path:
        """The table of events: in the raw tree, else beside the images."""
        parts = ["func"]
        found = dict(ENTITY.findall(self.stem))
        folder = root / f"sub-{found['sub']}"
        folder = folder / f"ses-{found['ses']}" if "ses" in found else folder
        raw = folder.joinpath(*parts) / f"{self.stem}_events.tsv"
        beside = self.folder / f"{self.stem}_events.tsv"
        return raw if raw.is_file() or not beside.is_file() else beside

    def sidecars(self, root: Path) -> tuple[Path, ...]:
        """JSON files that may tell the repetition time: beside the image, of the raw run, of the task."""
        name = self.paths[0].name
        for ending in ENDINGS:
            name = name.removesuffix(ending)
        raw = self.events(root).parent / f"{self.stem}_bold.json"
        task = dict(ENTITY.findall(self.stem)).get("task", "")
        return (self.folder / f"{name}_bold.json", raw, root / f"task-{task}_bold.json")


def entities(name: str) -> dict[str, str]:
    """Entity -> value of a file's name: `sub-01_task-T_bold.nii.gz` has sub 01 and task T."""
    found = (ENTITY.fullmatch(part) for part in name.split("_"))
    return {match[1]: match[2] for match in found if match}


def bold_files(
    root: Path, derivatives: str | None, select: Mapping[str, str]
) -> dict[str, dict[str, BoldFile]]:
    """Subject -> run -> its images, among the prepared data below `root`, all sorted.

    Raises DataError where none are there, or where several forms of a run (spaces, resolutions) are left by
    `select`, saying what to choose from.
    """
    folder = _prepared(root, derivatives)
    paths = [
        path
        for ending in ENDINGS
        for path in sorted(folder.glob(f"sub-*/**/*{ending}"))
        if not path.name.startswith(".")
    ]
    if not paths:
        raise DataError(
            f"{folder}: there are no images sub-*/**/*_bold.nii.gz, .func.gii or .dtseries.nii"
        )
    known = {path: entities(path.name) for path in paths}
    unknown = [n for n in select if not any(n in found for found in known.values())]
    if unknown:
        names = sorted({name for found in known.values() for name in found} - {"sub"})
        raise DataError(
            f"dataset.select: no image has {', '.join(unknown)}; they have {', '.join(names)}"
        )
    chosen = [p for p in paths if all(known[p].get(n) == v for n, v in select.items())]
    if not chosen:
        told = "; ".join(
            f"{name}: {', '.join(sorted({f[name] for f in known.values() if name in f}))}"
            for name in select
        )
        raise DataError(f"dataset.select: no image has all of {dict(select)}; there are {told}")
    if "desc" not in select and any(known[p].get("desc") == "preproc" for p in chosen):
        chosen = [p for p in chosen if known[p].get("desc") in ("preproc", None)]
    return _by_subject(chosen, known, select)


def _prepared(root: Path, derivatives: str | None) -> Path:
    """The folder of prepared data."""
    if derivatives is not None:
        folder = root / derivatives
        if not folder.is_dir():
            raise DataError(f"dataset.derivatives: {folder} is not a folder")
        return folder
    usual = root / "derivatives" / "fmriprep"
    if usual.is_dir():
        return usual
    others = sorted(p for p in (root / "derivatives").glob("*") if any(p.glob("sub-*")))
    if len(others) > 1:
        names = ", ".join(f"derivatives/{path.name}" for path in others)
        raise DataError(f"dataset.derivatives: there are {names}; say which")
    return others[0] if others else root


def _by_subject(
    paths: list[Path], known: Mapping[Path, Mapping[str, str]], select: Mapping[str, str]
) -> dict[str, dict[str, BoldFile]]:
    found: dict[str, dict[str, list[Path]]] = {}
    for path in paths:
        own = known[path]
        run = "_".join(f"{name}-{own[name]}" for name in OF_RUN if name in own)
        found.setdefault(f"sub-{own['sub']}", {}).setdefault(run, []).append(path)
    for runs in found.values():
        for files in runs.values():
            _check_one_form(files, known)
    return {
        subject: {
            run: _file(subject, run, files, known) for run, files in sorted(found[subject].items())
        }
        for subject in sorted(found)
    }


def _check_one_form(files: list[Path], known: Mapping[Path, Mapping[str, str]]) -> None:
    forms = {(_ending(p), *(known[p].get(name) for name in OF_SPACE)) for p in files}
    if len(forms) == 1:
        return
    told = {name: sorted({str(known[p].get(name, "none")) for p in files}) for name in OF_SPACE}
    differing = "; ".join(f"{n}: {', '.join(v)}" for n, v in told.items() if len(v) > 1)
    raise DataError(
        f"dataset.select: {files[0].name} and {len(files) - 1} more are of one run; choose by "
        f"{differing or 'an ending (volumes or surfaces) in a folder of their own'}"
    )


def _file(
    subject: str, run: str, files: list[Path], known: Mapping[Path, Mapping[str, str]]
) -> BoldFile:
    kind = ENDINGS[_ending(files[0])]
    hemispheres = [known[path].get("hemi") for path in sorted(files)]
    if kind == "surface" and hemispheres not in (["L", "R"], ["L"], ["R"]):
        raise DataError(f"{files[0]}: images of hemispheres {hemispheres}; must be one L and one R")
    if kind != "surface" and len(files) > 1:
        raise DataError(
            f"{files[0]}: {len(files)} images of one run, which differ in no entity known here"
        )
    return BoldFile(tuple(sorted(files)), kind, f"{subject}_{run}" if run else subject)


def _ending(path: Path) -> str:
    return next(ending for ending in ENDINGS if path.name.endswith(ending))
