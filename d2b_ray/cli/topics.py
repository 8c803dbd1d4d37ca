"""The verb `help`: keys of a sweep, columns of tables, faults, drama2brain's arguments; made of the code."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, get_args

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from d2b_ray.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TOPICS", "show_topic"]

WIDTH = 100


def show_topic(name: str | None) -> None:
    """Print a topic, or which there are."""
    if name is None:
        for topic, make in TOPICS.items():
            typer.echo(f"{topic:14}{(make.__doc__ or '').splitlines()[0]}")
        typer.echo("\nd2b-ray help TOPIC, such as: d2b-ray help sweep")
        return
    if name not in TOPICS:
        raise SpecError(f"help {name}: is no topic; must be one of: {', '.join(TOPICS)}")
    for line in TOPICS[name]():
        typer.echo(line)


def _sweep() -> Iterator[str]:
    """Keys of a sweep: what each is, its default, what it allows."""
    from d2b_ray.catalog.modalities import MODALITIES
    from d2b_ray.spec.fits import BandedFit, RidgeFit
    from d2b_ray.spec.sweep import Sweep

    yield from _keys(Sweep, "")
    for name in MODALITIES.own:
        yield from ("", f"features.<name>, modality {name}: {_first_line(MODALITIES[name].block)}")
        yield from _keys(MODALITIES[name].block, "  ")
    for kind, model in (("ridge", RidgeFit), ("banded", BandedFit)):
        yield from ("", f"fits, kind {kind}: {_first_line(model)}")
        yield from _keys(model, "  ")


def _columns() -> Iterator[str]:
    """Columns of the tables, with their units."""
    from d2b_ray.report import columns

    for name in (
        "FITS",
        "VOXELS",
        "BANDS",
        "COMPARISONS",
        "GENERALISATION",
        "WEIGHTS",
        "MOMENTS",
        "TIMINGS",
    ):
        yield from ("", f"tables/{name.lower()}")
        for field in getattr(columns, name):
            about = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
            unit = f" ({about['unit']})" if "unit" in about else ""
            yield from _entry(f"  {field.name}", about.get("description", "") + unit)


def _faults() -> Iterator[str]:
    """What is done about a fault of a unit."""
    from d2b_ray.schedule.policy import POLICY

    for fault, rule in POLICY.items():
        words = [f"tried again {rule.retries} times" if rule.retries else "never tried again"]
        words += ["with half the memory"] if rule.less_memory else []
        words += ["elsewhere"] if rule.elsewhere else []
        words += ["if there is another place"] if rule.only_there else []
        words += ["its worker is ended"] if rule.ends_worker else []
        words.append("then the sweep stops" if rule.stops else "then the unit is failed")
        yield from _entry(fault, ", ".join(words))


def _drama2brain() -> Iterator[str]:
    """Arguments of drama2brain's programs, and the keys of a sweep that they are."""
    from d2b_ray.spec import drama2brain_command, drama2brain_features

    for module in (drama2brain_command, drama2brain_features):
        for line in (module.__doc__ or "").splitlines():
            cells = [cell.strip() for cell in line.strip("| ").split("|")]
            if len(cells) == 2 and not cells[0].startswith("-" * 3):
                yield from _entry(cells[0], cells[1])
    yield from ("", "`d2b-ray from-drama2brain ...` prints the sweep of such a command line.")


def _guide(name: str) -> Iterator[str]:
    text = (files("d2b_ray.cli") / "guides" / f"{name}.md").read_text(encoding="utf-8")
    yield from text.splitlines()


def _models() -> Iterator[str]:
    """Modalities with their options, models, captions, words, media, features that lie ready."""
    yield from _guide("models")


def _significance() -> Iterator[str]:
    """Tests, nulls, blocks, intervals, ceilings, comparisons: what they do and rest on."""
    yield from _guide("significance")


TOPICS: dict[str, Callable[[], Iterator[str]]] = {
    "sweep": _sweep, "models": _models, "significance": _significance, "columns": _columns,
    "faults": _faults, "drama2brain": _drama2brain,
}  # fmt: skip


def _keys(model: type[BaseModel], indent: str) -> Iterator[str]:
    """An entry a key, those of blocks in it further to the right."""
    told = _docstrings(model)
    for name, field in model.model_fields.items():
        inner = _block(field.annotation)
        shown = f"{indent}{field.alias or name}"
        if field.is_required():
            default = " Must be given." if inner is None else ""
        else:
            value = field.get_default(call_default_factory=True)
            plain = inner is None and value is not PydanticUndefined and not _block(type(value))
            default = f" Default: {_plain(value)}." if plain else ""
        words = _allowed(field.metadata) or _allowed(get_args(field.annotation))
        allowed = f" Allowed: {words}." if words and inner is None else ""
        yield from _entry(shown, f"{told.get(name, '')}{default}{allowed}")
        if inner is not None:
            yield from _keys(inner, indent + "  ")


def _block(annotation: Any) -> type[BaseModel] | None:
    """The model of a block, or of what may be one."""
    for one in (annotation, *get_args(annotation)):
        if inspect.isclass(one) and issubclass(one, BaseModel):
            return one
    return None


def _allowed(found: Any) -> str:
    """The words of the first `Allowed` or table of names in metadata, however deep."""
    for one in found:
        words = getattr(one, "words", None)
        if isinstance(words, str):
            return words
        deeper = _allowed([*get_args(one), *getattr(one, "__metadata__", ())])
        if deeper:
            return deeper
    return ""


def _plain(value: Any) -> str:
    """As YAML has it."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_plain, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


@cache
def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Key -> the string that stands below it, in a class and those that it is made of."""
    found: dict[str, str] = {}
    for one in reversed(
        [c for c in model.__mro__ if issubclass(c, BaseModel) and c is not BaseModel]
    ):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        assert isinstance(tree, ast.ClassDef)
        for above, below in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name)
                and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            ):  # fmt: skip
                found[above.target.id] = " ".join(str(below.value.value).split())
    return found


def _entry(name: str, words: str) -> Iterator[str]:
    """A name, and its words beside it, wrapped."""
    lines = textwrap.wrap(words, WIDTH - 26) or [""]
    yield f"{name:25} {lines[0]}".rstrip() if len(name) < 26 else f"{name}  {lines[0]}".rstrip()
    for line in lines[1:]:
        yield " " * 26 + line
