"""The verb `status`: how a sweep stands, and how far the run that writes to its store is now."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import typer

from d2b_ray.cli.planning import print_table, show_status
from d2b_ray.cli.progress import PHASES, clock
from d2b_ray.store import Ledger, Store, holder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from d2b_ray.store import Holder

__all__ = ["root_as_json", "show_root", "show_spec", "spec_as_json"]

ROOT = "d2b_ray.root/1"
EVERY_S = 2.0
TOLD = {"units", "seconds_left", "rate", "workers", "values_bytes", "running"}
STATES = ("done", "running", "ready", "waiting", "failed", "skipped")


def show_spec(spec: Path, overrides: Sequence[str], *, watch: bool) -> int:
    """Status of a sweep by its file; returns 0 when all is done, 1 when units failed, else 3."""
    from d2b_ray.engine.addresses import address_of
    from d2b_ray.spec import load

    sweep = load(spec, list(overrides))
    store = Store(address_of(sweep.output.root))
    _show_run(store, watch=watch)
    return show_status(sweep)


def show_root(root: str, *, watch: bool) -> int:
    """Status of an output root, needing neither its spec nor its data; returns as `show_spec`."""
    store = Store(root)
    now = _show_run(store, watch=watch)
    ledger = Ledger.read(store)
    failures = sorted(ledger.failures())
    for key in failures:
        failure = ledger.failure(key)
        typer.echo(f"failed: {failure['label']}: {failure['error']}: {failure['message']}")
    if now is None:
        typer.echo(f"{store.url}: no run has written here")
        return 3
    if failures:
        return 1
    return 0 if now.ended and now.beat is not None and _all_done(now) else 3


def spec_as_json(spec: Path, overrides: Sequence[str]) -> int:
    """`show_spec` as JSON."""
    from d2b_ray.spec import load

    return show_status(load(spec, list(overrides)), as_json=True)


def root_as_json(root: str) -> int:
    """`show_root` as JSON: the run that wrote last, its units by kind and state, failures."""
    store = Store(root)
    now = holder(store)
    ledger = Ledger.read(store)
    failures = [ledger.failure(key) for key in sorted(ledger.failures())]
    ended = now is not None and now.ended and now.beat is not None
    code = 3 if now is None else 1 if failures else 0 if ended and _all_done(now) else 3
    beat = {} if now is None else (now.beat or {})
    told = {
        "schema": ROOT,
        "output": store.url,
        "run": None if now is None else {**now.facts, "ended": now.ended, "gone": now.gone},
        "last_sign_of_life": beat.get("told"),
        "progress": beat.get("run"),
        "failed": {f["label"]: f"{f['error']}: {f['message']}" for f in failures},
        "exit_status": code,
    }
    typer.echo(json.dumps(told, indent=1))
    return code


def _show_run(store: Store, *, watch: bool) -> Holder | None:
    """Print the run that holds the root, again and again if `watch`, until it ends."""
    while True:
        now = holder(store)
        if now is not None:
            _tell(now)
        if not watch or now is None or now.ended or now.gone:
            return now
        time.sleep(EVERY_S)
        typer.echo("")


def _tell(now: Holder) -> None:
    beat = now.beat or {"ended": False, "told": now.facts["started"], "run": {}}
    if beat["ended"]:
        how = f"ended {beat['told']}"
    elif now.gone:
        how = f"gone without a word, last seen {beat['told']}"
    else:
        how = f"last sign of life {beat['told']}"
    typer.echo(f"{now}; {how}")
    run = beat["run"]
    if not isinstance(run, dict) or not run.keys() >= TOLD:
        return
    if not beat["ended"]:
        table = [
            (PHASES[kind], *(str(found.get(state, 0)) for state in STATES))
            for kind in PHASES
            if (found := run["units"].get(kind))
        ]
        print_table(("", *STATES), table)
        left = run["seconds_left"]
        ending = f", about {clock(left)} left" if left is not None else ""
        typer.echo(
            f"{run['rate']:.1f} units/s on {run['workers']} workers{ending}; "
            f"{run['values_bytes'] / 1e9:.2f} GB of values in memory"
        )
        for label in run["running"]:
            typer.echo(f"running: {label}")


def _all_done(now: Holder) -> bool:
    run = (now.beat or {}).get("run")
    if not isinstance(run, dict) or "units" not in run:
        return False
    open_states = ("waiting", "ready", "running", "failed", "skipped")
    return not any(found.get(s, 0) for found in run["units"].values() for s in open_states)
