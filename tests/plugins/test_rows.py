"""The rows of the tables: that each names what it promises, and that naming them loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest

from d2b_ray.arrays import Run
from d2b_ray.catalog import LAYOUTS, MODALITIES, Modality
from d2b_ray.data import Dataset
from d2b_ray.errors import ExtractionError, SpecError
from d2b_ray.features.stimuli import check, stimuli
from d2b_ray.spec import FeatureBlock


@pytest.mark.parametrize("name", MODALITIES.own)
def test_a_modality_has_all_its_parts(name):
    row = MODALITIES[name]
    assert isinstance(row, Modality)
    assert issubclass(row.block, FeatureBlock)
    if row.reading:
        assert {"files", "width", "read"} == set(import_module(row.reading).__all__)
        assert "model" in row.block.model_fields
        assert row.word == row.stimulus
        return
    code = import_module(row.extractor)
    needed = {"source", "load", "extract", *(["text_rows"] if row.shards == "texts" else [])}
    assert needed <= set(code.__all__)
    assert {"modality", "model", "layers"} <= row.block.model_fields.keys()
    assert ("annotation" in row.block.model_fields) == bool({"captions", "words"} & set(row.needs))


@pytest.mark.parametrize("name", LAYOUTS.own)
def test_a_layout_offers_what_a_data_set_must(name):
    promised = {word for word in vars(Dataset) if not word.startswith("_")}
    given_at_once = {"media", "release", "words"}  # set when it is opened
    assert promised - given_at_once <= set(dir(LAYOUTS[name]))


def test_rows_load_neither_models_nor_arrays():
    code = (
        "import sys\nfrom d2b_ray.catalog import MODALITIES\n"
        "[MODALITIES[name] for name in MODALITIES.own]\n"
        "heavy = {'ray', 'torch', 'numpy', 'transformers', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_extractor_that_lacks_something_is_one_line():
    row = Modality(block=FeatureBlock, extractor="no_such_lab.loudness", needs=("sound",))
    with pytest.raises(
        SpecError, match=r"no_such_lab\.loudness, which .* \(No module named"
    ) as told:
        row.source("meter", None, "loudness")
    assert "\n" not in str(told.value)
    ours = Modality(block=FeatureBlock, extractor="d2b_ray.no_such", needs=("sound",))
    with pytest.raises(ModuleNotFoundError):
        ours.source("meter", None, "loudness")


def test_what_is_read_together_comes_by_need(monkeypatch, tmp_path):
    row = Modality(block=FeatureBlock, extractor=__name__, needs=("captions", "sound"))
    monkeypatch.setitem(MODALITIES._loaded, "radio", row)
    run = Run("A", 1, 2, 0, "TRAIN", "TRAIN", "TRAIN", 0)
    dataset = SimpleNamespace(
        runs=SimpleNamespace(used=(run,)),
        captions=lambda run, level: [[level], [".."]],
        media=SimpleNamespace(paths=lambda need: {"A_001": tmp_path / f"{need}.wav"}),
    )
    fed = stimuli(dataset, {"modality": "radio", "annotation": "story"})
    assert fed["captions"] == {"A_001": [["story"], [".."]]}
    assert fed["sound"].seconds == {"A_001": 2}
    with pytest.raises(ExtractionError, match=r"sound\.wav"):
        check(fed)
