"""Laws of a plan: what changes keys and what does not, order, repeats, clashes."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter

import pytest
from steps import calls_of
from worlds import plan_of

from d2b_ray.errors import PlanError
from d2b_ray.plan import Plan, feature_key, unit_key
from d2b_ray.spec import parse

SMALL = """\
name: small
dataset: {layout: drama2brain, root: data, subjects: [S1, S2]}
features:
  llm: {modality: semantic, annotation: [story, speech], model: [A, B], layers: [1, 3]}
fits:
  - {kind: ridge, features: llm, delays: [{start: 3, end: 5}, {start: 0, end: 0}],
     reduce: [none, {pca: 2}]}
output: {root: results}
"""
SUBJECTS = ("S1", "S2", "S3")


def plan(*overrides: str, text: str = SMALL) -> Plan:
    return plan_of(parse(text, overrides), SUBJECTS, layers=4)


def keys(made: Plan) -> set[str]:
    return {unit.key for unit in made}


def test_counts_are_the_products_of_the_axes() -> None:
    cells = 2 * 2 * 2 * 2 * 2  # annotation, model, layers, delays, reduce
    assert Counter(unit.kind for unit in plan()) == {
        "extract": 4,
        "design": cells,
        "factorize": cells,
        "fit": 2 * cells,
        "null": 6 * 2 * cells,
        "commit": 2 * cells,
        "gather": 1,
    }


def test_needs_stand_before_their_users_and_keys_are_those_of_kind_and_params() -> None:
    made = plan()
    seen: set[str] = set()
    for unit in made:
        assert set(unit.needs) <= seen
        assert unit.key == unit_key(unit.kind, unit.params)
        assert unit.key not in seen
        seen.add(unit.key)
    assert made.index.keys() == seen


@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "dataset.root=/elsewhere",
        "output.root=s3://bucket/x",
        "output.features=s3://bucket/f",
        "resources.extract.batch_tokens=99",
        "resources.extract.num_gpus=1",
        "resources.fit.memory_budget_mb=9",
        "resources.fit.num_cpus=3",
        "resources.permute.num_cpus=2",
        "features.llm.model=[B, A]",
        "features.llm.annotation=[speech, story]",
        "features.llm.layers=[3, 1, 3]",
        "fits.0.delays=[{start: 0, end: 0}, {start: 3, end: 5}]",
        "fits.0.reduce=[{pca: 2}, none]",
        "dataset.subjects=[S2, S1]",
        "output.save=[pvalues, scores]",
        "fits.0.alphas={count: 25}",
    ],
)
def test_where_how_and_in_which_order_changes_no_key(override: str) -> None:
    assert keys(plan(override)) == keys(plan())


@pytest.mark.parametrize(
    ("override", "kinds"),
    [
        ("features.llm.join=sorted", "extract design factorize fit null commit gather"),
        ("features.llm.dtype=float16", "extract design factorize fit null commit gather"),
        ("dataset.split=splitA", "design factorize fit null commit gather"),
        ("fits.0.solver=ridge", "factorize fit null commit gather"),
        ("fits.0.alphas=[1]", "fit null commit gather"),
        ("significance.seed=1", "null commit gather"),
        ("significance.block_trs=1", "null commit gather"),
        ("significance.within_runs=true", "null commit gather"),
        ("significance.level=0.01", "commit gather"),
        ("significance.rule=drama2brain", "commit gather"),
        ("output.save=[scores, pvalues, coef]", "commit gather"),
        ("fits.0.label=again", "commit gather"),
        ("resources.permute.block=100", "null"),
    ],
)
def test_a_change_reaches_exactly_what_depends_on_it(override: str, kinds: str) -> None:
    before, after = plan(), plan(override)
    changed = {unit.kind for unit in after if unit.key not in before.index}
    kept = {unit.kind for unit in after if unit.key in before.index}
    assert changed == set(kinds.split())
    assert not changed & kept


@pytest.mark.parametrize(
    ("override", "fits"),
    [
        ("dataset.subjects=all", 32),
        ("features.llm.annotation=[story, speech, timePlace]", 32),
        ("features.llm.layers=[1, 2, 3]", 32),
        ("fits.0.reduce=[none, {pca: 2}, {pca: 3}]", 32),
    ],
)
def test_adding_a_cell_adds_only_that_cell(override: str, fits: int) -> None:
    before, after = plan(), plan(override)
    without_gather = {unit.key for unit in before if unit.kind != "gather"}
    assert without_gather <= keys(after)
    added = Counter(unit.kind for unit in after if unit.key not in before.index)
    assert added["fit"] == added["commit"] == fits
    if "subjects" in override:
        assert set(added) == {"fit", "null", "commit", "gather"}
        assert {u.subject for u in after if u.key not in before.index} == {"S3", None}
    if "layers" in override:
        assert added["extract"] == 0


def test_an_extract_unit_wants_the_layers_of_all_fits() -> None:
    text = SMALL.replace(
        "fits:\n",
        "  more: {modality: semantic, annotation: story, model: A, layers: [4, 3]}\nfits:\n"
        "  - {kind: ridge, features: more, delays: {start: 3, end: 5}, label: x}\n",
    )
    wanted = {(u.params["annotation"], u.model): u.layers for u in plan(text=text).of("extract")}
    assert wanted[("story", "A")] == (1, 3, 4)
    assert wanted[("story", "B")] == (1, 3)


def test_repeats_are_removed_and_counted() -> None:
    text = SMALL.replace("features: llm,", "features: [llm, llm],")
    assert keys(plan(text=text)) == keys(plan())
    assert plan(text=text).repeats == 64
    assert plan().repeats == 0


def test_fits_that_differ_only_in_their_label_share_all_but_the_commit() -> None:
    text = SMALL.replace(
        "output:",
        "  - {kind: ridge, features: llm, delays: {start: 3, end: 5}, label: again}\noutput:",
    )
    before = plan().index
    added = Counter(u.kind for u in plan(text=text) if u.key not in before)
    assert added == {"commit": 16, "gather": 1}


def test_without_a_test_there_is_no_null_and_its_options_mean_nothing() -> None:
    made = plan("significance.test=none")
    assert made.of("null") == ()
    assert keys(made) == keys(plan("significance.test=none", "significance.seed=7"))


def test_a_parametric_test_has_no_null_and_only_its_own_options_count() -> None:
    made = plan("significance.test=parametric")
    assert made.of("null") == ()
    for unused in ("seed=7", "block_trs=99", "permutations=5", "null=pooled", "rule=drama2brain"):
        assert keys(made) == keys(plan("significance.test=parametric", f"significance.{unused}"))
    assert keys(made) != keys(plan("significance.test=parametric", "significance.level=0.01"))


def test_runs_confine_blocks_only_where_it_is_asked_and_only_then_keys_say_so() -> None:
    assert not any("within_runs" in unit.params for unit in plan())
    made = plan("significance.within_runs=true")
    assert all(unit.params["within_runs"] is True for unit in made.of("null"))
    assert all(unit.params["significance"]["within_runs"] is True for unit in made.of("commit"))


def test_a_bootstrap_is_a_unit_a_fit_that_its_commit_needs_and_nothing_else_changes() -> None:
    before, after = plan(), plan("significance.bootstrap.samples=50")
    changed = Counter(unit.kind for unit in after if unit.key not in before.index)
    assert changed == {"bootstrap": 64, "commit": 64, "gather": 1}
    for commit in after.of("commit"):
        unit = after[commit.needs[-1]]
        assert (unit.kind, unit.needs) == ("bootstrap", (commit.params["fit"],))
        assert unit.params == {
            "fit": commit.params["fit"], "samples": 50, "block_trs": 100, "level": 0.95, "seed": 42,
        }  # fmt: skip
    confined = plan("significance.bootstrap={}", "significance.test=none",
                    "significance.within_runs=true")  # fmt: skip
    assert all(unit.params["within_runs"] is True for unit in confined.of("bootstrap"))


def test_a_ceiling_is_a_unit_a_subject_that_all_its_commits_need() -> None:
    made = plan("significance.ceiling=subjects", "dataset.subjects=all")
    ceilings = {unit.subject: unit for unit in made.of("ceiling")}
    assert set(ceilings) == set(SUBJECTS)
    assert ceilings["S2"].params == {"subject": "S2", "others": ["S1", "S3"], "split": "all"}
    for commit in made.of("commit"):
        assert commit.needs[-1] == ceilings[commit.subject].key
    turned = plan("significance.ceiling=subjects", "dataset.subjects=[S3, S2, S1]")
    assert keys(turned) == keys(made)


def test_a_banded_fit_keeps_what_intervals_of_unique_variance_take() -> None:
    text = SMALL.replace(
        "fits:\n",
        """fits:
  - kind: banded
    bands: {one: {from: llm, annotation: story, model: A, layers: 1},
            two: {from: llm, annotation: speech, model: A, layers: 1}}
    delays: {start: 3, end: 5}
    unique: true
