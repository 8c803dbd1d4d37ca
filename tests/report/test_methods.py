"""The paragraph of methods says what was done: of the sweep and of the fits, for every kind of choice."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from problems import common_sweep

from d2b_ray.report.figures import volume_mosaic
from d2b_ray.report.methods import methods
from d2b_ray.spec import to_yaml

BANDS = "{a: {from: llm, annotation: story}, b: {from: llm, annotation: speech}}"


def fit(**more):
    usual = {
        "subject": "S1", "voxels": 24, "samples": 640, "validation_samples": 320, "folds": 4, "tr_s": 1.5,
        "responses": "z-scored in each run", "block_trs": 26,
    }  # fmt: skip
    return {**usual, **more}


def told(*overrides, fits=None):
    sweep = yaml.safe_load(to_yaml(common_sweep("data", "out", *overrides)))
    return " ".join(methods(sweep, fits or [fit(), fit(subject="S2", voxels=30)], "9.9"))


def test_data_features_fits_and_test_are_said():
    text = told()
    for words in (
        "Responses of 2 subjects (24 to 30 voxels each; TR 1.5 s; z-scored in each run)",
        "640 samples for training and 320 for validation",
        "semantic (Planted) on speech and story (layers 1 and 2)",
        "ridge regression (Hoerl & Kennard, 1970), with features delayed by 3 to 3 s (averaged)",
        "from 2 values from 10 to 1000, by the mean correlation over 4 folds",
        "40 permutations of blocks of 26 TRs of the measured response, the null widened",
        "for the false discovery rate (Benjamini & Hochberg, 1995) at 0.05",
        "Intervals hold 95% of 30 bootstrap samples of blocks of a fortieth of the validation samples",
        "Noise ceilings are correlations of a voxel with the mean of the other subjects",
        "Computed with d2b_ray 9.9, sweep common.",
    ):
        assert words in text
    assert methods({}, [], "9.9") == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("significance.test=parametric", "a t-test with effective degrees of freedom"),
        ("significance.within_runs=true", "within runs"),
        ("significance.correction=max", "family-wise, by the largest value over voxels"),
        ("significance.ceiling=repeats", "repeated presentations (Schoppe et al., 2016)"),
        (
            "fits.0.delays={start: 2, end: 4, unit: trs, combine: concat}",
            "2 to 4 TRs (side by side)",
        ),
        ("fits.0.alphas={start_log10: 0, stop_log10: 5, count: 6}", "6 values from 10^0 to 10^5"),
        (
            f"fits=[{{kind: banded, bands: {BANDS}, delays: {{start: 3, end: 3}}, search: {{n_iter: 50}}}}]",
            "Weights of bands were searched among 50 draws of a Dirichlet distribution",
        ),
    ],
)
def test_each_choice_has_its_words(override, words):
    assert words in told(override, "compare=[]")


def test_without_a_test_nothing_is_said_of_one():
    text = told(
        "significance.test=none", "significance.bootstrap=null", "significance.ceiling=none"
    )
    assert "significance" not in text
    assert "TR 1 s)" in told(fits=[fit(tr_s=1.0, responses="as they are")])
    assert "Responses of one subject" in told(fits=[fit()])


def test_a_mosaic_is_the_same_picture_for_the_same_volume(rng):
    volume = np.full((6, 5, 30), np.nan, np.float32)
    volume[1:4, 1:4, 5:28] = rng.standard_normal((3, 3, 23))
    first = volume_mosaic(volume, "r")
    assert first.startswith(b"\x89PNG")
    assert first == volume_mosaic(volume, "r")
    assert first != volume_mosaic(-volume, "r")
    flat = np.full((2, 2, 1), np.nan, np.float32)
    flat[0, 0, 0] = 0
    assert volume_mosaic(flat, "nothing").startswith(b"\x89PNG")
