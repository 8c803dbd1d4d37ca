"""Some mutations of each kind; `scripts/fuzz` makes as many as one likes."""

from __future__ import annotations

import pytest
from harness import media_workshop, trials, workshop
from media_mutations import MEDIA_CASES
from mutations import CASES


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return workshop(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("seed", range(2))
def test_no_mutation_leaves_a_traceback_hangs_or_is_accepted_in_silence(shop, seed):
    wrong = [
        f"{number} {case.name}: {why}"
        for case, number, _, why in trials(CASES, shop, len(CASES), 100 + seed)
        if why
    ]
    assert not wrong, "\n".join(wrong)


def test_no_mutation_of_media_or_models_does(tmp_path):
    wrong = [
        f"{number} {case.name}: {why}"
        for case, number, _, why in trials(
            MEDIA_CASES, media_workshop(tmp_path), len(MEDIA_CASES), 11
        )
        if why
    ]
    assert not wrong, "\n".join(wrong)
