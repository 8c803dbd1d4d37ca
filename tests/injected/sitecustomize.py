"""Loaded by Python itself where PYTHONPATH names this folder: puts a drill before units and starts.

`D2B_DRILL_CALL=module:function` names what comes before every unit, `D2B_DRILL_START` what comes before a
worker stands. The package knows nothing of this.
"""

import importlib
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec


def called(variable, *arguments):
    """Import the drill now, and call it."""
    module, _, function = os.environ[variable].partition(":")
    getattr(importlib.import_module(module), function)(*arguments)


def before_units(module):
    """The drill comes with the first unit."""
    module.before_unit = lambda task: called("D2B_DRILL_CALL", task)


def before_start(module):
    """A worker imports this module before it stands."""
    called("D2B_DRILL_START")


class Then(MetaPathFinder):
    """Does something with a module once it is executed."""

    def __init__(self, name, act):
        self.name, self.act = name, act

    def find_spec(self, fullname, path=None, target=None):
        """Only of the one module."""
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.act(module)

        spec.loader.exec_module = exec_module
        return spec


if "D2B_DRILL_CALL" in os.environ:
    sys.meta_path.insert(0, Then("d2b_ray.steps.execute", before_units))
if "D2B_DRILL_START" in os.environ:
    sys.meta_path.insert(0, Then("d2b_ray.steps.worker_cache", before_start))
