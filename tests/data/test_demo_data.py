"""The demo data set: complete, repeatable, and with the effects that its truth says."""

from __future__ import annotations

import hashlib
import itertools
import json
import wave

import numpy as np
import pytest
from PIL import Image

from d2b_ray.arrays import Run
from d2b_ray.data import open_dataset
from d2b_ray.data.demo import write_demo
from d2b_ray.data.planted import (
    DRIVERS,
    NOISE,
    NOISE_MEMORY,
    NOISE_STD,
    SHAPE,
    haemodynamic_response,
    plant,
    respond,
)
from d2b_ray.errors import DataError

WIDTH, VOXELS, SUBJECTS = 24, 60, ("DM01", "DM03")
LEVELS = {
    "speechTranscription": 1,
    "objectiveAnnot50chara": 5,
    "story": 2,
    "eventContent": 3,
    "timePlace": 3,
}


def vector(text: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(WIDTH)


def featurize(level, runs):
    """A vector a text, drawn from its hash; mean over annotators."""
    return {
        name: np.stack([np.mean([vector(text) for text in row], axis=0) for row in rows]).astype(
            "f4"
        )
        for name, rows in runs.items()
    }


def contents(root) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo") / "data"
    write_demo(root, featurize, voxels=VOXELS, stimuli=False)
    return root


@pytest.fixture(scope="module")
def with_stimuli(tmp_path_factory):
    root = tmp_path_factory.mktemp("stimuli") / "data"
    write_demo(root, featurize, voxels=VOXELS)
    return root


@pytest.fixture(scope="module")
def truth(demo):
    with np.load(demo / "truth.npz", allow_pickle=False) as found:
        return dict(found)


def test_the_demo_opens_and_every_file_it_promises_is_read(demo):
    dataset = open_dataset("drama2brain", str(demo))
    assert dataset.subjects == SUBJECTS
    assert dataset.levels() == tuple(sorted(LEVELS))
    for subject in SUBJECTS:
        assert len(dataset.response_files(subject)) == len(dataset.runs.runs) + 2
        rows = dataset.responses(subject, dataset.runs.runs)
        assert rows.shape == (sum(run.samples for run in dataset.runs.runs), VOXELS)
        assert np.isfinite(rows).all()
    for level in LEVELS:
        assert len(dataset.caption_files(level)) == len(dataset.runs.runs)


def test_the_demo_lasts_20_minutes_in_4_titles_of_4_cv_groups(demo):
    runs = open_dataset("drama2brain", str(demo)).runs
    assert sum(run.seconds for run in runs.runs) >= 20 * 60
    assert len({run.title for run in runs.runs}) == 4
    assert [run.cv_group for run in runs.train("all")] == [0, 1, 2, 3]
    for split in ("all", "splitA", "splitB"):
        assert runs.train(split)
        assert runs.valid(split)
        assert not {run.name for run in runs.train(split)} & {r.name for r in runs.valid(split)}


def test_every_level_has_its_annotators_silence_or_repeats_in_every_run(demo):
    dataset = open_dataset("drama2brain", str(demo))
    for level, annotators in LEVELS.items():
        texts = []
        for run in dataset.runs.runs:
            rows = dataset.captions(run, level)
            assert len(rows) == run.seconds
            assert {len(row) for row in rows} == {annotators}
            assert all(text == text.strip() != "" for row in rows for text in row)
            repeats = sum(one == two for one, two in itertools.pairwise(rows))
            assert repeats > run.seconds / 2, "captions hold for some seconds"
            texts += [text for row in rows for text in row]
        assert 20 < len(set(texts)) < len(texts) / 4
    speech = [
        row[0] for run in dataset.runs.runs for row in dataset.captions(run, "speechTranscription")
    ]
    assert 0 < speech.count("..") < len(speech)


def test_the_second_part_repeats_the_last_20_seconds_of_the_first(demo):
    dataset = open_dataset("drama2brain", str(demo))
    firsts = {run.title: run for run in dataset.runs.runs if run.part == 1}
    seconds = [run for run in dataset.runs.runs if run.part == 2]
    assert len(seconds) == 4
    for run in seconds:
        assert run.overlap == 20
        for level in LEVELS:
            before = dataset.captions(firsts[run.title], level)
            assert dataset.captions(run, level)[:20] == before[-20:]


def test_stimuli_are_added_beside_the_same_files(demo, with_stimuli):
    plain, full = contents(demo), contents(with_stimuli)
    assert {name: full[name] for name in plain} == plain
    more = set(full) - set(plain)
    assert more
    assert all(name.startswith("stimuli/") for name in more)


def test_every_run_has_its_frames_at_the_noted_rate_and_sound_of_its_length(with_stimuli):
    frames = with_stimuli / "stimuli" / "frames"
    rate = json.loads((frames / "rate.json").read_text())["frames_a_second"]
    for run in open_dataset("drama2brain", str(with_stimuli)).runs.runs:
        names = sorted(path.name for path in (frames / run.name).iterdir())
        assert names == [f"frame_{n:05d}.png" for n in range(run.seconds * rate)]
        with wave.open(str(with_stimuli / "stimuli" / "audio" / f"{run.name}.wav")) as sound:
            assert sound.getnframes() == run.seconds * sound.getframerate()
            assert sound.getnchannels() == 1


def test_the_ground_of_a_frame_changes_only_when_the_place_does(with_stimuli):
    dataset = open_dataset("drama2brain", str(with_stimuli))
    run = dataset.runs.runs[0]
    place = [row[0] for row in dataset.captions(run, "timePlace")]
    folder = with_stimuli / "stimuli" / "frames" / run.name
    corners = [Image.open(folder / f"frame_{2 * s:05d}.png").getpixel((0, 0)) for s in range(100)]
    assert len(set(zip(place, corners, strict=False))) == len(set(corners)) == len(set(place[:100]))


def test_sound_is_silent_where_nothing_is_said(with_stimuli):
    dataset = open_dataset("drama2brain", str(with_stimuli))
    run = dataset.runs.runs[0]
    with wave.open(str(with_stimuli / "stimuli" / "audio" / f"{run.name}.wav")) as sound:
        rate = sound.getframerate()
        wavy = np.frombuffer(sound.readframes(sound.getnframes()), np.uint8).reshape(-1, rate)
    silent = [row[0] == ".." for row in dataset.captions(run, "speechTranscription")]
    assert ((wavy.max(1) == wavy.min(1)) == silent).all()


def test_the_same_seed_gives_the_same_bytes_in_every_file(demo, tmp_path):
    write_demo(tmp_path / "again", featurize, voxels=VOXELS, stimuli=False)
    first, second = contents(demo), contents(tmp_path / "again")
    assert sorted(first) == sorted(second)
    assert not [name for name in first if first[name] != second[name]]


def test_another_seed_gives_other_responses_and_voxels_but_the_same_captions(demo, tmp_path):
    write_demo(tmp_path / "other", featurize, voxels=VOXELS, stimuli=False, seed=8)
    first, second = contents(demo), contents(tmp_path / "other")
    assert sorted(first) == sorted(second)
    for name in first:
        drawn = name.startswith(("fmri/raw", "fmri/bbregister", "truth"))
        assert (first[name] != second[name]) == drawn, name


def test_subjects_differ(demo):
    dataset = open_dataset("drama2brain", str(demo))
    one, two = (dataset.responses(subject, dataset.runs.runs) for subject in SUBJECTS)
    assert not np.array_equal(one, two)
    assert not np.array_equal(*(dataset.voxels(subject).index for subject in SUBJECTS))


def test_a_subject_is_the_same_however_many_come_after_it(demo, tmp_path):
    write_demo(tmp_path / "one", featurize, voxels=VOXELS, stimuli=False, subjects=["DM01"])
    first, second = contents(demo), contents(tmp_path / "one")
    for name in second:
        if "DM01" in name:
            assert first[name] == second[name], name


@pytest.mark.parametrize("as_file", [False, True])
def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path, as_file):
    target = tmp_path / "data"
    kept = target
    if not as_file:
        target.mkdir()
        kept = target / "mine.txt"
    kept.write_text("mine")
    with pytest.raises(DataError) as error:
        write_demo(target, featurize, voxels=VOXELS, stimuli=False)
    assert str(error.value) == (
        f"{target} exists and is not empty; remove it or name another folder"
    )
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]


