"""d2b_ray: one YAML sweep becomes a grid of voxelwise encoding fits on Ray.

Importing the package loads no heavy module; what is named here is imported when it is first asked for:

    open_results(root)                          results of a sweep: tables, arrays, images (`report.results`)
    run(sweep)                                  a sweep given as a mapping or a file (`engine.scripting`)
    RidgeCV, KernelRidgeCV, BandedRidgeCV       scikit-learn style estimators (`encoding`)
    Delayer                                     delays as a transformer (`design`)
    block_null, noise_ceiling, intersubject_ceiling, explainable_variance       (`significance`)

Rooms: `d2b_ray.encoding`, `d2b_ray.significance`, `d2b_ray.design`, `d2b_ray.features`, `d2b_ray.data`.
"""

from importlib import import_module
from typing import Any

__all__ = [
    "BandedRidgeCV",
    "Delayer",
    "KernelRidgeCV",
    "RidgeCV",
    "__version__",
    "block_null",
    "explainable_variance",
    "intersubject_ceiling",
    "noise_ceiling",
    "open_results",
    "run",
]

__version__ = "0.1.0"

_WHERE = {
    "open_results": "d2b_ray.report.results",
    "run": "d2b_ray.engine.scripting",
    "RidgeCV": "d2b_ray.encoding",
    "KernelRidgeCV": "d2b_ray.encoding",
    "BandedRidgeCV": "d2b_ray.encoding",
    "Delayer": "d2b_ray.design",
    "block_null": "d2b_ray.significance",
    "explainable_variance": "d2b_ray.significance",
    "intersubject_ceiling": "d2b_ray.significance",
    "noise_ceiling": "d2b_ray.significance",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
