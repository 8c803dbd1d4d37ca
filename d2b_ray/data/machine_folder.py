"""Where a machine keeps what can be made or fetched again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["machine_folder"]


def machine_folder(name: str) -> Path:
    """`$D2B_RAY_CACHE/<name>`, else a folder of this user's where the system has its temporary files."""
    if own := os.environ.get("D2B_RAY_CACHE"):
        return Path(own) / name
    return Path(tempfile.gettempdir()) / f"d2b_ray-{os.getuid()}" / name
