"""Gathering a store made by hand: tables, figures and a page whose links lead somewhere."""

from __future__ import annotations

import csv
import html.parser
import posixpath
import uuid
from urllib.parse import unquote

import pytest
from report_cases import place_of, summary

from d2b_ray.report.gather import gather
from d2b_ray.report.overview import region_scores
from d2b_ray.store import Layout, Ledger, Record, Store

FITS = [
    {"subject": "DM01", "key": "a1", "layer": 1, "mean_r": 0.1},
    {"subject": "DM01", "key": "a2", "layer": 2, "mean_r": 0.3, "tested": True},
    {"subject": "DM03", "key": "a3", "layer": 1, "mean_r": 0.2, "annotation": "timePlace"},
    {"subject": "DM03", "key": "a4", "layer": 1, "mean_r": 0.05, "reduction": "8PCs"},
    {
        "subject": "DM03",
        "key": "a5",
        "layer": 1,
        "mean_r": 0.04,
        "split": "splitA",
        "label": "b#%? c",
    },
]


DRAWN = {Layout.figure(n, kind) for n in ("layers", "levels", "regions") for kind in ("svg", "csv")}


class Page(html.parser.HTMLParser):
    """Links, pictures, cells and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.cells: list[list[str]] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open, "every tag is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)
        self.targets += [value for name, value in attrs if name in ("href", "src")]
        if tag == "tr":
            self.cells.append([])
        if tag == "td":
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells[-1][-1] += data

    @property
    def paths(self) -> list[str]:
        """Paths in the store that the page points to."""
        folder = posixpath.dirname(Layout.REPORT)
        for target in self.targets:
            assert "?" not in target
            assert "#" not in target
        return [posixpath.normpath(posixpath.join(folder, unquote(t))) for t in self.targets]

    def row(self, *beginning: str) -> list[str]:
        """The only row of cells that begins so."""
        (found,) = [row for row in self.cells if row[: len(beginning)] == list(beginning)]
        return found


def store_fit(store: Store, **fit) -> None:
    """What a commit leaves of a fit, as far as the report looks at it."""
    change = {k: v for k, v in fit.items() if k not in ("key", "mean_r", "tested", "rois")}
    place, found = place_of(**change), summary(**fit)
    assert found["folder"] == place.folder
    store.write_bytes(place.figure, b"png")
    store.write_json(place.summary, found)
    store_record(store, found["fit"])


def store_record(store: Store, key: str, kind: str = "commit", started: float = 5.0) -> None:
    record = Record(
        key=key,
        kind=kind,
        label=f"{kind} {key}",
        params={},
        inputs="0f",
        fingerprints={},
        outputs={},
        versions={},
        host="h",
        device="cpu",
        started=started,
        seconds=1.5,
        bytes=10,
        extra={"fit_seconds": 2.5},
    )
    record.write(store)


def store_failure(store: Store, key: str, label: str = "fit x", message: str = "one") -> None:
    Ledger.write_failure(
        store,
        key=key,
        kind="fit",
        label=label,
        error="FitError",
        message=message,
        traceback="Traceback ...",
        attempts=2,
    )


@pytest.fixture(params=["disk", "memory"])
def store(request, tmp_path):
    url = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4().hex}"
    found = Store(url)
    found.write_bytes(Layout.SWEEP, b"name: x\n")
    found.write_json(Layout.ENVIRONMENT, {})
    return found


@pytest.fixture
def full(store):
    for fit in FITS:
        store_fit(store, **fit)
    return store


def page_of(store: Store) -> Page:
    return Page(store.read_bytes(Layout.REPORT).decode())


def test_tables_figures_and_page_are_written_and_told_with_their_sizes(full):
    before = set(full.list())
    written = gather(full)
    assert set(full.list()) - before == set(written)
    assert set(written) == {
        Layout.FITS,
        Layout.TIMINGS,
        *DRAWN,
        Layout.REPORT,
    }
    assert all(full.size(path) == found.bytes for path, found in written.items())
    for path in DRAWN:
        assert full.read_bytes(path).startswith(
            b"<?xml" if path.endswith("svg") else (b"annotation,", b"roi,")
        )


def test_gathering_twice_gives_the_same_bytes(full):
    first = gather(full)
    assert gather(full) == first


def test_the_table_of_fits_has_a_row_a_summary_whatever_its_suffix(full):
    gather(full)
    rows = full.read_table(Layout.FITS).to_pylist()
    assert {row["fit"]: row["mean_r"] for row in rows} == {f["key"]: f["mean_r"] for f in FITS}


def test_the_table_of_timings_has_a_row_a_record_in_the_order_of_their_start(store):
    for key, started in {"a1": 7.0, "a2": 3.0, "a3": 3.0, "a4": 1.0}.items():
        store_record(store, key, "extract", started)
    gather(store)
    rows = store.read_table(Layout.TIMINGS).to_pylist()
    assert [row["key"] for row in rows] == ["a4", "a2", "a3", "a1"]
    assert {row["kind"] for row in rows} == {"extract"}


def test_without_tables_the_page_is_the_same(full):
    first = gather(full)
    for path in (Layout.FITS, Layout.TIMINGS):
        full.remove(path)
    second = gather(full, tables=False)
    assert second == {p: w for p, w in first.items() if not p.startswith("tables/")}
    assert not full.exists(Layout.FITS)


def test_an_empty_store_gives_empty_tables_and_a_page_without_figures(store):
    written = gather(store)
    assert set(written) == {Layout.FITS, Layout.TIMINGS, Layout.REPORT}
    assert store.read_table(Layout.FITS).num_rows == 0
    page = page_of(store)
    assert "img" not in page.tags
    assert all(store.exists(path) for path in page.paths)


def test_without_regions_there_is_no_figure_of_regions(store):
    store_fit(store, key="a1", rois={})
    assert Layout.figure("regions") not in gather(store)
    assert Layout.figure("regions") not in page_of(store).paths


def test_every_link_leads_to_a_file_of_the_store(full):
    gather(full)
    paths = page_of(full).paths
    assert not [path for path in paths if not full.exists(path)]
    histograms = [path for path in paths if path.startswith("encoding/")]
    assert len(set(histograms)) == len(FITS)
    assert {Layout.SWEEP, Layout.ENVIRONMENT, *DRAWN} <= set(paths)


def test_the_page_lists_the_fits_best_first(full):
    gather(full)
    rows = [row for row in page_of(full).cells if row and row[0].startswith("DM") and len(row) > 10]
    means = [float(row[8]) for row in rows]
    assert means == sorted((fit["mean_r"] for fit in FITS), reverse=True)
    assert page_of(full).row("DM01", "story", "BERT", "2")[11] == "17 of 60"
    assert page_of(full).row("DM01", "story", "BERT", "1")[11] == ""


HOSTILE = "<script>&'\""


def test_what_people_wrote_is_text_and_never_html(store):
    hostile = {"model": f"M{HOSTILE}", "annotation": HOSTILE, "label": HOSTILE}
    store_fit(store, subject=f"S{HOSTILE}", key="a1", **hostile)
    store_failure(store, "f1", label=f"fit {HOSTILE}", message=HOSTILE)
    gather(store)
    page = page_of(store)
    assert "script" not in page.tags
    assert page.row(f"S{HOSTILE}", HOSTILE)[1:3] == [HOSTILE, f"M{HOSTILE}"]
    assert page.row(f"fit {HOSTILE}")[2] == HOSTILE
    assert not [path for path in page.paths if not store.exists(path)]


def test_failures_are_counted_and_listed_with_the_first_line_of_their_message(full):
    store_failure(full, "f1", "fit one", "what is wrong\nand more")
    store_failure(full, "f2", "fit two", "")
    gather(full)
    page = page_of(full)
    assert page.row("fit one") == ["fit one", "FitError", "what is wrong"]
    assert page.row("fit two") == ["fit two", "FitError", ""]
    text = full.read_bytes(Layout.REPORT).decode()
    assert "2 units failed" in text
    assert "--retry-failed" in text


def test_without_failures_the_page_speaks_of_none(full):
    gather(full)
    assert "failed" not in full.read_bytes(Layout.REPORT).decode().split("<body>")[1]


def test_a_failure_beside_a_record_is_void_as_the_ledger_says(full):
    store_failure(full, "a1", "commit a1")
    store_failure(full, "f1", "fit one")
    assert Ledger.read(full).failures() == {"f1"}
    gather(full)
    page = page_of(full)
    assert page.row("fit one")
    assert not [row for row in page.cells if row[:1] == ["commit a1"]]


def test_files_that_only_look_like_summaries_are_left_alone(full):
    folder = place_of(layer=9).folder
    full.write_bytes(f"{folder}/refit.json", b"no json")
    full.write_bytes(f"{folder}/fit.json.bak", b"no json")
    full.write_bytes("encoding/notes.txt", b"mine")
    gather(full)
    assert full.read_table(Layout.FITS).num_rows == len(FITS)


def test_a_region_counts_its_best_layer_of_each_subject():
    summaries = [
        summary("A", layer=1, rois={"x": 0.1, "y": -0.3}),
        summary("A", layer=2, rois={"x": 0.5, "y": -0.2}),
        summary("B", layer=1, rois={"x": 0.3}),
        summary("B", layer=2, rois={"x": 0.2}),
        summary("B", layer=2, annotation="timePlace", rois={"x": 0.7}),
    ]
    expected = {
        ("x", "story", "A"): 0.5, ("x", "story", "B"): 0.3, ("x", "timePlace", "B"): 0.7,
        ("y", "story", "A"): -0.2,
    }  # fmt: skip
    for given in (summaries, summaries[::-1]):
        found = region_scores(given)
        assert {(r["roi"], r["annotation"], r["subject"]): r["mean_r"] for r in found} == expected
    assert region_scores([summary(rois={})]) == region_scores([]) == []


def test_the_numbers_beside_a_figure_are_those_of_the_tables(full):
    gather(full)
    told = csv.DictReader(full.read_bytes(Layout.figure("layers", "csv")).decode().splitlines())
    fits = full.read_table(Layout.FITS).to_pylist()
    table = {(f["subject"], f["annotation"], f["layer"], f["mean_r"]) for f in fits}
    shown = {(r["subject"], r["annotation"], int(r["layer"]), float(r["mean_r"])) for r in told}
    assert shown
    assert shown <= table


def test_a_page_of_tables_removes_the_pictures_of_an_earlier_one_and_nothing_else(full):
    drawn = set(gather(full))
    full.write_bytes("report/mine.svg", b"a figure of one's own")
    left = set(gather(full, pictures=False))
    there = set(full.list("report/"))
    assert there == {Layout.REPORT, "report/mine.svg"}
    assert {path for path in drawn - left if path.startswith("report/")} == DRAWN
    assert not page_of(full).tags.count("svg")
