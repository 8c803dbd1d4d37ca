"""Laws of reading a sweep: overrides, round trip, what is refused, what is imported."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from d2b_ray.errors import SpecError
from d2b_ray.spec import Sweep, load, parse, to_yaml

if TYPE_CHECKING:
    from pathlib import Path

SMALL = """\
name: small
dataset: {layout: drama2brain, root: data}
features:
  llm: {modality: semantic, annotation: [story, speech], model: MiniLM, layers: [1, 7]}
fits:
  - {kind: ridge, features: llm, delays: {start: 3, end: 5}, reduce: none}
output: {root: results}
"""


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("name=big", "name: small", "name: big"),
        ("fits.0.reduce.pca=640", "reduce: none", "reduce: {pca: 640}"),
        ("fits.0.reduce={srp: 0.1}", "reduce: none", "reduce: {srp: 0.1}"),
        ("fits.0.delays.start=1", "start: 3", "start: 1"),
        ("features.llm.layers=all", "layers: [1, 7]", "layers: all"),
        ("features.llm.annotation.1=timePlace", "[story, speech]", "[story, timePlace]"),
        ("significance.null=pooled", "fits:", "significance: {null: pooled}\nfits:"),
        ("significance.level=1e-3", "fits:", "significance: {level: 0.001}\nfits:"),
        ("output.root=s3://lab/a=b", "root: results", "root: s3://lab/a=b"),
        ("fits.0.label=", "reduce: none", "reduce: none, label: null"),
        ("preset=drama2brain", "name: small", "name: small\npreset: drama2brain"),
    ],
)
def test_an_override_is_an_edit_of_the_file(override: str, old: str, new: str) -> None:
    edited = SMALL.replace(old, new)
    assert edited != SMALL
    assert parse(SMALL, [override]) == parse(edited)


def test_the_last_override_wins() -> None:
    assert parse(SMALL, ["name=a", "name=b"]).name == "b"


def test_a_file_and_its_text_give_the_same_sweep(tmp_path: Path) -> None:
    path = tmp_path / "a sweep, ü.yaml"
    path.write_text(SMALL, encoding="utf-8")
    assert load(path, ["name=x"]) == parse(SMALL, ["name=x"])


def test_one_value_is_an_axis_of_one() -> None:
    assert parse(SMALL.replace("MiniLM", "[MiniLM]").replace("llm, delays", "[llm], delays")) == (
        parse(SMALL)
    )


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["preset=drama2brain", "fits.0.reduce=[none, {pca: 3}]"],
        ["fits.0.alphas=[1e-3, 10]", "name='1e-3'", "features.llm.model=['1e5', no, ~]"],
        ["fits.0.delays=[{start: 0, end: 0, combine: concat}, {start: 3, end: 5}]"],
        [
            "significance={test: parametric, bootstrap: {level: 0.9}, ceiling: subjects}",
            (
                "compare=[{by: layer, where: {annotation: [a, b]}, against: 3}, {first: {layer: 1}, "
                "second: {kind: banded, label: x}}]"
            ),
        ],
        ["compare={by: model, against: '3'}", "significance.within_runs=true"],
        ["significance.test=none", "output.save=[]", "resources.fit.num_gpus=0.5"],
    ],
)
def test_the_spec_as_run_reads_back_as_the_same_sweep(overrides: list[str]) -> None:
    if any("~" in override for override in overrides):
        overrides = [override.replace("no, ~", "'no', '~'") for override in overrides]
    sweep = parse(SMALL, overrides)
    assert parse(to_yaml(sweep)) == sweep
    assert to_yaml(parse(to_yaml(sweep))) == to_yaml(sweep)


@given(st.lists(st.floats(min_value=1e-300, max_value=1e300), min_size=1))
def test_alphas_survive_the_round_trip_to_the_last_bit(alphas: list[float]) -> None:
    data = yaml.safe_load(SMALL)
    data["fits"][0]["alphas"] = alphas
    sweep = Sweep.model_validate(data)
    assert parse(to_yaml(sweep)).fits[0].alphas.values == tuple(sorted(set(alphas)))


def test_default_alphas_are_the_25_powers_of_ten() -> None:
    values = parse(SMALL).fits[0].alphas.values
    assert values == tuple(float(f"1e{exponent}") for exponent in range(-12, 13))


def test_a_sweep_cannot_be_changed_and_can_be_pickled() -> None:
    sweep = parse(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        sweep.name = "other"  # type: ignore[misc]  # the point of the test
    assert pickle.loads(pickle.dumps(sweep)) == sweep


def test_errors_can_be_pickled() -> None:
    with pytest.raises(SpecError) as caught:
        parse(SMALL, ["name=3"])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_spec_and_plan_load_nothing_heavy() -> None:
    code = (
        "import sys, d2b_ray.spec, d2b_ray.plan\n"
        "heavy = {'ray', 'torch', 'numpy', 'transformers', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
