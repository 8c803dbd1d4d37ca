"""Parts of paths: how models and reductions are named in folders. drama2brain's names."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from d2b_ray.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["component", "fitting", "model_folder", "reduction"]

# No `-` beside the `/`, as on the hub: `a-/b` and `a/-b` would share `a---b`.
HUB_ID = re.compile(r"[A-Za-z0-9](?:[\w.-]*[\w.])?/[\w.][\w.-]*")
LONGEST = 200  # bytes of a name that every disk takes


def component(text: str) -> str:
    """`text` itself if it can be one part of a path, else StoreError.

    Refused: empty, `.`, `..`, `/`, control characters, more than 200 bytes.
    """
    bad = not text or text in (".", "..") or "/" in text or len(text.encode()) > LONGEST
    if bad or any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        raise StoreError(
            f"{text!r} cannot be part of a path: it must be 1 to 200 bytes without '/' or control "
            "characters, and not '.' or '..'; rename it in the sweep or the data set"
        )
    return text


def model_folder(model: str) -> str:
    """Folder of a model: `GPT2`; `org--name` for the hub's `org/name`; `name-{digest}` for a path.

    Two models never share a folder: hub ids hold no `--`, and what is not a plain name or a hub id
    carries 8 digits of the SHA-256 of its full name.
    """
    if "--" not in model:
        if "/" not in model:
            return component(model)
        if HUB_ID.fullmatch(model):
            return component(model.replace("/", "--"))
    last = [part for part in model.split("/") if part not in ("", ".", "..")]
    digits = hashlib.sha256(model.encode()).hexdigest()[:8]
    return component(f"{last[-1] if last else 'model'}-{digits}")


def fitting(text: str) -> str:
    """`text` if it can be a folder's name, else its beginning and 8 digits that tell it apart."""
    if len(text.encode()) <= LONGEST:
        return component(text)
    return component(f"{text[:150]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}")


def reduction(reduce: Mapping[str, Any] | None) -> str:
    """drama2brain's name of a reduction: `raw`, `640PCs` for `{pca: 640}`, `0.1eps` for `{srp: 0.1}`."""
    if not reduce:
        return "raw"
    if set(reduce) == {"pca"}:
        return f"{reduce['pca']}PCs"
    if set(reduce) == {"srp"}:
        return f"{reduce['srp']}eps"
    raise StoreError(f"reduction {dict(reduce)!r} has no file name; allowed: pca, srp, or none")
