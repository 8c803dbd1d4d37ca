"""The look at the world before anything runs: data set, models, features that are there, fingerprints.

Reads small files and listings only; loads neither torch nor ray. Whatever is wrong with the spec's
view of the world is found here, before a cluster is started.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from d2b_ray.data import DataChoices, open_dataset
from d2b_ray.errors import DataError
from d2b_ray.features import components_for
from d2b_ray.plan import Sizes, World, digest, feature_key, feature_units, readings
from d2b_ray.plan.axes import chosen_subjects, used_blocks
from d2b_ray.store import marked_for_other
from d2b_ray.survey.inputs import Inputs
from d2b_ray.survey.models import size_of
from d2b_ray.survey.texts import texts_of_readings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from d2b_ray.data import Dataset
    from d2b_ray.plan import FeatureLayer, Unit
    from d2b_ray.spec import Sweep
    from d2b_ray.spec.dataset import DatasetBlock
    from d2b_ray.store import Ledger, Store

__all__ = ["choices_of", "data_and_models", "survey"]

log = logging.getLogger(__name__)


def survey(
    sweep: Sweep,
    dataset_root: str,
    features: Store,
    base: str,
    ledger: Ledger,
    results: str,
    say: Callable[[str], None] = log.info,
) -> World:
    """What `sweep` meets; relative folders of models start at `base`.

    `features` is the store of features that are made, `ledger` the records of the store `results`; `say`
    is told of what takes long. Raises D2BError with one line for what is not there.
    """
    dataset = open_dataset(sweep.dataset.layout, dataset_root, choices_of(sweep.dataset))
    world = data_and_models(sweep, dataset, base)
    extracts = feature_units(sweep, world)
    subjects = chosen_subjects(sweep, dataset.subjects)
    if sweep.significance.ceiling == "subjects":
        _check_common_space(dataset, subjects)
    inputs = Inputs(dataset, features.url, base, sweep.dataset.extra_rows or "error", say)
    for unit in extracts:
        inputs.look_at_features(unit)
    shared = features.url != results
    world = replace(
        world,
        features={
            feature_key(unit.params, layer): replace(
                found, made=_is_made(found, unit, layer, ledger, features, shared=shared)
            )
            for unit in extracts
            for layer in unit.layers
            for found in [inputs.features[feature_key(unit.params, layer)]]
        },
        responses={
            subject: inputs.responses(subject, confounds=bool(sweep.dataset.responses.confounds))
            for subject in subjects
        },
    )
    voxels = {subject: len(dataset.voxels(subject).index) for subject in sorted(subjects)}
    texts, rows = texts_of_readings(readings(extracts, world), dataset, features)
    return replace(world, sizes=replace(world.sizes, voxels=voxels), texts=texts, rows=rows)


def choices_of(block: DatasetBlock) -> DataChoices:
    """What a sweep says of how its data set is opened."""
    return DataChoices(block.extra_rows, block.options)


def _is_made(
    found: FeatureLayer, unit: Unit, layer: int, ledger: Ledger, features: Store, *, shared: bool
) -> bool:
    """Whether a layer was made of these inputs and, where others may write, lies there still."""
    inputs = digest(found.inputs)
    if found.given or ledger.state(feature_key(unit.params, layer), inputs) != "done":
        return False
    return not (shared and marked_for_other(features, unit.params, layer, inputs))


def data_and_models(sweep: Sweep, dataset: Dataset, base: str) -> World:
    """Runs and subjects of the data set, layers and widths of the models of the sweep."""
    table, split = dataset.runs, sweep.dataset.split
    train, valid = table.train(split), table.valid(split)
    blocks = list(used_blocks(sweep))
    sizes = {
        (block.modality, model): size_of(dataset, block, model, base)
        for block in blocks
        for model in getattr(block, "model", ())
    }
    rows = sum(run.seconds for run in table.used)
    reduced = {getattr(getattr(block, "reduce", None), "srp", None) for block in blocks}
    return World(
        subjects=dataset.subjects,
        tr_s=table.tr_s,
        sizes=Sizes(
            n_train=sum(run.samples for run in train),
            n_valid=sum(run.samples for run in valid),
            seconds=sum(run.seconds for run in table.runs),
            n_groups=len({run.cv_group for run in train}),
            voxels={},
            width={name: width for name, (_, width) in sizes.items()},
            depth={name: depth for name, (depth, _) in sizes.items()},
        ),
        columns={eps: components_for(eps, rows) for eps in reduced if eps is not None},
        run_seconds={run.name: run.seconds for run in table.used},
        run_table=digest({run.name: run.described for run in table.runs}),
        repeats=tuple(tuple(run.name for run in shows) for shows in table.repeats(split)),
    )


def _check_common_space(dataset: Dataset, subjects: Sequence[str]) -> None:
    """DataError if voxel v is not the same place in all `subjects`, as far as files tell."""
    first, *others = subjects or [""]
    for other in others:
        one, two = dataset.voxels(first), dataset.voxels(other)
        if one.shape != two.shape or not np.array_equal(one.index, two.index):
            raise DataError(
                f"significance.ceiling: {first} and {other} have different voxels "
                f"({len(one.index)} and {len(two.index)}); must be none, or bring all subjects to a "
                "common space (a template or a surface) first"
            )