def test_an_empty_folder_is_filled_and_nothing_lies_beside_it(tmp_path):
    target = tmp_path / "deep" / "data"
    target.mkdir(parents=True)
    write_demo(target, featurize, voxels=VOXELS, stimuli=False)
    assert open_dataset("drama2brain", str(target)).subjects == SUBJECTS
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError("no model"), KeyboardInterrupt()])
def test_a_failing_featurizer_leaves_nothing_behind(tmp_path, error):
    def fails(level, runs):
        raise error

    with pytest.raises(type(error)):
        write_demo(tmp_path / "data", fails, voxels=VOXELS, stimuli=False)
    assert list(tmp_path.iterdir()) == []


def test_the_truth_says_where_and_what_the_voxels_are(demo, truth):
    dataset = open_dataset("drama2brain", str(demo))
    for subject in SUBJECTS:
        voxels = dataset.voxels(subject)
        assert voxels.shape == SHAPE
        assert voxels.roi.tolist() == truth[f"{subject}_roi"].tolist()
        assert truth[f"{subject}_level"].tolist() == [DRIVERS[roi] for roi in voxels.roi.tolist()]
        assert set(voxels.roi.tolist()) == set(DRIVERS)
        assert truth[f"{subject}_weights"].shape == (WIDTH, VOXELS)


