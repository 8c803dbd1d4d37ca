"""The verb `show`: what made a finished fit, what came out, and where it lies, from its store alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from d2b_ray.cli.exporting import named
from d2b_ray.cli.planning import print_table
from d2b_ray.engine.addresses import address_of
from d2b_ray.plan.describe import bytes_text
from d2b_ray.report.results import Results
from d2b_ray.spec import load
from d2b_ray.store import Layout, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["SCHEMA", "facts", "show_fit"]

SCHEMA = "d2b_ray.fit/1"
RAN = ("host", "device", "started", "seconds", "fit_seconds", "fit_host", "attempt", "commit")
NEVER_FITTED = ("significance", "fit", "save", "table", "label", "figures")  # params told elsewhere


def show_fit(target: str, subject: str, where: Sequence[str], *, as_json: bool) -> None:
    """Print one fit; SpecError unless `where` leaves one of the subject."""
    root = target
    if target.endswith((".yaml", ".yml")):
        root = address_of(load(Path(target), []).output.root)
    store = Store(root)
    row = Results(store).fit(**{**named("--where", where), "subject": subject})
    found = facts(store, row)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    words = " ".join(str(row[name]) for name in ("annotation", "model", "layer") if row[name])
    typer.echo(f"{subject} {words}: fit {row['fit']} in {store.address(row['folder'])}")
    for title, part in _parts(found):
        rows = [
            (f"  {name}", _text(value)) for name, value in part.items() if value not in (None, "")
        ]
        if rows:
            typer.echo(title)
            for name, value in rows:
                typer.echo(f"{name}: {value}")
    print_table(
        ("file", "bytes"), [(path, bytes_text(size)) for path, size in found["files"].items()]
    )


def facts(store: Store, row: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a fit: `place`, `made_by`, `test`, `numbers`, `ran`, `inputs`, `files` (bytes)."""
    summary: Mapping[str, Any] = next(
        found
        for path in store.list(f"{row['folder']}/")
        if path.rpartition("/")[2].startswith("fit") and path.endswith(".json")
        and (found := store.read_json(path)).get("fit") == row["fit"]
    )  # fmt: skip
    records = store.list(Layout.records_of("commit", row["fit"]))
    record = store.read_json(records[-1]) if records else {}
    params, ran = summary["params"], {**record, **record.get("extra", {})}
    return {
        "schema": SCHEMA,
        "fit": row["fit"],
        "place": {"subject": row["subject"], **summary["place"]},
        "made_by": {k: v for k, v in params.items() if k not in NEVER_FITTED} | _solved(row),
        "test": params.get("significance", {}),
        "numbers": summary["numbers"],
        "ran": {name: ran[name] for name in RAN if name in ran},
        "inputs": summary["fingerprints"],
        "files": {
            path: store.size(path) for path in record.get("outputs", ()) if store.exists(path)
        },
    }


def _solved(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: row[name] for name in ("solver", "samples", "validation_samples", "folds", "features")
    }


def _parts(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "what", found["place"]
    yield "made by", found["made_by"]
    yield "test", found["test"]
    yield "came out", {k: v for k, v in found["numbers"].items() if k not in found["made_by"]}
    yield "ran", found["ran"]
    yield "made of (digests)", found["inputs"]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
