"""Units that are done correct the estimate of those that are left."""

from __future__ import annotations

import pytest
from test_estimate import FACTS, plan

from d2b_ray.plan import GPU, estimate, feature_key, measured_factors
from d2b_ray.plan.estimate import unit_seconds

FOUR = ("fits.0.reduce=[none, {pca: 8}]",)  # two layers, two reductions, two subjects: 8 fits


def records(made, fit_s, commit_s, *, device="cpu", drew=False, count=None):
    return [
        {
            "key": unit.key, "seconds": commit_s(unit), "device": "cpu",
            "extra": {
                "fit_seconds": fit_s(made[unit.params["fit"]]), "fit_device": device, "fit_drew": drew,
            },
        }
        for unit in made.of("commit")[:count]
    ]  # fmt: skip


def test_twice_as_long_is_a_factor_of_two():
    made = plan(*FOUR)
    kinds = {
        "fit_s": lambda unit: 2.0 * unit_seconds(made, unit, FACTS),
        "commit_s": lambda unit: 0.5 * unit_seconds(made, unit, FACTS),
    }
    found = measured_factors(made, FACTS, records(made, **kinds, count=4))
    assert found == {"fit": pytest.approx(2.0), "commit": pytest.approx(0.5)}
    plain = {e.kind: e.seconds for e in estimate(made, FACTS)}
    told = {e.kind: e.seconds for e in estimate(made, FACTS, factors=found)}
    assert told["fit"] == pytest.approx(2 * plain["fit"])
    assert told["null"] == plain["null"]


def test_few_units_or_another_device_tell_nothing():
    made = plan(*FOUR)
    same = {"fit_s": lambda unit: 1.0, "commit_s": lambda unit: 1.0}
    assert measured_factors(made, FACTS, records(made, **same, count=2)) == {}
    on_gpu = records(made, **same, device="cuda")
    assert "fit" not in measured_factors(made, FACTS, on_gpu)
    assert measured_factors(made, FACTS, on_gpu, GPU, "cuda").keys() == {"fit"}


def test_nulls_drawn_with_a_fit_are_in_its_seconds():
    made = plan(*FOUR)
    nulls = {
        unit.params["fit"]: [n for n in unit.needs if made[n].kind == "null"]
        for unit in made.of("commit")
    }

    def both(unit):
        parts = [unit, *(made[need] for need in nulls[unit.key])]
        return 3.0 * sum(unit_seconds(made, part, FACTS, GPU) for part in parts)

    given = records(made, both, lambda unit: 1.0, device="cuda", drew=True)
    found = measured_factors(made, FACTS, given, GPU, "cuda")
    assert found == {"fit": pytest.approx(3.0), "null": pytest.approx(3.0)}


def test_extraction_is_taken_with_its_shards():
    made = plan("features.llm.annotation=[story, speechTranscription, timePlace]")
    shards = {
        u.key: [made[n] for n in u.needs if made[n].kind == "shard"] for u in made.of("extract")
    }
    given = [
        {
            "key": feature_key(unit.params, layer), "device": "cpu",
            "seconds": 4.0 * sum(unit_seconds(made, u, FACTS) for u in [unit, *shards[unit.key]]),
        }
        for unit in made.of("extract")
        for layer in unit.layers
    ]  # fmt: skip
    found = measured_factors(made, FACTS, given)
    assert found == {"shard": pytest.approx(4.0), "extract": pytest.approx(4.0)}
    assert measured_factors(made, FACTS, given[:-2]) == {}  # the third is not whole
