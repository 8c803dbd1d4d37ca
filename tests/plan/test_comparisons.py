"""Which fits are set against each other, and what that changes in a plan."""

from __future__ import annotations

from collections import Counter

import pytest
from test_expand import SMALL, plan

from d2b_ray.errors import PlanError
from d2b_ray.plan import unit_key


def compared(*entries: str, text: str = SMALL, more: tuple[str, ...] = ()):
    """Plan with a list of comparisons."""
    return plan(f"compare=[{', '.join(entries)}]", *more, text=text)


def names(made, subject: str = "S1") -> list[tuple[str, str]]:
    return [tuple(u.place["names"]) for u in made.of("compare") if u.subject == subject]


ONE = ("fits.0.delays={start: 3, end: 5}", "fits.0.reduce=none")


def test_by_one_word_pairs_agree_in_all_others() -> None:
    made = compared("{by: layer}", more=ONE)
    assert names(made) == [
        (f"{level} {model} layer1 TR3-5", f"{level} {model} layer3 TR3-5")
        for model in "AB"
        for level in ("story", "speech")
    ]
    assert names(made) == names(made, "S2")
    assert len(made.of("compare")) == 8


@pytest.mark.parametrize(
    ("by", "pairs"),
    [("annotation", 16), ("model", 16), ("layer", 16), ("delays", 16), ("reduce", 16)],
)
def test_every_axis_can_be_compared(by: str, pairs: int) -> None:
    """32 fits of a subject: two values of each of five axes."""
    assert len(names(compared(f"{{by: {by}}}"))) == pairs


def test_where_narrows_and_against_says_which_comes_second() -> None:
    more = (*ONE, "features.llm.layers=[1, 2, 3]")
    where = "where: {annotation: story, model: [A]}"
    every = names(compared(f"{{by: layer, {where}}}", more=more))
    assert [[n.split()[2] for n in pair] for pair in every] == [
        ["layer1", "layer2"], ["layer1", "layer3"], ["layer2", "layer3"],
    ]  # fmt: skip
    base = names(compared(f"{{by: layer, {where}, against: 2}}", more=more))
    assert [[n.split()[2] for n in pair] for pair in base] == [
        ["layer1", "layer2"], ["layer3", "layer2"],
    ]  # fmt: skip
    assert all(name.startswith("story A") for pair in every for name in pair)


BANDED = SMALL.replace(
    "fits:\n",
    """fits:
  - kind: banded
    bands: {one: {from: llm, annotation: story, model: A, layers: 1},
            two: {from: llm, annotation: speech, model: A, layers: 1}}
    delays: {start: 3, end: 5}
""",
)


def test_a_named_pair_may_be_of_any_two_fits() -> None:
    second = "{kind: ridge, annotation: story, model: A, layer: 1}"
    made = compared(
        f"{{first: {{kind: banded}}, second: {second}, permutations: 7}}",
        text=BANDED,
        more=("fits.1.delays={start: 3, end: 5}", "fits.1.reduce=none"),
    )
    assert names(made) == [("story A layer1 + speech A layer1 TR3-5", "story A layer1 TR3-5")]
    assert {u.params["permutations"] for u in made.of("compare")} == {7}


def test_a_comparison_needs_its_commits_and_keeps_only_their_predictions() -> None:
    made = compared("{by: layer, where: {annotation: story, model: A}}", more=ONE)
    plain = plan(*ONE)
    kept = set()
    for unit in made.of("compare"):
        first, second = (made[key] for key in unit.needs)
        assert (first.kind, first.subject, second.subject) == ("commit", unit.subject, unit.subject)
        assert unit.params == {
            "first": first.key, "second": second.key, "permutations": 1000, "block_trs": 100,
            "seed": 42, "correction": "fdr_bh", "level": 0.05,
        }  # fmt: skip
        assert unit.key == unit_key("compare", unit.params)
        kept |= {first.key, second.key}
    for commit in made.of("commit"):
        assert ("compared" in commit.params["save"]) is (commit.key in kept)
    changed = Counter(u.kind for u in made if u.key not in plain.index)
    assert changed == {"commit": 4, "compare": 2, "gather": 1}
    assert set(made.of("gather")[0].needs) == {
        u.key for k in ("commit", "compare") for u in made.of(k)
    }


def test_saved_predictions_serve_comparisons_that_are_added_later() -> None:
    more = (*ONE, "output.save=[scores, predictions]")
    before, after = plan(*more), compared("{by: layer}", more=more)
    changed = Counter(unit.kind for unit in after if unit.key not in before.index)
    assert changed == {"compare": 8, "gather": 1}


def test_pairs_are_the_same_for_all_subjects_and_named_once() -> None:
    made = compared("{by: layer}", "{by: layer, where: {model: A}}", more=ONE)
    pairs = Counter(unit.place["pair"] for unit in made.of("compare"))
    assert set(pairs.values()) == {2}
    assert len(pairs) == 4


def test_blocks_within_runs_hold_for_comparisons_too() -> None:
    more = ("significance.within_runs=true", "significance.test=none")
    made = compared("{by: layer}", more=more)
    assert all(unit.params["within_runs"] is True for unit in made.of("compare"))


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            "{by: label}",
            (
                "compare.0: no two fits differ in label and agree in all else; there are 8 fits of a "
                "subject: correct by, where or against"
            ),
        ),
        (
            "{by: layer, against: 2}",
            (
                "compare.0: no two fits differ in layer and agree in all else, one of them with 2; "
                "there are 8 fits of a subject: correct by, where or against"
            ),
        ),
        (
            "{first: {annotation: story}, second: {annotation: plot}}",
            (
                "compare.0.first: 4 of the 8 fits of a subject are so; must be one: say more of kind, "
                "annotation, model, layer, label"
            ),
        ),
        (
            "{first: {annotation: story, model: A, layer: 1}, second: {annotation: plot}}",
            (
                "compare.0.second: 0 of the 8 fits of a subject are so; must be one: say more of kind, "
                "annotation, model, layer, label"
            ),
        ),
        (
            (
                "{first: {annotation: story, model: A, layer: 1}, second: {model: A, layer: 1, "
                "annotation: story}}"
            ),
            "compare.0: first and second are the same fit",
        ),
    ],
)
def test_what_finds_no_pair_is_refused(entry: str, line: str) -> None:
    with pytest.raises(PlanError) as caught:
        compared(entry, more=ONE)
    assert str(caught.value) == line
