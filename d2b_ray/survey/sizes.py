"""Sizes of a data set and its models, from headers alone: what estimates of a plan are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from d2b_ray.plan import Sizes
from d2b_ray.survey.look import model_size

if TYPE_CHECKING:
    from d2b_ray.spec import Sweep
    from d2b_ray.survey.look import Survey

__all__ = ["facts"]


def facts(sweep: Sweep, survey: Survey, base: str) -> Sizes:
    """What the plan of `survey` does not know; relative folders of models start at `base`."""
    dataset, plan = survey.dataset, survey.plan
    split = sweep.dataset.split
    train, valid = dataset.runs.train(split), dataset.runs.valid(split)
    sizes = {
        (unit.params["modality"], unit.params["model"]): model_size(
            dataset, unit.params["modality"], unit.params["model"], base
        )
        for unit in plan.of("extract")
    }
    subjects = {str(unit.subject) for unit in plan.of("fit")}
    return Sizes(
        n_train=sum(run.samples for run in train),
        n_valid=sum(run.samples for run in valid),
        seconds=sum(run.seconds for run in dataset.runs.runs),
        n_groups=len({run.cv_group for run in train}),
        voxels={subject: len(dataset.voxels(subject).index) for subject in sorted(subjects)},
        width={name: width for name, (_, width) in sizes.items()},
        depth={name: depth for name, (depth, _) in sizes.items()},
    )
