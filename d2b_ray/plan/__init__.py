"""Which work a sweep is: units with keys, needs and order. Knows no ray, no torch, no disk."""

from d2b_ray.plan.counted import same_null
from d2b_ray.plan.estimate import (
    CPU_CORE,
    GPU,
    Estimate,
    Rates,
    estimate,
    reading_seconds,
    unit_seconds,
)
from d2b_ray.plan.expand import feature_units, make_plan
from d2b_ray.plan.extraction import inputs_of_set, missing_layers, model_input, readings
from d2b_ray.plan.keys import canonical, digest, feature_key, unit_key
from d2b_ray.plan.long import long_fits
from d2b_ray.plan.machines import Machines, machines_of_cluster, machines_of_text
from d2b_ray.plan.measured import measured_factors
from d2b_ray.plan.places import hparams, layer_word, space_words, stimulus
from d2b_ray.plan.shards import by_runs, by_texts, reading_key, run_shards, text_shards
from d2b_ray.plan.units import KINDS, NO_LAYER, RESULTS, Kind, Plan, Unit
from d2b_ray.plan.widths import value_bytes
from d2b_ray.plan.world import FeatureLayer, Sizes, World, text_choice

__all__ = [
    "CPU_CORE",
    "GPU",
    "KINDS",
    "NO_LAYER",
    "RESULTS",
    "Estimate",
    "FeatureLayer",
    "Kind",
    "Machines",
    "Plan",
    "Rates",
    "Sizes",
    "Unit",
    "World",
    "by_runs",
    "by_texts",
    "canonical",
    "digest",
    "estimate",
    "feature_key",
    "feature_units",
    "hparams",
    "inputs_of_set",
    "layer_word",
    "long_fits",
    "machines_of_cluster",
    "machines_of_text",
    "make_plan",
    "measured_factors",
    "missing_layers",
    "model_input",
    "reading_key",
    "reading_seconds",
    "readings",
    "run_shards",
    "same_null",
    "space_words",
    "stimulus",
    "text_choice",
    "text_shards",
    "unit_key",
    "unit_seconds",
    "value_bytes",
]
