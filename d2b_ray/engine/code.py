"""Which code makes the numbers: its version, its git commit, and a digest of the files that compute."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import SpecError, StoreError
from d2b_ray.store import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from d2b_ray.store import Store

__all__ = ["check_code", "code_now"]

PACKAGE = Path(__file__).resolve().parent.parent
# What can change a number. A new figure or a new message does not make old results another's.
COMPUTES = (
    "arrays.py",
    "data",
    "features",
    "modalities",
    "design",
    "encoding",
    "significance",
    "steps",
)


@cache
def code_now() -> Mapping[str, Any]:
    """`version`, `commit` (None outside a checkout) and `digest` (SHA-256) of the running code."""
    from importlib import metadata

    content = hashlib.sha256()
    for name in COMPUTES:
        place = PACKAGE / name
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            content.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0")
            content.update(file.read_bytes())
    return {
        "version": metadata.version("d2b-ray"),
        "commit": _commit(),
        "digest": content.hexdigest(),
    }


def check_code(store: Store, *, accept: bool) -> None:
    """SpecError when the results in `store` were begun by code that computes otherwise, unless accepted."""
    try:
        before = store.read_json(Layout.ENVIRONMENT)["code"]
    except (StoreError, KeyError, TypeError):
        return  # nothing was begun here, or by a version that did not say
    now = code_now()
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
        return None
    return out.stdout.strip()
