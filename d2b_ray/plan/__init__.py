"""Which work a sweep is: units with keys, needs and order. Knows no ray, no torch, no disk."""

from d2b_ray.plan.estimate import (
    CPU_CORE,
    GPU,
    Estimate,
    Rates,
    Sizes,
    estimate,
    value_bytes,
)
from d2b_ray.plan.expand import expand
from d2b_ray.plan.extend import extended, same_null
from d2b_ray.plan.keys import canonical, feature_key, unit_key
from d2b_ray.plan.places import hparams, layer_word, space_words, stimulus
from d2b_ray.plan.shards import by_runs, by_texts, reading, run_shards, sharded, text_shards
from d2b_ray.plan.units import KINDS, NO_LAYER, Kind, Plan, Unit

__all__ = [
    "CPU_CORE",
    "GPU",
    "KINDS",
    "NO_LAYER",
    "Estimate",
    "Kind",
    "Plan",
    "Rates",
    "Sizes",
    "Unit",
    "by_runs",
    "by_texts",
    "canonical",
    "estimate",
    "expand",
    "extended",
    "feature_key",
    "hparams",
    "layer_word",
    "reading",
    "run_shards",
    "same_null",
    "sharded",
    "space_words",
    "stimulus",
    "text_shards",
    "unit_key",
    "value_bytes",
]
