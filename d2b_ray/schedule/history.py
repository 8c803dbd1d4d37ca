"""What earlier runs leave to do: the state of every unit as a sweep begins. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from d2b_ray.plan import Unit

__all__ = ["State", "first_states"]

State: TypeAlias = Literal["waiting", "ready", "running", "done", "failed", "skipped", "unneeded"]


def first_states(
    units: Mapping[str, Unit], done: Collection[str], failed: Collection[str]
) -> dict[str, State]:
    """State by key of `units`, in topological order: those that wait, and what became of the others.

    `done` keys of durable units whose records stand; `failed` keys of those that are not tried again.
    Unneeded are those whose value nobody reads who is still waiting.
    """
    state: dict[str, State] = {}
    for key, unit in units.items():
        before = {state[need] for need in unit.needs}
        gathers = unit.kind == "gather"
        if key in done and not (gathers and "waiting" in before):
            state[key] = "done"  # a gather follows what will be made in this run
        elif key in failed:
            state[key] = "failed"
        elif not gathers and before & {"failed", "skipped"}:
            state[key] = "skipped"
        else:
            state[key] = "waiting"
    wanted: set[str] = set()
    for key in reversed(list(units)):
        if state[key] != "waiting":
            continue
        if units[key].durable or key in wanted:
            wanted.update(units[key].needs)
        else:
            state[key] = "unneeded"
    return state
