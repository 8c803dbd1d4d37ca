"""A feature block has the options of its modality: what is refused, and what the message says."""

from __future__ import annotations

import pytest

from d2b_ray.errors import SpecError
from d2b_ray.spec import parse

SWEEP = """\
name: small
dataset: {layout: drama2brain, root: data}
features:
  see: {modality: vision, model: DeiT}
  hear: {modality: audio, model: AST, tokens: flat, reduce: {srp: 0.3}}
  words: {modality: wordvectors, annotation: story, model: ./glove.txt}
  both: {modality: vision_language, annotation: story, model: GIT}
  read: {modality: semantic, annotation: story, model: BERT}
fits:
  - kind: banded
    bands: {a: {from: see}, b: {from: words}}
    delays: {start: 3, end: 5}
output: {root: results}
"""


def test_defaults() -> None:
    found = parse(SWEEP).features
    assert (found["see"].frame_size, found["see"].source) == (224, "frames")
    assert (found["both"].silence, found["words"].unknown) == ("read", "missing")
    assert not any(getattr(block, "trust_remote_code", False) for block in found.values())
    assert found["hear"].reduce.as_plain() == {"srp": 0.3, "seed": 42}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("features.see.window=2", "features.see.window: means nothing to vision; must be one of"),
        ("features.see.annotation=story", "features.see.annotation: means nothing to vision"),
        ("features.hear.frame_size=32", "features.hear.frame_size: means nothing to audio"),
        ("features.words.dtype=float16", "features.words.dtype: means nothing to wordvectors"),
        ("features.read.silence=skip", "features.read.silence: means nothing to semantic"),
        ("features.both.window=2", "features.both.window: means nothing to vision_language"),
        ("features.see.framesize=3", "unknown key; did you mean frame_size?"),
        ("features.see.tokens=last", 'features.see.tokens: got "last"; must be one of: avg, flat'),
        ("features.see.tokens=flat", "must be avg, or flat together with reduce: {srp: eps}"),
        ("features.both.tokens=flat", "must be avg, or flat together with reduce: {srp: eps}"),
        ("features.hear.reduce=none", "must be avg, or flat together with reduce: {srp: eps}"),
        ("features.see.reduce={pca: 3}", "must be none, {srp: eps} or {components: k}"),
        ("features.see.reduce={srp: 0.1, components: 3}", "must be none, {srp: eps} or"),
        ("features.see.reduce={srp: 2}", "features.see.reduce.srp: got 2; must be a number"),
        ("features.see.frame_size=0", "features.see.frame_size: got 0; must be an integer >= 1"),
        ("features.words.layers=1", "features.words.layers: got 1; must be all, or left out"),
        ("features.see.modality=smell", 'features.see.modality: got "smell"; must be one of'),
        ("features.read.trust_remote_code=1", "trust_remote_code: got 1; must be true or false"),
        ("fits.0.bands.a.annotation=story", "modality vision has no annotation"),
        ("fits.0.bands.b.layers=3", "modality wordvectors has no layers"),
    ],
)
def test_what_means_nothing_is_refused(override: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(SWEEP, [override])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_windows_over_long_texts_are_refused_for_flat_rows():
    text = """
name: x
dataset: {layout: arrays, root: data}
features: {llm: {modality: semantic, annotation: story, model: m, tokens: flat, long_texts: slide}}
fits: [{kind: ridge, features: llm, delays: {start: 1, end: 1}}]
output: {root: out}
"""
    with pytest.raises(SpecError, match=r"features\.llm.*long_texts.*truncate with tokens: flat"):
        parse(text)
    assert parse(text.replace("flat", "last")).features["llm"].long_texts == "slide"
