"""Mutated inputs through the command line, in this process: what may come out, and what must not.

Exit status 0, 1 or 3 is an answer, 2 a line a mistake, the first of which begins with the program's name
(or typer's usage). A status of 70, an exception, more lines, or more CPU than a look takes are defects;
so is a unit that failed with an error that is another library's. A mutation that must be refused and is
not is one, too.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import sys
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from media_problem import TEXT, write_media, write_models
from problems import COMMON, Quiet, write_common

from d2b_ray import errors
from d2b_ray.engine.session import run_sweep
from d2b_ray.spec import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Case", "Outcome", "Workshop", "media_workshop", "trials", "workshop"]

MOST_CPU_S = 30.0
MOST_LINES = 13  # each thing that is wrong with a sweep has a line of its own
MEDIA = """\
name: media
dataset: {{layout: arrays, root: {root}}}
features:
  read: {{modality: semantic, annotation: story, model: {models}/bert, layers: [1, 3]}}
  words: {{modality: wordvectors, annotation: story, model: {models}/words.txt}}
  see: {{modality: vision, model: {models}/vit, layers: [1, 3], frame_size: 32}}
  film: {{modality: vision, model: {models}/vit, layers: 2, source: video, frame_size: null}}
  hear: {{modality: audio, model: {models}/ast, layers: [3], window: 2}}
  both: {{modality: vision_language, annotation: story, model: {models}/git, layers: [2], frame_size: 40}}
fits:
  - {{kind: ridge, features: [read, words, see, film, hear, both], delays: {{start: 1, end: 2}}}}
significance: {{test: none}}
output: {{root: {out}}}
"""


@dataclass(frozen=True)
class Case:
    """A mutation by name; `change(workshop, rng)` makes it. `verb` is asked of it."""

    name: str
    change: Callable[[Workshop, np.random.Generator], list[str] | None]
    refused: bool = False
    verb: str = "plan"


@dataclass
class Outcome:
    """What a call printed, how it ended, and how much CPU it took."""

    status: int
    out: str
    err: str
    cpu_s: float
    error: BaseException | None = None


@dataclass
class Workshop:
    """A folder with a small data set, a sweep over it, and perhaps its finished store, to be damaged."""

    folder: Path
    pristine: Path

    @property
    def spec(self) -> Path:
        """The sweep."""
        return self.folder / "sweep.yaml"

    @property
    def data(self) -> Path:
        """The data set."""
        return self.folder / "data"

    @property
    def out(self) -> Path:
        """The store."""
        return self.folder / "out"

    def renew(self) -> None:
        """All as it was."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.pristine, self.folder)

    def pick(self, rng: np.random.Generator, pattern: str) -> Path:
        """One of the files that match."""
        found = sorted(path for path in self.folder.glob(pattern) if path.is_file())
        return found[int(rng.integers(len(found)))]


def call(arguments: list[str]) -> Outcome:
    """`d2b-ray` with these arguments."""
    from d2b_ray.cli import main

    out, err = io.StringIO(), io.StringIO()
    began, before = time.process_time(), (sys.argv, os.getcwd())
    sys.argv = ["d2b-ray", *arguments]
    status, error = 0, None
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException as raised:  # what a user would see as a traceback
        status, error = 99, raised
    finally:
        sys.argv = before[0]
        os.chdir(before[1])
        logging.disable(logging.NOTSET)
    return Outcome(status, out.getvalue(), err.getvalue(), time.process_time() - began, error)


def foreign(store: Path) -> str:
    """A unit's failure with an error that is not ours; "" if there is none."""
    for path in sorted(store.glob("units/failed/*.json")):
        try:
            failure = json.loads(path.read_text())
        except ValueError:
            continue  # made so by a mutation
        name = failure.get("error", "") if isinstance(failure, dict) else ""
        if name and not hasattr(errors, name):
            return f"a unit failed with {name}: {str(failure.get('message'))[:300]}"
    return ""


def judge(case: Case, found: Outcome) -> str:
    """What is wrong with an outcome; "" if nothing is."""
    if found.error is not None:
        return f"{type(found.error).__name__}: {found.error}"
    if found.status not in (0, 1, 2, 3):
        return f"status {found.status}: {found.err.strip()[:400]}"
    if "Traceback" in found.err + found.out:
        return "a traceback"
    lines = found.err.strip().splitlines()
    usage = bool(lines) and lines[0].startswith("Usage:")
    first = bool(lines) and lines[0].startswith("d2b-ray: ")
    if found.status == 2 and not usage and (not first or len(lines) > MOST_LINES):
        return f"{len(lines)} lines of error: {found.err[:400]!r}"
    if case.refused and found.status in (0, 3):
        return f"accepted: {found.out.strip()[:200]!r}"
    if found.cpu_s > MOST_CPU_S:
        return f"{found.cpu_s:.0f} s of CPU"
    return ""


def workshop(folder: Path) -> Workshop:
    """The data set, the sweep and its finished store, and a copy to be damaged."""
    pristine, copy = folder / "pristine", folder / "here"
    pristine.mkdir(parents=True)
    write_common(pristine / "data", subjects=2)
    text = COMMON.format(root=copy / "data", out=copy / "out").replace(
        "layers: [1, 2]", "layers: [1, 2]"
    )
    (pristine / "sweep.yaml").write_text(text)
    shop = Workshop(copy, pristine)
    shop.renew()
    assert run_sweep(load(shop.spec), Quiet(), engine="inline").ok
    pristine.rename(folder / "data_only")
    copy.rename(pristine)
    return shop


def media_workshop(folder: Path) -> Workshop:
    """A data set of captions, frames, films and sound with a model of each kind, and a sweep over them."""
    pristine, copy = folder / "media", folder / "here"
    write_media(pristine / "data")
    (pristine / "models").mkdir()
    write_models(pristine / "models")
    shutil.copytree(TEXT, pristine / "models" / "bert")
    text = MEDIA.format(root=copy / "data", models=copy / "models", out=copy / "out")
    (pristine / "sweep.yaml").write_text(text)
    shop = Workshop(copy, pristine)
    shop.renew()
    return shop


def arguments(case: Case, shop: Workshop, more: list[str]) -> list[str]:
    """What is typed."""
    if case.verb == "root":
        return ["status", *more]
    return [case.verb, str(shop.spec), *more]


def trials(
    cases: Sequence[Case], shop: Workshop, count: int, seed: int
) -> Iterator[tuple[Case, int, Outcome, str]]:
    """Each mutation in turn: case, number, outcome and what is wrong with it."""
    for number in range(count):
        case = cases[number % len(cases)]
        shop.renew()
        more = case.change(shop, np.random.default_rng([seed, number])) or []
        found = call(arguments(case, shop, more))
        yield case, number, found, judge(case, found) or foreign(shop.out)
