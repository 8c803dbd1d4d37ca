"""One function per kind of unit: values in, value out. Every engine calls these; none knows ray.

| kind      | reads                          | returns                | writes                        |
| --------- | ------------------------------ | ---------------------- | ----------------------------- |
| shard     | media of some runs, a model    |                        | one .npy a run and layer      |
| extract   | captions, media, a model       |                        | the same, of all runs         |
| design    | feature files                  | Design                 |                               |
| factorize | Design                         | Factorization          |                               |
| fit       | Design, Factorization, responses | Fit                  |                               |
| null      | Fit, responses                 | NullCounts             |                               |
| bootstrap | Fit, responses                 | intervals              |                               |
| ceiling   | responses of all subjects      | ceiling (V,)           |                               |
| commit    | Fit, NullCounts ...            |                        | .npy, .png, Parquet, fit.json |
| compare   | two commits' files, responses  |                        | .npy, compare.json            |
| generalise | a commit's predictions, responses |                  | .npy, generalise.json         |
| weights   | Design, commits' coefficients  |                        | .npy, weights.json            |
| gather    | the store                      |                        | tables, figures, report       |

What writes ends with a record; what returns is made again if it is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from d2b_ray.steps.bounding import bootstrap, ceiling
from d2b_ray.steps.committing import commit
from d2b_ray.steps.comparing import compare
from d2b_ray.steps.designing import design, factorize
from d2b_ray.steps.extracting import extract, shard
from d2b_ray.steps.fitting import fit
from d2b_ray.steps.gathering import gather
from d2b_ray.steps.generalising import generalise
from d2b_ray.steps.testing import null
from d2b_ray.steps.weighing import weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache

__all__ = ["STEPS"]

Step: TypeAlias = "Callable[[Task, Sequence[Any], WorkerCache, str], Any]"

STEPS: dict[str, Step] = {
    "shard": shard,
    "extract": extract,
    "design": design,
    "factorize": factorize,
    "fit": fit,
    "null": null,
    "bootstrap": bootstrap,
    "ceiling": ceiling,
    "commit": commit,
    "compare": compare,
    "generalise": generalise,
    "weights": weights,
    "gather": gather,
}
