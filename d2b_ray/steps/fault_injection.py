"""Fault drills: a function of the tests that sees every unit before it runs, in its own process.

`D2B_RAY_INJECT_FAULT=module:function` names it. It may end the process, wait, or raise: what then
happens to the sweep is what would happen if a machine did so.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from d2b_ray.steps.task import Task

__all__ = ["VARIABLE", "inject_fault"]

VARIABLE = "D2B_RAY_INJECT_FAULT"


def inject_fault(task: Task) -> None:
    """Call the function that the environment names, if it names one."""
    name = os.environ.get(VARIABLE)
    if name:
        module, _, function = name.partition(":")
        getattr(importlib.import_module(module), function)(task)
