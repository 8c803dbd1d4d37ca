"""How finished work becomes files and a record: always the files first, the record last."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

__all__ = ["commit_fit", "record_features", "record_gather", "versions"]

LIBRARIES = ("d2b-ray", "numpy", "torch", "transformers", "scikit-learn", "himalaya", "ray")


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that make the numbers."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found
