"""Gathers a store: fits.parquet, timings.parquet, the overview figures and the page.

Reads what the commits left (fit.json) and the records; a store of thousands of fits is gathered
from small files alone.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import yaml

from d2b_ray import __version__
from d2b_ray.errors import SpecError, StoreError
from d2b_ray.report.analyses import (
    best_generalisation,
    component_rows,
    generalisation_rows,
    moment_rows,
)
from d2b_ray.report.columns import (
    COMPARISONS,
    GENERALISATION,
    MOMENTS,
    TOP_TESTS,
    TOP_VOXELS,
    WEIGHTS,
    table_of,
)
from d2b_ray.report.comparisons import comparison_rows
from d2b_ray.report.methods import methods
from d2b_ray.report.page import page
from d2b_ray.report.picture_names import remove_pictures
from d2b_ray.report.soundness import MOST_SUBJECTS, best_fits, sound_table
from d2b_ray.report.tables import fits_table, timings_table
from d2b_ray.report.top_voxels import best_rows, paired_rows, top_rows
from d2b_ray.spec import parse
from d2b_ray.store import Layout, Ledger
from d2b_ray.store.formats import json_from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from d2b_ray.arrays import Array
    from d2b_ray.spec import Sweep
    from d2b_ray.store import Store, Written

__all__ = ["gather"]

log = logging.getLogger(__name__)
SUMMARY = re.compile(r"encoding/.+/fit(_[^/]*)?\.json")


def gather(
    store: Store,
    *,
    tables: bool = True,
    summary: Mapping[str, Any] | None = None,
    methods_told: Sequence[str] = (),
    pictures: bool = True,
) -> dict[str, Written]:
    """Write tables (unless told not to), figures (`pictures`) and page of all that is in the store.

    `summary` the sweep's block of this name, if it has one; `methods_told` sentences where there is no
    sweep that tells them. Returns what was written, path -> checksum
    and size.
    """
    paths = [p for p in store.list("encoding/") if SUMMARY.fullmatch(p)]
    summaries = _read_all(store, paths, "fit", "subject", "folder", "place", "numbers", "rois")
    units = store.list(Layout.UNITS)
    compared = [p for p in store.list(Layout.COMPARED) if p.endswith("/compare.json")]
    comparisons = _read_all(store, compared, "key", "fits", "rois", "subject")
    contrasts = comparison_rows(comparisons, [s["fit"] for s in summaries])
    written: dict[str, Written] = {}
    records = _records(store, [p for p in units if Layout.parse_record(p)])
    records.sort(key=lambda record: (record["started"], record["key"]))
    if tables:
        written[Layout.FITS] = store.write_table(Layout.FITS, fits_table(summaries))
        if contrasts:
            table = table_of(COMPARISONS, contrasts)
            written[Layout.COMPARISONS] = store.write_table(Layout.COMPARISONS, table)
        written[Layout.TIMINGS] = store.write_table(Layout.TIMINGS, timings_table(records))
    fits = fits_table(summaries).to_pylist()
    sweep = _sweep(store)
    generalised, components, moments = _analyses(store, fits, written, tables=tables)
    tests = _top_voxels(store, fits, summary, written) if tables and summary else []
    figures, brains = {}, []
    if pictures:  # without them no matplotlib
        from d2b_ray.report.pictures import drawn_brains, drawn_figures

        figures = drawn_figures(store, fits, summaries, components, written)
        brains = drawn_brains(store, fits, written)
    else:
        remove_pictures(store, fits)
    ledger = Ledger(store, units)
    failed = ledger.failures()  # one beside a record is void
    failures = [ledger.failure(key) for key in sorted(failed)]
    drawn = {s["fit"] for s in summaries if s.get("params", {}).get("figures", True)}
    told = (
        list(methods_told)
        if sweep is None
        else methods(sweep.model_dump(mode="json"), fits, __version__)
    )
    html = page(
        fits, failures, contrasts, drawn=drawn, methods=told, name=_name(store), top_tests=tests,
        figures={name: content for name, (content, _) in figures.items()},
        variants=max((row["variants"] for row in figures.get("layers", (b"", []))[1]), default=1),
        brains=brains,
        sound=sound_table(best_fits(fits, MOST_SUBJECTS).values()),
        generalised=best_generalisation(generalised), moments=moments, records=records,
    )  # fmt: skip
    written[Layout.REPORT] = store.write_bytes(Layout.REPORT, html.encode())
    return written


def _analyses(
    store: Store, fits: Sequence[Mapping[str, Any]], written: dict[str, Written], *, tables: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of generalisation, of components of weights and of their moments; writes their tables."""
    paths = [p for p in store.list(Layout.GENERALISED) if p.endswith("/generalise.json")]
    generalised = generalisation_rows(_read_all(store, paths, "fit", "subject", "rows"), fits)
    paths = [p for p in store.list(Layout.WEIGHTS) if p.endswith("/weights.json")]
    there = {fit["fit"] for fit in fits}
    weighed = [
        found
        for found in _read_all(store, paths, "key", "fits", "words", "components", "moments")
        if there.issuperset(found["fits"])
    ]
    components, moments = component_rows(weighed), moment_rows(weighed)
    for path, schema, rows in (
        (Layout.GENERALISATION, GENERALISATION, generalised),
        (Layout.WEIGHTS_PCA, WEIGHTS, components),
        (Layout.MOMENTS, MOMENTS, moments),
    ):
        if tables and rows:
            written[path] = store.write_table(path, table_of(schema, rows))
    return generalised, components, moments


