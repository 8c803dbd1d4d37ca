"""Which code makes the numbers: its version, its git commit, and a digest of the files that compute."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from d2b_ray.catalog.layouts import LAYOUTS
from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.catalog.significance_tests import TESTS
from d2b_ray.catalog.solvers import SOLVERS
from d2b_ray.errors import SpecError, StoreError
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.catalog.table import Origin, Table
    from d2b_ray.spec import Sweep
    from d2b_ray.store import Store

__all__ = ["COMMIT_FILE", "PACKAGE", "check_code", "code_digest", "code_now", "plug_ins"]

PACKAGE = Path(__file__).resolve().parent.parent
COMMIT_FILE = "d2b_ray_commit"  # beside the metadata of code that was sent to a cluster
# What can change a number. A new figure or a new message does not make old results another's.
COMPUTES = (
    "arrays.py",
    "catalog",
    "data",
    "features",
    "modalities",
    "design",
    "encoding",
    "significance",
    "steps",
)


def plug_ins(sweep: Sweep) -> dict[str, Origin]:
    """Rows of other packages that a sweep names: what each is, in words -> where it comes from."""
    chosen: list[tuple[Table[Any], str]] = [
        (LAYOUTS, sweep.dataset.layout),
        (TESTS, sweep.significance.test),
        *((MODALITIES, block.modality) for block in sweep.features.values()),
        *((SOLVERS[fit.kind], fit.solver) for fit in sweep.fits),
    ]
    return {
        f"{table.what} {name}": table.origin(name)
        for table, name in chosen
        if name not in table.own
    }


def code_now(used: Mapping[str, Origin] | None = None) -> Mapping[str, Any]:
    """`version`, `commit` (None outside a checkout) and `digest` (SHA-256) of the running code.

    Of `used` plug-ins all Python files of their packages count, and `plug_ins` names them.
    """
    own = _own_code()
    if not used:
        return own
    content = hashlib.sha256(own["digest"].encode())
    for origin in sorted(used.values(), key=lambda origin: (origin.module, origin.attribute)):
        content.update(f"{origin.module}:{origin.attribute}".encode())
        for file in _files_of(origin.module):
            content.update(file.name.encode() + b"\0" + file.read_bytes())
    names = {what: f"{origin.package} {origin.version}" for what, origin in used.items()}
    return {**own, "digest": content.hexdigest(), "plug_ins": names}


@cache
def code_digest() -> str:
    """SHA-256 of the package's own files that can change a number."""
    content = hashlib.sha256()
    for name in COMPUTES:
        place = PACKAGE / name
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            content.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0")
            content.update(file.read_bytes())
    return content.hexdigest()


@cache
def _own_code() -> Mapping[str, Any]:
    return {
        "version": metadata.version("d2b-ray"),
        "commit": _commit(),
        "digest": code_digest(),
    }


def _files_of(module: str) -> list[Path]:
    """The Python files of the package that a module belongs to, or its own."""
    spec = find_spec(module.partition(".")[0])  # imports nothing
    if spec is None:
        return []
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if folders:
        return sorted(file for folder in folders for file in folder.rglob("*.py"))
    return [Path(spec.origin)] if spec.origin else []


def check_code(store: Store, now: Mapping[str, Any], *, accept: bool) -> None:
    """SpecError when the results in `store` were begun by code that computes otherwise, unless accepted."""
    try:
        before = store.read_json(Layout.ENVIRONMENT)["code"]
    except (StoreError, KeyError, TypeError):
        return  # nothing was begun here, or by a version that did not say
    if not isinstance(before, dict) or not {"digest", "version", "commit"} <= before.keys():
        return
    if before["digest"] != now["digest"] and not accept:
        raise SpecError(
            f"{store.url} was begun with {_named(before)}, and this is {_named(now)}, which computes "
            "with other code; --accept-code-change goes on and keeps what is finished, another "
            "output.root starts anew"
        )


def _named(code: Mapping[str, Any]) -> str:
    commit = f", commit {code['commit'][:12]}" if code["commit"] else ""
    return f"d2b-ray {code['version']}{commit} (code {code['digest'][:12]})"


def _commit() -> str | None:
    try:
        out = subprocess.run(
            ["git", "-C", str(PACKAGE), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return metadata.distribution("d2b-ray").read_text(COMMIT_FILE)
    return out.stdout.strip()
