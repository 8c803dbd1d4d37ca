"""Old command lines, pasted: the sweeps they stand for, and what does not fit in one line."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from problems import MODEL, Quiet

from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import SpecError
from d2b_ray.spec import parse
from d2b_ray.spec.drama2brain_command import Target, sweep_text

MONO = (
    "python -m drama2brain.run_training_encoder --subject_name DM01 --time_delays 8 10 --modalities semantic "
    "--modality_hparams speechTranscription_cw1_avgToken_ALL --feat_names GPT2 --select_layers all "
    "--device 0 --reg_type mono --perm_type block --reduce_dim default None --dataset all"
)
LEVELS = ("speechTranscription", "objectiveAnnot50chara", "story", "eventContent", "timePlace")
BANDED = (
    f"--subject_name DM01 --time_delays 8 10 --modalities {' '.join(['semantic'] * 5)} "
    f"--modality_hparams {' '.join(f'{level}_cw1_avgToken_ALL' for level in LEVELS)} "
    f"--feat_names {' '.join(['Llama2'] * 5)} --select_layers 32 13 17 20 2 --device 0 --reg_type multi "
    "--perm_type block --n_iter 100 --reduce_dim pca 1280 --dataset all"
)


def sweep(command, **more):
    return parse(sweep_text(shlex.split(command), Target(**more)))


def test_the_single_feature_of_the_old_readme():
    found = sweep(MONO)
    (block,) = found.features.values()
    assert (block.annotation, block.model, block.layers) == (
        ("speechTranscription",),
        ("GPT2",),
        "all",
    )
    assert (block.window, block.tokens, block.annotators) == ((1,), "avg", ("ALL",))
    assert (block.join, block.dtype) == ("sorted", "float16")  # the preset's
    (fit,) = found.fits
    assert (fit.kind, fit.intercept, fit.reduce[0].as_plain()) == ("ridge", "none", "none")
    assert [(d.start, d.end, d.boundary) for d in fit.delays] == [(8, 10, "video")]
    assert found.dataset.subjects == ("DM01",)
    assert (found.significance.test, found.significance.rule) == ("block", "drama2brain")


def test_the_banded_fit_of_the_old_readme():
    found = sweep(BANDED)
    assert [(b.annotation[0], b.layers) for b in found.features.values()] == list(
        zip(LEVELS, [(32,), (13,), (17,), (20,), (2,)], strict=True)
    )
    (fit,) = found.fits
    assert (fit.kind, len(fit.bands), fit.search.n_iter) == ("banded", 5, 100)
    assert fit.reduce[0].as_plain() == {"pca": 1280}
    assert fit.delays[0].boundary == "run"


def test_other_arguments():
    found = sweep(
        MONO.replace("block", "gauss").replace("all --device", "3 7 --device") + " --save_pred"
    )
    assert found.significance.test == "gauss"
    assert found.features["feature1"].layers == (3, 7)
    assert "predictions" in found.output.save
    seen = MONO.replace("semantic", "vision").replace("GPT2", "DeiT")
    found = sweep(seen.replace("speechTranscription_cw1_avgToken_ALL", "flatToken"))
    assert found.features["feature1"].reduce.components == 10_000


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "--feat_names GPT2",
            "--feat_names GPT2 BERT",
            "--modalities has 1 entries and --feat_names 2",
        ),
        ("cw1_avgToken", "cw1_medianToken", "'medianToken' means nothing for semantic"),
        ("--reg_type mono", "--reg_type multi", "needs two features or more"),
        ("default None", "umap 3", "--reduce_dim umap 3: must be default None, pca K or srp EPS"),
        ("--select_layers all", "--select_layers top", "--select_layers top: must be all"),
        ("--time_delays 8 10", "--time_delays 8", "argument --time_delays: expected 2 arguments"),
        ("--dataset all", "--dataset half", "argument --dataset: invalid choice"),
        ("--device 0", "--colour red", "unrecognized arguments: --colour red"),
        ("--modalities semantic", "--modalities smell", "means nothing for smell"),
    ],
)
def test_what_does_not_fit_is_one_line(old, new, words):
    with pytest.raises(SpecError) as told:
        sweep(MONO.replace(old, new))
    assert words in str(told.value)
    assert str(told.value).startswith("from-drama2brain: ")
    assert "\n" not in str(told.value)


def test_the_verb_prints_a_sweep_that_leaves_the_old_files(tiny_root, tmp_path):
    words = [*shlex.split(MONO.replace("layers all", "layers 2")), "--save_pred"]
    done = subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", "from-drama2brain", "--root", str(tiny_root), "--output",
         str(tmp_path / "out"), "--model-alias", f"GPT2={MODEL}", *words],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "# --time_delays, seconds" in done.stdout
    assert run_sweep(
        parse(done.stdout, ["features.feature1.dtype=float32"]), Quiet(), engine="inline"
    ).ok
    (folder,) = (path.parent for path in (tmp_path / "out").rglob("cc_raw.npy"))
    assert "encoding/DM01/scores/TR8_10s/semantic/speechTranscription_cw1_avgToken_ALL/" in str(
        folder
    )
    assert folder.name == "layer2"
    names = {path.name for path in folder.iterdir()}
    arrays = ("cc", "cv_cc", "coef", "pvalues_corrected", "preds_val", "preds_trn")
    assert names >= {"dist_raw.png", *(f"{name}_raw.npy" for name in arrays)}
    done = subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", "from-drama2brain", "--subject_name", "DM01"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


TEXTS = (
    "python3 -m drama2brain.make_features_multiLevel --device 1 --annot_type story "
    "--annotators_split_method all --avg_token"
)
PICTURES = (
    "python3 -m drama2brain.make_features_multimodal --modality vision-semantic "
    "--modality_hparam default-story --model_source transformers --devices 0 --n_windows 1 "
    "--token_type avgToken"
)


def test_the_commands_that_made_features_are_sweeps_without_fits():
    texts, pictures = sweep(TEXTS), sweep(PICTURES)
    assert texts.fits == pictures.fits == ()
    (block,) = texts.features.values()
    assert (block.modality, block.annotation, block.tokens) == ("semantic", ("story",), "avg")
    assert (block.window, block.annotators, block.layers) == ((1,), ("ALL",), "all")
    assert block.model == ("BERT", "GPT2", "Llama2", "OPT", "Vicuna-v1.5")
    assert (block.join, block.dtype) == ("sorted", "float16")  # the preset's
    (block,) = pictures.features.values()
    assert (block.modality, block.annotation) == ("vision_language", ("story",))
    assert block.model == ("GIT", "BridgeTower", "LLaVA-v1.5")


@pytest.mark.parametrize(
    ("command", "key", "value"),
    [
        (TEXTS.replace("method all", "method split_1v1"), "annotators", ("splitA", "splitB")),
        (TEXTS.replace(" --avg_token", ""), "tokens", "flat"),
        (TEXTS.replace("--avg_token", "--model_sourse gensim"), "model", ("GloVe", "Word2Vec")),
        (TEXTS + " --n_windows 5", "window", (5,)),
        (PICTURES.replace("vision-semantic", "audio"), "model", ("AST", "MMS")),
        (PICTURES.replace("vision-semantic", "audio"), "window", (1,)),
        (PICTURES.replace("vision-semantic", "vision"), "model", ("DeiT", "ResNet", "CLIP")),
    ],
)
def test_arguments_of_the_commands_that_made_features(command, key, value):
    (block,) = sweep(command).features.values()
    assert getattr(block, key) == value


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (TEXTS.replace("--annot_type story ", ""), "required: --annot_type"),
        (
            TEXTS.replace("method all", "method split_3v2"),
            "is of objectiveAnnot50chara, not of story",
        ),
        (PICTURES.replace(" default-story", ""), "must name a level, as default-story"),
        (PICTURES.replace("vision-semantic", "smell"), "invalid choice"),
    ],
)
def test_what_those_do_not_take_is_one_line(command, words):
    with pytest.raises(SpecError, match=words) as told:
        sweep(command)
    assert "\n" not in str(told.value)


def test_features_are_extracted_and_a_later_sweep_finds_them(tiny_root, tmp_path):
    more = {name: str(MODEL) for name in ("BERT", "GPT2", "Llama2", "OPT", "Vicuna-v1.5")}
    target = Target(str(tiny_root), str(tmp_path / "out"), more)
    text = sweep_text(shlex.split(TEXTS), target)
    summary = run_sweep(parse(text), Quiet(), engine="inline")
    assert summary.ok, summary.failed
    assert set(summary.executed) == {"shard", "extract"}
    found = list((tmp_path / "out" / "stim_features" / "semantic").rglob("*.npy"))
    assert {path.parts[-4] for path in found} == {"story_cw1_avgToken_ALL"}
    assert len({path.parent for path in found}) == 3  # layers
    assert not run_sweep(parse(text), Quiet(), engine="inline").executed
    fits = "fits:\n  - {kind: ridge, features: semantic, delays: {start: 3, end: 5}}\n"
    later = parse(text.replace(text[text.index("fits:") : text.index("\n\noutput")], fits))
    summary = run_sweep(later, Quiet(), engine="inline")
    assert summary.ok
    assert "extract" not in summary.executed
