"""What a person reads after a typical mistake: whole lines compared."""

from __future__ import annotations

import pytest
import yaml

from d2b_ray.errors import SpecError
from d2b_ray.spec import load, parse
from d2b_ray.spec.document import parse as parse_document

SMALL = """\
name: small
dataset: {layout: drama2brain, root: data}
features:
  llm:
    modality: semantic
    annotation: story
    model: MiniLM
fits:
  - kind: ridge
    features: llm
    delays:
      start: 3
      end: 5
output: {root: results}
"""


def message(text: str, *overrides: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse(text, overrides, name="sweep.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "start: 3",
            "start: -1",
            "sweep.yaml:12: fits.0.delays.start: got -1; must be a number >= 0",
        ),
        (
            "start: 3",
            "start: three",
            'sweep.yaml:12: fits.0.delays.start: got "three"; must be a number >= 0',
        ),
        (
            "start: 3",
            "start: 7",
            (
                'sweep.yaml:11: fits.0.delays: got {"start": 7, "end": 5}; '
                "must be a range with start <= end"
            ),
        ),
        (
            "layout: drama2brain",
            "layout: drama2brian",
            (
                'sweep.yaml:2: dataset.layout: got "drama2brian"; must be one of: drama2brain, arrays, '
                "openneuro, bids"
            ),
        ),
        (
            "annotation: story",
            "annotations: story",
            (
                "sweep.yaml:4: features.llm.annotation: missing; must be text of letters, digits, "
                "'_', '-' and '.', beginning with a letter or digit\n"
                "sweep.yaml:6: features.llm.annotations: unknown key; did you mean annotation?"
            ),
        ),
        (
            "model: MiniLM",
            "model: []",
            (
                "sweep.yaml:7: features.llm.model: got []; must be a value or a list of values, "
                "not empty"
            ),
        ),
        (
            "model: MiniLM",
            "model: MiniLM\n    layers: [1, 0]",
            (
                "sweep.yaml:8: features.llm.layers: got [1, 0]; must be all, or an integer >= 1 "
                "(1 = embeddings), or a list of them"
            ),
        ),
        (
            "model: MiniLM",
            "model: MiniLM\n    window: [1, '2']",
            'sweep.yaml:8: features.llm.window.1: got "2"; must be an integer >= 1',
        ),
        (
            "kind: ridge",
            "kind: lasso\n    bands: {}",
            'sweep.yaml:9: fits.0.kind: got "lasso"; must be one of: ridge, banded',
        ),
        (
            "features: llm",
            "features: [llm, lm]",
            'sweep.yaml:10: fits.0.features: got "lm"; must be the name of a feature block: llm',
        ),
        (
            "kind: ridge",
            "kind: ridge\n    reduce: pca",
            (
                'sweep.yaml:10: fits.0.reduce: got "pca"; must be none, {pca: components} or '
                "{srp: eps}"
            ),
        ),
        (
            "kind: ridge",
            "kind: ridge\n    reduce: {pca: 3, srp: 0.1}",
            (
                'sweep.yaml:10: fits.0.reduce: got {"pca": 3, "srp": 0.1}; must be none, '
                "{pca: components} or {srp: eps}"
            ),
        ),
        (
            "kind: ridge",
            "kind: ridge\n    alphas: [1, -1]",
            "sweep.yaml:10: fits.0.alphas: got [1, -1]; must be a list of numbers > 0",
        ),
        (
            "output: {root: results}",
            "output: {}",
            "sweep.yaml:14: output.root: missing; must be a folder or a URL",
        ),
        (
            "output: {root: results}",
            "output: results",
            'sweep.yaml:14: output: got "results"; must be a mapping of keys',
        ),
        (
            "output: {root: results}",
            "output: {root: a, save: [score]}",
            (
                'sweep.yaml:14: output.save: got ["score"]; must be a list of: scores, pvalues, '
                "coef, predictions, alphas"
            ),
        ),
        (
            "output: {root: results}",
            "output: {root: a}\nsignificance: {null: each}",
            'sweep.yaml:15: significance.null: got "each"; must be one of: voxel, pooled',
        ),
        (
            "output: {root: results}",
            "output: {root: a}\nsignificance: {test: parametric, correction: max}",
            (
                'sweep.yaml:15: significance.correction: got "max"; must be fdr_bh or fdr_by where '
                "test is parametric (max needs permutations)"
            ),
        ),
        (
            "output: {root: results}",
            "output: {root: a}\nsignificance: {test: gauss, within_runs: true}",
            (
                "sweep.yaml:15: significance.within_runs: got true; must be false where no blocks "
                "are drawn (test is gauss)"
            ),
        ),
        (
            "output: {root: results}",
            "output: {root: a}\ncompare: [{by: layer, first: {layer: 1}}]",
            (
                'sweep.yaml:15: compare.0: got {"by": "layer", "first": {"layer": 1}}; must be by '
                "(with where and against, if you like), or first and second"
            ),
        ),
        (
            "output: {root: results}",
            "output: {root: a}\ncompare: [{by: layers}]",
            (
                'sweep.yaml:15: compare.0.by: got "layers"; must be one of: annotation, model, '
                "layer, delays, reduce, label"
            ),
        ),
        (
            "output: {root: results}",
            "output: {root: a}\ncompare: [{by: layer, where: {layers: 3}}]",
            "sweep.yaml:15: compare.0.where.layers: unknown key; did you mean layer?",
        ),
        (
            "output: {root: results}",
            "output: {root: a}\ncompare: layer",
            'sweep.yaml:15: compare: got "layer"; must be a mapping of keys',
        ),
        (
            "name: small",
            "name: small\nname: big",
            "sweep.yaml:2: name: stands twice (first in line 1); keep one",
        ),
        ("name: small", "name: ../up", None),
        ("name: small", "name: [", None),
    ],
)
def test_a_mistake_is_one_line(old: str, new: str, line: str | None) -> None:
    text = message(SMALL.replace(old, new))
    if line is None:
        assert text.count("\n") == 0
        assert text.startswith("sweep.yaml")
    else:
        assert text == line


