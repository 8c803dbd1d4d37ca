"""Against drama2brain's own outputs: four kinds of model, windows, halves, flat tokens, missing cells."""

from __future__ import annotations

import numpy as np
import pytest
from text_cases import GOLDEN, captions_of_files, case, extract, load

RTOL, ATOL = 1e-4, 2e-5  # of the golden cases: float32 sums in another order

KINDS = ("bert", "gpt2", "llama", "opt")
RUNS = [
    pytest.param(f"text_{kind}", run, id=f"{kind}-{run['folder'].removeprefix('out/')}")
    for kind in KINDS
    for run in case(f"text_{kind}")[1]["runs"]
]


def golden(name, run):
    return {n: np.load(GOLDEN / name / run["folder"] / f"layer{n}.npy") for n in (1, 2, 3)}


def check(found, expected):
    for layer, rows in expected.items():
        assert found[layer].dtype == np.float32
        np.testing.assert_allclose(found[layer], rows, rtol=RTOL, atol=ATOL)
        zero = ~rows.any(axis=1)
        assert not found[layer][zero].any()


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_equals_drama2brain(name, run):
    """From the caption files on: what is read of them is half of what can go wrong."""
    folder, level = case(name)[0], run["annot_type"]
    captions = {k: rows for k, rows in captions_of_files(name).items() if k.endswith(f"|{level}")}
    if run["avg_token"]:
        captions = {f"{run['movie']}|{level}": captions[f"{run['movie']}|{level}"]}
    else:  # padded to the longest text over both movies of the flat folder
        captions = {key: rows for key, rows in captions.items() if key.startswith("Glee")}
    found = extract(
        load(str(folder / run["model_dir"])),
        captions,
        window=run["n_windows"],
        annotators=run["part"] or "ALL",
        join="sorted",
        tokens="avg" if run["avg_token"] else "flat",
        batch_tokens=200,
    )
    check(found[f"{run['movie']}|{level}"], golden(name, run))


@pytest.mark.parametrize("name", [f"text_{kind}" for kind in KINDS])
def test_caption_files_are_read_as_drama2brain_reads_them(name):
    """By pandas, quotes included: a fifth of these cells is in quotes."""
    assert captions_of_files(name) == {k: v for k, v in case(name)[2].items() if "|" in k}
    quoted = sum(path.read_text().count('"') for path in (GOLDEN / name).glob("captions*/*.txt"))
    assert quoted > 20


@pytest.mark.parametrize(
    "run", case("text_missing_cells")[1]["runs"], ids=lambda run: run["folder"]
)
def test_missing_cells_read_as_nan_texts(run, bert):
    """drama2brain embeds the three letters that its table reader made of an empty cell."""
    rows = [
        ["nan" if c is None else c for c in row]
        for row in case("text_missing_cells")[2]["SUITS_002"]
    ]
    found = extract(bert, {"SUITS_002": rows}, window=run["n_windows"], join="sorted")
    check(found["SUITS_002"], golden("text_missing_cells", run))


def test_missing_cells_say_nothing_here(bert):
    """d2b_ray reads an empty cell as `..`, in either join: a deliberate difference."""
    cells = case("text_missing_cells")[2]["SUITS_002"]
    empty = [["" if c is None else c for c in row] for row in cells]
    dots = [[".." if c is None else c for c in row] for row in cells]
    for join in ("time", "sorted"):
        found = extract(bert, {"a": empty, "b": dots}, window=3, join=join)
        np.testing.assert_array_equal(found["a"][3], found["b"][3])
