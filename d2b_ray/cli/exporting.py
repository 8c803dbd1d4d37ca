"""The verbs `export` and `plot`: a map of a finished fit as an image, or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from d2b_ray.engine.addresses import address_of
from d2b_ray.errors import SpecError
from d2b_ray.report.maps import export_map, map_values, on_surface, read_space
from d2b_ray.report.results import Results
from d2b_ray.spec import load
from d2b_ray.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array

__all__ = ["Drawn", "draw_map", "named", "write_map"]


class Drawn(NamedTuple):
    """How a map is drawn: a view, or on a flat map SUBJECT/TRANSFORM of a pycortex data base."""

    view: str | None = None
    cortex: str | None = None
    data_base: Path | None = None


def named(option: str, entries: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` entries of an option as a mapping; SpecError for what has no `=`."""
    for entry in entries:
        if "=" not in entry:
            raise SpecError(f"{option} {entry}: must be NAME=VALUE")
    pairs = (entry.partition("=") for entry in entries)
    return {name.strip(): value.strip() for name, _, value in pairs}


def write_map(
    target: str,
    out: Path,
    subject: str,
    column: str,
    where: Sequence[str],
    surface: str | None = None,
) -> None:
    """Write one column of one fit, and say what it is."""
    values, space, words = _map(target, subject, column, where, surface)
    for path in export_map(values, space, f"{column} {words}", out):
        typer.echo(f"{path}: {column} of {subject} {words}")


def draw_map(
    target: str,
    out: Path,
    subject: str,
    column: str,
    where: Sequence[str],
    surface: str | None = None,
    drawn: Drawn = Drawn(),  # noqa: B008  # it is frozen
) -> None:
    """Draw one column of one fit, and say what it is."""
    from d2b_ray.report.brains import brain_picture

    if out.suffix not in (".png", ".html"):
        raise SpecError(f"{out}: must end in .png, or in .html")
    if drawn.cortex and (drawn.view or surface or out.suffix == ".html"):
        raise SpecError("--cortex draws a flat map as .png: leave out --view and --surface")
    if drawn.data_base is not None and not drawn.cortex:
        raise SpecError("--cortex-db: needs --cortex SUBJECT/TRANSFORM")
    if drawn.view and out.suffix == ".html":
        raise SpecError("--view is of pictures: leave it out, or let the file end in .png")
    if not out.absolute().parent.is_dir():
        raise SpecError(f"{out}: there is no folder {out.absolute().parent}; make it first")
    values, space, words = _map(target, subject, column, where, surface)
    title = f"{subject}: {column} of {words}"
    if drawn.cortex:
        from d2b_ray.report.flat_maps import flat_map

        out.write_bytes(flat_map(values, space, title, drawn.cortex, drawn.data_base))
    elif out.suffix == ".html":
        out.write_text(_document(values, space, title), encoding="utf-8")
    else:
        out.write_bytes(brain_picture(values, space, title, drawn.view))
    typer.echo(f"{out}: {column} of {subject} {words}")


def _document(values: Array, space: Mapping[str, Array], title: str) -> str:
    from d2b_ray.report.turnable import turnable

    found = turnable(values, space, title)
    if found is None:
        raise SpecError(
            "a map to walk through is made of volumes and of fsaverage5, by nilearn (pip install "
            "'d2b-ray[imaging]'); use .png, or `d2b-ray export` and a viewer of its own"
        )
    return found


def _map(
    target: str, subject: str, column: str, where: Sequence[str], surface: str | None
) -> tuple[Array, Mapping[str, Array], str]:
    """Values of a column of one fit, where they lie, and the fit in words."""
    root = target
    if target.endswith((".yaml", ".yml")):
        root = address_of(load(Path(target), []).output.root)
    store = Store(root)
    fit = Results(store).fit(**{**named("--where", where), "subject": subject})
    values = map_values(store, fit, column)
    words = " ".join(str(fit[name]) for name in ("annotation", "model", "layer") if fit[name])
    space = read_space(store, subject)
    if surface is not None:
        space = on_surface(values, space, surface)
        values = space["values"]
    return values, space, words