def test_all_problems_are_told_at_once() -> None:
    text = message(SMALL.replace("start: 3", "start: x").replace("MiniLM", "3"), "name=null")
    assert [line.split(": ")[1] for line in text.splitlines()] == [
        "name",
        "features.llm.model",
        "fits.0.delays.start",
    ]


def test_an_override_is_named_as_the_origin() -> None:
    assert message(SMALL, "fits.0.delays.start=-1") == (
        "sweep.yaml (--set): fits.0.delays.start: got -1; must be a number >= 0"
    )
    assert message(SMALL, "significanse.seed=1") == (
        "sweep.yaml (--set): significanse: unknown key; did you mean significance?"
    )


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("name", "--set name: must be KEY=VALUE, as in fits.0.reduce.pca=640"),
        ("a..b=1", "--set a..b=1: must be KEY=VALUE, as in fits.0.reduce.pca=640"),
        (
            "fits.delays.start=1",
            (
                "sweep.yaml (--set): fits.delays: fits is a list; "
                "must be the number of an entry, 0 to 0"
            ),
        ),
        (
            "fits.1.label=x",
            "sweep.yaml (--set): fits.1: fits is a list; must be the number of an entry, 0 to 0",
        ),
    ],
)
def test_an_override_without_a_place_is_refused(override: str, line: str) -> None:
    assert message(SMALL, override) == line


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "- 1\n", "3\n", "a: &a [*a]\n", "x: !!python/name:os.system\n"]
)
def test_what_is_no_sweep_is_refused_with_its_name(text: str) -> None:
    assert message(text).startswith("sweep.yaml")


def test_aliases_cannot_blow_up() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 9):
        rows.append(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]")
    assert (
        message("\n".join(rows))
        == "sweep.yaml: too large, or nested without end; a sweep has at most 20,000 values, 50 deep"
    )


def test_a_missing_file_is_told() -> None:
    with pytest.raises(SpecError, match=r"^no/such\.yaml: cannot be read: No such file"):
        load("no/such.yaml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: !!int x", "sweep.yaml:1: not YAML: 'x' is no int; put text in quotes"),
        ("name: !!bool x", "sweep.yaml:1: not YAML: 'x' is no bool; put text in quotes"),
        ("a: 1\nname: 2001-13-45", "sweep.yaml:2: not YAML: '2001-13-45' is no timestamp"),
        ("name: " + "9" * 5000, "sweep.yaml:1: not YAML: '" + "9" * 40 + "...' is no int"),
        ("a: " + "[" * 2000, "sweep.yaml: too large, or nested without end"),
        ("\n".join(f"k{n}: {n}" for n in range(30_000)), "sweep.yaml: too large, or nested"),
        ("? [a, b]\n: 1", "sweep.yaml"),
    ],
    ids=["int", "bool", "timestamp", "digits", "deep", "long", "key"],
)
def test_what_python_cannot_build_is_one_line(text, line):
    with pytest.raises(SpecError) as caught:
        parse(text, name="sweep.yaml")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value) or "unknown key" in str(caught.value)


def test_merges_of_merges_do_not_double_without_end():
    lines = ["a: &a {x: 1}", "b0: &b0 {<<: [*a, *a]}"]
    lines += [f"b{n}: &b{n} {{<<: [*b{n - 1}, *b{n - 1}]}}" for n in range(1, 40)]
    with pytest.raises(SpecError, match="unknown key"):
        parse("\n".join(lines), name="bomb.yaml")


def test_merged_keys_are_those_of_yaml():
    """What stands in the mapping itself wins, then what is named first."""
    blocks = "{x: &x {start: 1, end: 9}, y: &y {start: 2, end: 8}, z: {<<: [*x, *y], end: 7}}"
    assert (
        parse_document(blocks, "sweep").data["z"]
        == yaml.safe_load(blocks)["z"]
        == {"start": 1, "end": 7}
    )


@pytest.mark.parametrize("text", ["1.5e3", "1e-3", ".5e1", "-2.e+2", "15E2"])
def test_numbers_with_an_exponent_are_numbers(text):
    assert parse_document(f"a: {text}", "sweep").data == {"a": float(text)}


@pytest.mark.parametrize(
    "override",
    [
        "significance.permutations=1000000000", "fits.0.alphas={count: 100000000}",
        "significance.bootstrap={samples: 10000001}",
    ],
)  # fmt: skip
def test_numbers_that_would_fill_the_memory_are_refused(override):
    with pytest.raises(SpecError, match="must be an integer from 1 to 1,000"):
        parse(SMALL, [override])


def test_a_band_without_its_block_is_told_as_it_is_written():
    bands = (
        "fits.0={kind: banded, bands: {a: {layers: 1}, b: {from: llm}}, delays: {start: 3, end: 5}}"
    )
    with pytest.raises(
        SpecError, match=r"bands\.a\.from: missing; must be the name of a feature block"
    ):
        parse(SMALL, [bands])


def test_unquoted_subjects_of_digits_are_told_to_be_quoted():
    with pytest.raises(SpecError, match="names of digits in quotes"):
        parse(SMALL, ["dataset.subjects=[01, 02]"])
