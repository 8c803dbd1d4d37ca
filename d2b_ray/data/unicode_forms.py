"""Names that look alike and are not: accents are one character (NFC), or a letter and a mark (NFD)."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["hint_of_form"]


def hint_of_form(path: Path) -> str:
    """What to add to the message that `path` is missing: its name lies there in the other form; or ""."""
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, path.name)
        if name != path.name and (path.parent / name).exists():
            return f" (the name lies there with its accents in Unicode form {form}: rename one of them)"
    return ""
