"""Imports all modules of the package, so that Python compiles them, and what they import, once."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages

import d2b_ray

for module in walk_packages(d2b_ray.__path__, "d2b_ray."):
    if not module.name.endswith("__main__"):
        with suppress(ImportError):  # of an extra that was not asked for
            import_module(module.name)
