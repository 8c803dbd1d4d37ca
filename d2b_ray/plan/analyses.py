"""What is made of finished fits: `generalise`, a unit a fit; `weights`, one over all subjects. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.errors import PlanError
from d2b_ray.plan.axes import used_blocks
from d2b_ray.plan.keys import canonical, unit_key
from d2b_ray.plan.units import Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.plan.world import World
    from d2b_ray.spec import Sweep

__all__ = ["generalise_units", "weights_units"]


def generalise_units(sweep: Sweep, commits: Sequence[Unit], world: World) -> dict[str, Unit]:
    """One unit a commit, by key. PlanError for other subjects that have another number of voxels."""
    wanted = sweep.generalise
    if wanted is None:
        return {}
    subjects = list(dict.fromkeys(str(unit.subject) for unit in commits))
    if wanted.subjects:
        _check_spaces(subjects, world)
        if own := sorted({block.modality for block in used_blocks(sweep) if block.personal}):
            raise PlanError(
                f"generalise.subjects: features of modality {own[0]} are each subject's own, so that a "
                "model says nothing of another subject; must be false"
            )
    found = {}
    for commit in commits:
        others = [s for s in subjects if s != commit.subject] if wanted.subjects else []
        params: dict[str, Any] = {
            "commit": commit.key, "titles": wanted.titles, "subjects": others,
        }  # fmt: skip
        key = unit_key("generalise", params)
        found[key] = Unit(
            "generalise", key, params, (commit.key,),
            commit.label.replace("commit", "generalise", 1), subject=commit.subject, model=commit.model,
            place={"fit": dict(commit.place), "key": commit.key},
        )  # fmt: skip
    return found


def _check_spaces(subjects: Sequence[str], world: World) -> None:
    if len(subjects) < 2:
        raise PlanError(
            f"generalise.subjects: true needs two subjects or more; the sweep has {', '.join(subjects)}"
        )
    voxels = {subject: world.sizes.voxels[subject] for subject in subjects}
    if len(set(voxels.values())) > 1:
        told = ", ".join(f"{subject} has {count:,}" for subject, count in voxels.items())
        raise PlanError(
            f"generalise.subjects: subjects must lie in one space, voxel by voxel; {told} voxels. Bring "
            "them into a common space first, or set it to false"
        )


def weights_units(
    sweep: Sweep, commits: Sequence[Unit], index: Mapping[str, Unit]
) -> dict[str, Unit]:
    """One unit for the commits that differ in the subject only, by key."""
    wanted = sweep.weights_pca
    if wanted is None:
        return {}
    groups: dict[str, list[Unit]] = {}
    for commit in commits:
        alike = {name: value for name, value in commit.place.items() if name != "subject"}
        design = index[commit.needs[0]].params["design"]
        groups.setdefault(canonical({"place": alike, "design": design}), []).append(commit)
    found = {}
    for own in groups.values():
        design = index[own[0].needs[0]].params["design"]
        params = {
            "design": design,
            "commits": sorted(unit.key for unit in own),
            **wanted.model_dump(mode="json"),
        }
        key = unit_key("weights", params)
        words = own[0].label.removeprefix(f"commit {own[0].subject} ")
        found[key] = Unit(
            "weights", key, params, (design, *params["commits"]), f"weights {words}", model=own[0].model,
            place={
                "fits": [dict(unit.place) for unit in own],
                "keys": [unit.key for unit in own],
                "words": words,
                "spaces": list(index[design].params["spaces"]),
                "delays": dict(index[design].params["delays"]),
            },
        )  # fmt: skip
    return found
