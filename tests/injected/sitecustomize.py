"""Loaded by Python itself where PYTHONPATH names this folder: puts a drill before every unit of the process.

`D2B_DRILL_CALL=module:function` names it. The package knows nothing of this.
"""

import importlib
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

TARGET = "d2b_ray.steps.execute"


def before_unit(task):
    """Import the drill when the first unit comes."""
    module, _, function = os.environ["D2B_DRILL_CALL"].partition(":")
    getattr(importlib.import_module(module), function)(task)


class PutBefore(MetaPathFinder):
    """Sets `before_unit` of the module once it is executed."""

    def find_spec(self, fullname, path=None, target=None):
        """Only of the one module."""
        if fullname != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.before_unit = before_unit

        spec.loader.exec_module = exec_module
        return spec


if "D2B_DRILL_CALL" in os.environ:
    sys.meta_path.insert(0, PutBefore())