""",
    )
    for overrides, kept in [((), False), (("significance.bootstrap={}",), True)]:
        fit = plan(*overrides, text=text).of("fit")[0]
        assert fit.params["unique"] is True
        assert fit.params.get("without", False) is kept
    plain = plan("significance.bootstrap={}", "fits.0.unique=false", text=text)
    assert not any("without" in unit.params for unit in plain.of("fit"))


def test_himalaya_makes_its_own_factorization() -> None:
    made = plan("fits.0.solver=himalaya")
    assert made.of("factorize") == ()
    assert all(len(unit.needs) == 1 for unit in made.of("fit"))


@pytest.mark.parametrize(("permutations", "block"), [(1000, 250), (7, 3), (5, 100), (1, 1)])
@pytest.mark.parametrize("voxels", [88_000, 30_000, 1_000_000])
def test_null_tasks_tile_permutations_and_voxels_and_leave_no_trace_in_the_commit(
    permutations: int, block: int, voxels: int
) -> None:
    set_count = f"significance.permutations={permutations}"
    size = f"resources.permute.voxels={voxels}"
    made = plan(set_count, f"resources.permute.block={block}", size)
    commit = made.of("commit")[0]
    nulls = [made[key].params for key in commit.needs[1:]]
    columns: dict[tuple[int, int], list[int]] = {}
    for params in nulls:
        assert params["stop"] - params["start"] <= block
        tile = columns.setdefault((params["start"], params["stop"]), [])
        first, end = params.get("voxels", (0, 88_000))
        assert end - first <= voxels
        tile += range(first, end)
    assert [i for start, stop in columns for i in range(start, stop)] == list(range(permutations))
    assert all(tile == list(range(88_000)) for tile in columns.values())
    assert commit.key == plan(set_count).of("commit")[0].key


def test_a_pooled_null_is_not_split_over_voxels() -> None:
    made = plan("significance.null=pooled", "resources.permute.voxels=100")
    assert all("voxels" not in unit.params for unit in made.of("null"))


def test_models_stay_together_and_designs_are_used_at_once() -> None:
    made = plan()
    models = [unit.model for unit in made if unit.model is not None]
    assert models == sorted(models)
    fits = [unit.params["design"] for unit in made.of("fit")]
    assert len(set(fits)) == 1 + sum(a != b for a, b in itertools.pairwise(fits))


def test_a_commit_knows_its_place() -> None:
    assert plan().of("commit")[0].place == {
        "subject": "S1",
        "start_s": 3,
        "end_s": 5,
        "modality": "semantic",
        "hparams": ["story", "cw1", "avgToken", "ALL"],
        "model": "A",
        "layer": 1,
        "reduce": None,
        "split": "all",
        "label": None,
    }


def test_equal_sweeps_give_equal_plans_that_travel() -> None:
    assert plan() == plan()
    assert pickle.loads(pickle.dumps(plan())) == plan()


def test_two_fits_with_the_same_files_are_refused() -> None:
    text = SMALL.replace(
        "output:",
        "  - {kind: ridge, features: llm, delays: {start: 3, end: 5}, solver: himalaya}\noutput:",
    )
    with pytest.raises(PlanError) as caught:
        plan(text=text)
    assert str(caught.value) == (
        "fits.0 and fits.1: both would write the files of story_cw1_avgToken_ALL A layer1 TR3-5, "
        "but differ in solver (auto and himalaya); give one of two entries of fits a `label`"
    )
    plan("fits.1.label=slow", text=text)


def test_two_delays_with_the_same_files_are_refused() -> None:
    delays = "fits.0.delays=[{start: 3, end: 5}, {start: 3, end: 5, combine: concat}]"
    with pytest.raises(PlanError, match=r"fits\.0 and fits\.0: .*combine mean.*`label`"):
        plan(delays)


def test_two_feature_sets_with_the_same_folder_are_refused() -> None:
    text = SMALL.replace(
        "fits:\n",
        "  half: {modality: semantic, annotation: story, model: A, dtype: float16}\nfits:\n",
    ).replace("features: llm,", "features: [llm, half],")
    with pytest.raises(PlanError, match=r"features: two sets .* dtype \(float32 and float16\)"):
        plan(text=text)


def test_a_layer_beyond_the_model_is_refused() -> None:
    with pytest.raises(PlanError) as caught:
        plan("features.llm.layers=[1, 9]")
    assert str(caught.value) == (
        "features.llm.layers: A has no layer 9; allowed: 1 to 4 (1 = embeddings)"
    )


def test_an_unknown_subject_is_refused() -> None:
    with pytest.raises(PlanError) as caught:
        plan("dataset.subjects=[S1, S9]")
    assert str(caught.value) == ("dataset.subjects: the data set has no S9; allowed: S1, S2, S3")


def test_four_times_as_many_units_take_four_times_the_steps() -> None:
    """Ten thousand take 0.7 s."""

    def steps(models: str, at_least: int) -> int:
        sweep = parse(
            SMALL,
            ["features.llm.layers=all", f"features.llm.model=[{models}]", "dataset.subjects=all",
             "resources.permute.voxels=25000"],
        )  # fmt: skip
        sizes: list[int] = []
        made = calls_of(lambda: sizes.append(len(plan_of(sweep, SUBJECTS, layers=18))))
        assert sizes[0] > at_least
        return made

    assert steps("A, B, C, D", 10_000) < 6 * steps("A", 2_500)


def test_a_feature_key_is_of_the_set_and_the_layer() -> None:
    params = plan().of("extract")[0].params
    assert len({feature_key(params, 1), feature_key(params, 2), unit_key("extract", params)}) == 3
