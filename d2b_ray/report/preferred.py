"""What each voxel prefers: of fits that differ in one thing, the one that predicts it best.

    preferred = argmax over values v of max over fits of v of cv_r

Chosen by the score of the training runs, told with r of the validation runs: chosen by r itself, r would
look better than it is. Which layer, delay, annotation or model (a preferred-feature map, a timescale map).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pyarrow as pa

__all__ = ["preferred_rows"]


def preferred_rows(
    fits: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], pa.Table], by: str
) -> Iterator[dict[str, Any]]:
    """A row a subject and voxel: the preferred value of `by`, its fit, cv_r and r, and how far it leads.

    `read(fit)` is the fit's table of voxels. `lead` is cv_r less the best cv_r of another value. A voxel
    that no fit has a score of prefers nothing (None).
    """
    subjects: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for fit in fits:
        subjects[fit["subject"]].append(fit)
    for subject, own in subjects.items():
        yield from _of_subject(subject, own, [read(fit) for fit in own], by)


def _of_subject(
    subject: str, fits: list[Mapping[str, Any]], tables: list[pa.Table], by: str
) -> Iterator[dict[str, Any]]:
    scores, r = (
        np.array([table[name].to_numpy() for table in tables], float) for name in ("cv_r", "r")
    )  # (fits, voxels)
    known = np.where(np.isfinite(scores), scores, -np.inf)
    winner = known.argmax(0)
    values = [fit[by] for fit in fits]
    number = np.array([values.index(value) for value in values])  # equal values, equal numbers
    others = np.where(number[:, None] == number[winner], -np.inf, known).max(0)
    regions = tables[0]["roi"].to_pylist()
    for voxel, (fit, region) in enumerate(zip(winner, regions, strict=True)):
        row = {"subject": subject, "voxel": voxel, "roi": region}
        if not np.isfinite(known[fit, voxel]):
            yield {**row, "preferred": None, "fit": None, "cv_r": None, "r": None, "lead": None}
            continue
        yield {
            **row,
            "preferred": values[fit],
            "fit": fits[fit]["fit"],
            "cv_r": float(scores[fit, voxel]),
            "r": float(r[fit, voxel]),
            "lead": float(known[fit, voxel] - others[voxel])
            if np.isfinite(others[voxel])
            else None,
        }