def _sweep(store: Store) -> Sweep | None:
    """The sweep of these results, where it is there and still one."""
    if not store.exists(Layout.SWEEP):
        return None
    try:
        return parse(store.read_bytes(Layout.SWEEP).decode())
    except (SpecError, UnicodeDecodeError) as error:
        log.warning("%s tells no methods: %s", Layout.SWEEP, error)
        return None


def _top_voxels(
    store: Store,
    fits: Sequence[Mapping[str, Any]],
    wanted: Mapping[str, Any],
    written: dict[str, Written],
) -> list[dict[str, Any]]:
    """Write the tables of the best voxels; returns the tests over subjects."""

    def read(fit: Mapping[str, Any]) -> tuple[Array, Array]:
        table = store.read_table(Layout.voxels(fit["subject"], fit["fit"]))
        by, r = (table[name].to_numpy().astype(float) for name in (wanted["by"], "r"))
        return by, r

    there = [fit for fit in fits if store.exists(Layout.voxels(fit["subject"], fit["fit"]))]
    rows = top_rows(there, read, wanted["top_voxels"])
    best = best_rows(rows)
    chosen = {row["fit"] for row in best}
    told = [{**row, "best": row["fit"] in chosen} for row in rows]
    tests = paired_rows(best)
    for path, schema, found in (
        (Layout.TOP_VOXELS, TOP_VOXELS, told),
        (Layout.TOP_TESTS, TOP_TESTS, tests),
    ):
        written[path] = store.write_table(path, table_of(schema, found))
    return tests


def _name(store: Store) -> str:
    """Name of the sweep, where its document is there."""
    if not store.exists(Layout.SWEEP):
        return ""
    try:
        found = yaml.safe_load(store.read_bytes(Layout.SWEEP))
    except (yaml.YAMLError, UnicodeDecodeError):
        return ""
    return str(found.get("name", "")) if isinstance(found, dict) else ""


def _records(store: Store, paths: Sequence[str]) -> list[dict[str, Any]]:
    """Records, without those that were damaged: their units are made again by whoever wants them."""
    found = []
    for path, content in zip(paths, store.read_many(paths), strict=True):
        try:
            record = json_from_bytes(content, store.address(path))
        except StoreError:
            record = None
        if isinstance(record, dict) and {"started", "key"} <= record.keys():
            found.append(record)
        else:
            log.warning("%s is no record: left out of the table of timings", path)
    return found


def _read_all(store: Store, paths: Sequence[str], *needed: str) -> list[dict[str, Any]]:
    """Contents of JSON files that have the keys `needed`; StoreError for one that has not."""
    found = []
    for path, content in zip(paths, store.read_many(paths), strict=True):
        try:
            value = json_from_bytes(content, store.address(path))
        except StoreError:
            value = None
        if not isinstance(value, dict) or not set(needed) <= value.keys():
            raise StoreError(
                f"{store.address(path)} is damaged; remove {store.address(path.rpartition('/')[0])} and run "
                "its sweep again"
            )
        found.append(value)
    return found
