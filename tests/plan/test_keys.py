"""Keys as literals. If one changes, every store must be computed again: think twice."""

from __future__ import annotations

import pytest
from worlds import plan_of

from d2b_ray.plan import canonical, feature_key
from d2b_ray.spec import parse

SWEEP = """\
name: pinned
dataset: {layout: drama2brain, root: data, subjects: [DM01]}
features:
  llm: {modality: semantic, annotation: story, model: MiniLM, layers: 7}
fits:
  - {kind: ridge, features: llm, delays: {start: 3, end: 5, combine: mean}, reduce: {pca: 640}}
output: {root: results}
"""
AS_BLOCKS_ARE = ("significance.block_trs=10", "significance.autocorrelation=blocks")
PINNED = {  # with intercept: none, as all fits once were
    "extract story MiniLM semantic": "5af93f8a44bb9b6e5e4451375fa2ed01",
    "design story MiniLM layer7 TR3-5 pca 640": "e1da9cbe4069f9a6226895977f7ef987",
    "factorize story MiniLM layer7 TR3-5 pca 640": "173830d7f98f35d9238d4e4326f2c0cf",
    "fit DM01 story MiniLM layer7 TR3-5 pca 640": "0199792de761aeb327efc5e91a6f0276",
    "null DM01 story MiniLM layer7 TR3-5 pca 640 0-250": "afc13cc4b46a4dddf233f31cdac5f877",
    "null DM01 story MiniLM layer7 TR3-5 pca 640 250-500": "590b4305b5884c5ae38be38a5b181fd1",
    "null DM01 story MiniLM layer7 TR3-5 pca 640 500-750": "3c21ae31bc1eb13e7722a1216e7af3d2",
    "null DM01 story MiniLM layer7 TR3-5 pca 640 750-1000": "8e9d01675d54eac087cbb8ed3e35b2d0",
    "commit DM01 story MiniLM layer7 TR3-5 pca 640": "c45fae7a3564b6648b48fb75a8c492fe",
    "gather pinned": "b5f4d0059e5fce71b1dae6874108b0c0",
}


WITH_INTERCEPT = {
    "factorize story MiniLM layer7 TR3-5 pca 640": "75b604cb4e57e05dcae8b2622018e229",
    "fit DM01 story MiniLM layer7 TR3-5 pca 640": "c6151283824a4aea54433ea71cceb247",
    "null DM01 story MiniLM layer7 TR3-5 pca 640 0-250": "0e463a487e11def7d649e388fc255fca",
    "null DM01 story MiniLM layer7 TR3-5 pca 640 250-500": "57a0ddc41077bd99d670c757a479a1b6",
    "null DM01 story MiniLM layer7 TR3-5 pca 640 500-750": "4db66102a56b72c46ef3d0ef25515c7c",
    "null DM01 story MiniLM layer7 TR3-5 pca 640 750-1000": "726f1cd375792874219528d2044431eb",
    "commit DM01 story MiniLM layer7 TR3-5 pca 640": "10efa82983b0ba67247247ed87c63beb",
    "gather pinned": "f518ef09f923a5ed8a82c2b7f0155708",
}


@pytest.mark.parametrize(
    ("override", "pinned"),
    [("fits.0.intercept=none", PINNED), ("fits.0.intercept=fold", PINNED | WITH_INTERCEPT)],
)
def test_keys_of_units_are_pinned(override, pinned) -> None:
    whole = ("resources.permute.block=250", "resources.permute.voxels=1000000")
    plan = plan_of(parse(SWEEP, [override, *AS_BLOCKS_ARE, *whole]), ("DM01",))
    assert {unit.label: unit.key for unit in plan} == pinned


def test_keys_of_features_are_pinned() -> None:
    plan = plan_of(parse(SWEEP), ("DM01",))
    assert feature_key(plan.of("extract")[0].params, 7) == "93bce3d1245c6d14ab48228062acea9c"


def test_canonical_json_has_one_spelling() -> None:
    assert canonical({"b": [1, 1.0, None], "a": "ä"}) == '{"a":"\\u00e4","b":[1,1.0,null]}'
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert canonical((1, 2)) == canonical([1, 2])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_json_refuses_what_has_no_spelling(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": value})