def test_weights_are_zero_for_noise_voxels_and_for_no_other(truth):
    for subject in SUBJECTS:
        silent = (truth[f"{subject}_weights"] == 0).all(axis=0)
        np.testing.assert_array_equal(silent, truth[f"{subject}_strength"] == NOISE)
        assert 0 < silent.sum() < VOXELS


def convolved(demo, truth, subject) -> tuple[np.ndarray, np.ndarray]:
    """Signal as the truth predicts it, by np.convolve, and the stored responses; all runs, z-scored."""
    dataset = open_dataset("drama2brain", str(demo))
    levels, weights = truth[f"{subject}_level"], truth[f"{subject}_weights"].astype(float)
    response, signal = haemodynamic_response(), []
    for run in dataset.runs.runs:
        out = np.zeros((run.seconds, VOXELS))
        for level in set(DRIVERS.values()):
            rows = featurize(level, {run.name: dataset.captions(run, level)})[run.name]
            for column in np.flatnonzero(levels == level):
                driven = rows @ weights[:, column]
                out[:, column] = np.convolve(driven, response)[: run.seconds]
        signal.append(out[run.overlap :])
    return np.concatenate(signal), dataset.responses(subject, dataset.runs.runs)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_signal_and_response_correlate_as_the_ratio_of_noise_predicts(demo, truth, subject):
    signal, responses = convolved(demo, truth, subject)
    strength = truth[f"{subject}_strength"]
    for kind in set(strength.tolist()) - {NOISE}:
        own = np.flatnonzero(strength == kind)
        found = [np.corrcoef(signal[:, v], responses[:, v])[0, 1] for v in own]
        expected = 1 / np.sqrt(1 + NOISE_STD[kind] ** 2)
        assert np.mean(found) == pytest.approx(expected, abs=0.04)
        assert np.abs(np.array(found) - expected).max() < 0.15


@pytest.mark.parametrize("subject", SUBJECTS)
def test_noise_voxels_remember_a_second_as_far_as_is_said(demo, truth, subject):
    dataset = open_dataset("drama2brain", str(demo))
    quiet = truth[f"{subject}_strength"] == NOISE
    lags: dict[int, list[float]] = {1: [], 2: []}
    for run in dataset.runs.runs:
        rows = dataset.responses(subject, [run])[:, quiet].astype(float)
        for lag, found in lags.items():
            found += (rows[lag:] * rows[:-lag]).mean(0).tolist()
    for lag, found in lags.items():
        assert np.mean(found) == pytest.approx(NOISE_MEMORY**lag, abs=0.02)


def test_noise_has_unit_variance_from_its_first_second(rng):
    runs = [Run(f"R{n}", 1, 3, 0, "TRAIN", "", "", 0) for n in range(400)]
    features = {
        level: {run.name: rng.standard_normal((3, 12)).astype("f4") for run in runs}
        for level in set(DRIVERS.values())
    }
    planted = plant(rng, 60, features)
    rows = np.stack(list(respond(rng, planted, features, runs).values()))
    variance = rows[:, :, planted.strength == NOISE].var(axis=(0, 2))
    np.testing.assert_allclose(variance, 1, atol=0.05)


def test_the_haemodynamic_response_sums_to_one_and_peaks_at_5_seconds_then_dips():
    response = haemodynamic_response()
    assert response.sum() == pytest.approx(1)
    assert response[0] == 0
    assert np.argmax(response) == 5
    assert 12 <= np.argmin(response) <= 18
    assert response.min() < 0
    assert abs(response[-1]) < 0.01 * response.max()
    longer = haemodynamic_response(64)
    np.testing.assert_allclose(longer[:32], response, atol=1e-3)
