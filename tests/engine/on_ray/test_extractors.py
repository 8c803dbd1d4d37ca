"""Extractors of a cluster share what there is to read; a killed one costs what it had in hand."""

from __future__ import annotations

import pytest
from golden_cases import GOLDEN
from media_problem import media_yaml
from problems import Quiet
from stores import assert_equal_stores

from d2b_ray.engine.session import run_sweep
from d2b_ray.spec import parse

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]  # Ray leaves sockets open
TEXT = GOLDEN / "features" / "text_bert" / "model"
# runs last 8 and 9 seconds: each is a shard; so are two texts
SHARDS = ("resources.extract.shard_s=10", "resources.extract.shard_texts=2")


@pytest.mark.slow  # a set of them is killed in test_faults.py; shards, on one machine (engine/test_shards.py)
def test_shards_are_shared_and_a_killed_one_is_done_elsewhere(
    media_root, media_models, tmp_path, on_ray, shared_drill
):
    """Every modality; one of sound and one of texts is killed."""

    def sweep(name):
        return parse(media_yaml(media_root, media_models, tmp_path / name), list(SHARDS))

    sound, texts = (
        f"extract sound {media_models}/ast audio B_001",
        f"extract story {TEXT} semantic texts 3 to 4",
    )
    shared_drill.script({sound: ["kill"], texts: ["kill"]})
    assert on_ray(sweep("out")).result().ok
    drilled = shared_drill.counts()
    # frames and film are read by one model, and called alike
    again = {n: k for n, k in drilled.items() if k > 1 and "/vit vision" not in n}
    assert again == {sound: 2, texts: 2}
    readers = {s.pid for s in shared_drill.starts if s.label.startswith("extract")}
    assert len(readers) >= 3  # two at first, and who came after
    assert run_sweep(sweep("inline"), Quiet(), engine="inline").ok
    assert_equal_stores(tmp_path / "inline", tmp_path / "out")
