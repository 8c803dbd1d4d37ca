"""A sweep from a script or a notebook: `d2b_ray.run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import FitError, SpecError
from d2b_ray.report.results import Results, open_results
from d2b_ray.spec import load, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.engine.sweep_run import SweepRun

__all__ = ["Silent", "run"]


class Teller:
    """Says what a run has to say; nothing of its progress."""

    def progressed(self, sweep_run: SweepRun) -> None:
        """Nothing to show."""

    def message(self, line: str) -> None:
        """One line of text."""
        print(line, flush=True)  # noqa: T201


class Silent(Teller):
    """Nobody watches."""

    def message(self, line: str) -> None:
        """Nothing to say."""


def run(
    sweep: Mapping[str, Any] | str | Path,
    *overrides: str,
    engine: Literal["ray", "inline"] = "ray",
    address: str | None = None,
    quiet: bool = False,
) -> Results:
    """Do what is not done yet of a sweep, and open its results.

    `sweep` a mapping with the keys of a sweep file, or such a file; `overrides` as in `--set KEY=VALUE`;
    `engine` ray, or inline (this process); `address` of a Ray cluster that runs. Raises SpecError, with one
    line, for what is wrong with the sweep, and FitError if units failed: the results have their records.
    """
    if isinstance(sweep, (str, Path)):
        wanted = load(Path(sweep), list(overrides))
    else:
        wanted = parse(yaml.safe_dump(_plain(sweep), sort_keys=False), list(overrides))
    summary = run_sweep(wanted, Silent() if quiet else Teller(), engine=engine, address=address)
    if not summary.ok:
        told = (
            summary.stopped
            or f"{len(summary.failed)} units failed and {summary.skipped} were skipped"
        )
        raise FitError(f"{told}; `d2b-ray status {summary.results}` names them")
    return open_results(summary.results)


def _plain(value: Any) -> Any:
    """A mapping as YAML has it: paths as text, numbers of NumPy as numbers, tuples as lists."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise SpecError(
        f"sweep: {value!r} is of type {type(value).__name__}; must be text, a number, a list or a mapping"
    )
