"""Rows of a file and seconds of its run: more is a mistake, or a tail to cut if one says so."""

from __future__ import annotations

from typing import Literal, TypeAlias

from d2b_ray.errors import DataError

__all__ = ["ExtraRows", "check_rows"]

ExtraRows: TypeAlias = Literal["error", "cut"]


def check_rows(
    path: object, what: str, shape: tuple[int, ...], seconds: int, extra_rows: ExtraRows
) -> None:
    """DataError unless `shape` (rows, ...) of a file has the rows of its run; more of them may be cut.

    `what` the file holds, in words. Both numbers are told: rows twice as many may be of another rate,
    rows that are as many as other files have columns may lie across.
    """
    rows = shape[0]
    if rows == seconds or (rows > seconds and extra_rows == "cut"):
        return
    if rows < seconds:
        ending = "the file is cut short, or the run table is wrong"
    else:
        across = f", or they lie across (its shape is {shape})" if len(shape) > 1 else ""
        ending = (
            f"a row must be a second{across}; correct the file or the run table, or say "
            "dataset.extra_rows: cut to drop the rows behind the run"
        )
    raise DataError(f"{path}: {rows} rows of {what}; the run table says {seconds} s: {ending}")
