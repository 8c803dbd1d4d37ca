"""How finished work becomes files and a record: always the files first, the record last."""

from __future__ import annotations

import platform
import socket
import time
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Fit, NullCounts
    from d2b_ray.engine.residents import Residents
    from d2b_ray.engine.work import Task
    from d2b_ray.store import Store

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
