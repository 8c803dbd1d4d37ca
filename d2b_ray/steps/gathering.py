"""The step that ends a sweep: tables, figures and the report of all that is in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from d2b_ray.steps.recording import Stopwatch, record
from d2b_ray.store import Layout, remove_shards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from d2b_ray.steps.task import Task
    from d2b_ray.steps.worker_cache import WorkerCache
    from d2b_ray.store import Written

__all__ = ["gather"]


def gather(task: Task, values: Sequence[Any], cache: WorkerCache, device: str) -> None:
    """Tables, figures and the report of all that is in the store."""
    from d2b_ray.report.gather import gather as gather_report
    from d2b_ray.report.maps import space_bytes

    watch = Stopwatch()
    store = cache.store(cache.settings.results)
    for path in store.list(Layout.records_of_kind("gather")):
        if not path.startswith(Layout.records_of("gather", task.unit.key)):
            store.remove(path)  # of another sweep, whose tables and report these replace
    remove_shards(store)  # of a run that was killed before it could
    spaces: dict[str, Written] = {}
    for subject in sorted(cache.settings.responses):
        path = Layout.space(subject)
        spaces[path] = store.write_bytes(path, space_bytes(cache.dataset.voxels(subject)))
    params = task.unit.params
    tables = params["table"] == "parquet"
    pictures = params.get("report") != "tables"
    written = spaces | gather_report(
        store, tables=tables, summary=params.get("summary"), pictures=pictures
    )
    record(task, store, written, watch, device, commit=cache.settings.commit)
