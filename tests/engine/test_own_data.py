"""Data as labs have them, from files to maps: one planted set in every layout, and a real recording."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import yaml
from golden_cases import GOLDEN
from himalaya.ridge import RidgeCV
from nibabel import cifti2
from nilearn.image import smooth_img
from own_data import AFFINE, Planted, brain_models, write_arrays, write_bids
from problems import Quiet
from scipy import stats
from sklearn.model_selection import LeaveOneGroupOut

from d2b_ray.cli.checking import check_data
from d2b_ray.cli.exporting import write_map
from d2b_ray.data import DataChoices, open_dataset
from d2b_ray.data.word_tables import Words
from d2b_ray.design import Sampling, to_scans
from d2b_ray.engine.session import run_sweep
from d2b_ray.errors import D2BError
from d2b_ray.features.spoken.extract import extract, load, source
from d2b_ray.spec import parse
from d2b_ray.store import Store

REAL = Path(__file__).parents[3] / "shared" / "real" / "haxby"
ALPHAS = {"start_log10": -1, "stop_log10": 4, "count": 6}
FIR = {"start": 3, "end": 6, "combine": "concat"}


def sweep(root, out, *overrides, layout="bids", **more):
    features = {
        "trials": {"modality": "events"},
        "motion": {"modality": "confounds", "columns": ["trans_?"]},
    }
    fit = {"kind": "ridge", "features": "trials", "delays": FIR, "alphas": ALPHAS}
    text = {
        "name": "mine",
        "dataset": {"layout": layout, "root": str(root), **more},
        "features": features,
        "fits": [fit],
        "significance": {"test": "parametric"},
        "output": {"root": str(out), "figures": False, "report": "tables"},
    }
    return parse(yaml.safe_dump(text), list(overrides))


def run(*args, **more):
    summary = run_sweep(sweep(*args, **more), Quiet(), engine="inline")
    assert summary.ok, summary.failed
    store = Store(str(args[1]))
    return store, store.read_table("tables/fits.parquet").to_pylist()


def scores(store, fit):
    return store.read_array(f"{fit['folder']}/cc_raw.npy")


@pytest.fixture(scope="module")
def planted():
    return Planted(1.5)


@pytest.fixture(scope="module")
def arrays(planted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("arrays")
    root = write_arrays(folder / "data", planted)
    store, (fit,) = run(root, folder / "out", layout="arrays", tr_s=1.5)
    return root, store, fit


def test_the_planted_truth_is_found_at_any_tr(arrays, planted):
    _, store, fit = arrays
    r = scores(store, fit)
    assert np.median(r[planted.driven]) > 0.4
    assert np.abs(np.median(r[~planted.driven])) < 0.1
    assert (fit["delay_start_s"], fit["delay_end_s"], fit["features"]) == (3.0, 6.0, 2 * 3)
    assert "/TR3_6s" in fit["folder"]


@pytest.mark.parametrize("kind", ["nifti", "gifti", "cifti"])
def test_every_layout_gives_the_same_numbers_and_a_map(kind, arrays, planted, tmp_path):
    _, store, fit = arrays
    root = write_bids(tmp_path / "data", planted, kind)
    other, (same,) = run(root, tmp_path / "out")
    np.testing.assert_array_equal(scores(other, same), scores(store, fit))
    r = scores(other, same)
    if kind == "nifti":
        out = tmp_path / "r.nii.gz"
        write_map(str(tmp_path / "out"), out, "sub-01", "r", [])
        image = nibabel.load(out)
        np.testing.assert_array_equal(image.affine, AFFINE)
        values = np.asarray(image.dataobj)
        np.testing.assert_array_equal(values[planted.inside], r)
        assert np.isnan(values[~planted.inside]).all()
        assert image.header.get_xyzt_units()[0] == "mm"
    elif kind == "gifti":
        write_map(str(tmp_path / "out"), tmp_path / "r.func.gii", "sub-01", "r", ["model=events"])
        sides = [nibabel.load(tmp_path / f"r_hemi-{side}.func.gii") for side in "LR"]
        np.testing.assert_array_equal(np.concatenate([s.darrays[0].data for s in sides]), r)
        assert sides[1].meta["AnatomicalStructurePrimary"] == "CortexRight"
    else:
        write_map(str(tmp_path / "out"), tmp_path / "r.dscalar.nii", "sub-01", "r", [])
        image = nibabel.load(tmp_path / "r.dscalar.nii")
        assert image.header.get_axis(1) == brain_models(len(r))
        np.testing.assert_array_equal(np.asarray(image.dataobj)[0], r)
        assert isinstance(image, cifti2.Cifti2Image)


def test_a_fit_is_himalayas_on_matrices_made_by_hand(arrays, planted):
    """Boxcars by a fine grid, FIR, z-score by scipy, himalaya's RidgeCV with intercept."""
    _, store, fit = arrays
    x, y = [], []
    for number, rows in enumerate(planted.rows):
        fine = np.zeros((240 * 100, 2))
        for onset, duration, kind in planted.events[number]:
            fine[int(onset * 100) : int((onset + duration) * 100), "ab".index(kind)] = 1
        trs = fine.reshape(160, 150, 2).mean(1)
        parts = [np.vstack([np.zeros((s, 2)), trs[:-s]]) for s in (2, 3, 4)]
        x.append(np.hstack(parts))
        y.append(stats.zscore(rows.astype(float)))
    groups = np.repeat(np.arange(4), 160)
    cv = LeaveOneGroupOut().split(groups, groups=groups)
    model = RidgeCV(
        alphas=np.logspace(-1, 4, 6), fit_intercept=True, cv=list(cv),
        solver_params={"local_alpha": True, "score_func": _correlation},
    ).fit(np.concatenate(x[:4]), np.concatenate(y[:4]))  # fmt: skip
    predicted, measured = model.predict(np.concatenate(x[4:])), np.concatenate(y[4:])
    r = [stats.pearsonr(a, b)[0] for a, b in zip(predicted.T, measured.T, strict=True)]
    np.testing.assert_allclose(scores(store, fit), r, atol=1e-4)


def _correlation(y_true, y_pred):
    from himalaya.scoring import correlation_score

    return correlation_score(y_true, y_pred)


def test_motion_is_regressed_out_or_a_band(arrays, planted, tmp_path):
    root, store, fit = arrays
    plain = scores(store, fit)
    other, (clean,) = run(
        root,
        tmp_path / "clean",
        "dataset.responses.confounds=[trans_x, trans_y]",
        layout="arrays",
        tr_s=1.5,
    )
    assert np.median((scores(other, clean) - plain)[planted.driven]) > 0.02
    assert clean["fit"] != fit["fit"]
    bands = (
        "fits=[{kind: banded, bands: {trials: {from: trials}, motion: {from: motion}}, "
        "delays: {start: 3, end: 6, combine: concat}, search: {n_iter: 20}}]"
    )
    third, (banded,) = run(root, tmp_path / "banded", bands, layout="arrays", tr_s=1.5)
    assert banded["bands"] == "trials + motion"
    noise = ~planted.driven  # follows the motion only
    assert np.mean((scores(third, banded) - plain)[noise]) > 0.03


def test_own_features_on_their_clock_are_the_same_as_events(arrays, planted, tmp_path):
    root, store, fit = arrays
    (root / "features").mkdir(exist_ok=True)
    for number in range(6):
        rows = np.zeros((2400, 2), np.float32)
        for onset, duration, kind in planted.events[number]:
            rows[int(onset * 10) : int((onset + duration) * 10), "ab".index(kind)] = 1
        np.save(root / "features" / f"boxes_run-{number + 1}.npy", rows)
    path = "features/{model}_{run}.npy"
    own = f"features={{trials: {{modality: own, model: boxes, path: '{path}', rate_hz: 10.0}}}}"
    other, (same,) = run(root, tmp_path / "out", own, layout="arrays", tr_s=1.5)
    assert (same["model"], same["modality"]) == ("boxes", "own")
    np.testing.assert_allclose(scores(other, same), scores(store, fit), atol=2e-4)
    np.save(root / "features" / "boxes_run-3.npy", rows[:2000])
    with pytest.raises(
        D2BError, match=r"2000 rows at 10 a second are 200 s, and the stimulus of run run-3 has 240"
    ):
        run(root, tmp_path / "other", own, layout="arrays", tr_s=1.5)


def test_delays_that_are_no_whole_trs_are_refused(arrays, tmp_path):
    root, *_ = arrays
    with pytest.raises(
        D2BError,
        match=r"fits\.0\.delays: from 4 to 4 s must be whole TRs of 1\.5 s, one or more; near are 3 and",
    ):
        run(root, tmp_path / "out", "fits.0.delays={start: 4, end: 4}", layout="arrays", tr_s=1.5)


def checked(capsys, spec):
    code = check_data(spec, as_json=True)
    return code, {(f["level"], f["what"]): f["words"] for f in json.loads(capsys.readouterr().out)}


def test_data_check_tells_what_is_there_and_what_is_wrong(planted, tmp_path, capsys):
    root = write_bids(tmp_path / "data", planted)
    code, found = checked(capsys, sweep(root, tmp_path / "out"))
    assert code == 0
    assert found["ok", "data set"] == "1 subjects, 4 runs to train on and 2 to validate, TR 1.5 s"
    code, found = checked(capsys, sweep(root, tmp_path / "out", "dataset.responses.zscore=none"))
    assert "standard deviations from 0, as in scanner units" in found["warning", "responses sub-01"]
    prep = root / "derivatives/fmriprep/sub-01/func"
    image = prep / "sub-01_task-t_run-2_space-T1w_desc-preproc_bold.nii.gz"
    kept = image.read_bytes()

    def told():
        code, found = checked(capsys, sweep(root, tmp_path / "out"))
        assert code == 2
        return " | ".join(words for (level, _), words in found.items() if level == "error")

    image.write_text("/annex/objects/MD5E-s123--abc.nii.gz\n")
    assert "is a pointer of git annex, not the image; `git annex get" in told()
    image.unlink()
    image.symlink_to("../.git/annex/objects/nowhere")
    assert "is a pointer of git annex" in told()
    image.unlink()
    assert "the run table names run task-t_run-2; there are task-t_run-1, task-t_run-3" in told()
    image.write_bytes(kept[:500])
    assert "sub-01_task-t_run-2" in told()
    short = nibabel.Nifti1Image(np.ones((6, 5, 4, 160), np.float32)[:5], AFFINE)
    nibabel.save(short, image)
    assert "images of shape (5, 5, 4), and sub-01_task-t_run-1" in told()
    image.write_bytes(kept)
    sidecar = prep / "sub-01_task-t_run-2_space-T1w_desc-preproc_bold.json"
    sidecar.write_text('{"RepetitionTime": 2.0}')
    assert "runs have TRs of 1.5, 2 s" in told()
    sidecar.write_text('{"RepetitionTime": 1.5}')
    mask = prep / "sub-01_task-t_run-2_space-T1w_desc-brain_mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(planted.inside.astype(np.uint8), np.eye(4)), mask)
    assert "the masks of subject sub-01 are of different spaces" in told()
    nibabel.save(nibabel.Nifti1Image(np.zeros((6, 5, 4), np.uint8), AFFINE), mask)
    assert "the masks of subject sub-01 share no voxel" in told()
    mask.unlink()
    assert "there is no mask; say dataset.mask" in told()
    (root / "sub-01/func/sub-01_task-t_run-1_events.tsv").unlink()
    assert "events of subject sub-01, run task-t_run-1 are missing" in told()
    other = prep / "sub-01_task-t_run-1_space-MNI_desc-preproc_bold.nii.gz"
    other.write_bytes(kept)
    assert "choose by space: MNI, T1w" in told()
    (root / "runs.csv").unlink()
    assert "`d2b-ray data init" in " ".join(
        checked(capsys, sweep(root, tmp_path / "out", select={"space": "T1w"}))[1].values()
    )


def test_data_check_finds_the_same_stimulus_on_both_sides(arrays, planted, tmp_path, capsys):
    root = write_arrays(tmp_path / "data", planted)
    (root / "annotations").mkdir()
    for number in range(1, 7):
        text = "annotator1\n" + "".join(f"line {number % 5} {s}\n" for s in range(240))
        (root / "annotations" / f"run-{number}_story.txt").write_text(text)
    spec = sweep(root, tmp_path / "out", layout="arrays", tr_s=1.5)
    code, found = checked(capsys, spec)
    assert code == 2
    assert found["error", "leakage"].startswith(
        "runs run-1 and run-6, in training and validation, have the same captions story"
    )


def test_init_writes_a_table_and_never_over_one(planted, tmp_path):
    root = write_bids(tmp_path / "data", planted)
    command = [sys.executable, "-m", "d2b_ray.cli", "data", "init", str(root)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is there already" in done.stderr
    before = (root / "runs.csv").read_text()
    (root / "runs.csv").unlink()
    assert subprocess.run(command, capture_output=True, text=True).returncode == 0
    lines = (root / "runs.csv").read_text().splitlines()
    assert lines[1:] == [f"task-t_run-{n},{'test' if n == 6 else 'train'}" for n in range(1, 7)]
    assert before


@pytest.mark.skipif(not REAL.is_dir(), reason="real recordings are not here")
def test_a_real_recording_is_himalayas(tmp_path):
    """Haxby et al. (2001), twelve runs at a TR of 2.5 s: categories, FIR of 1 to 4 TRs, z-scored per run."""
    root = tmp_path / "data"
    subprocess.run([sys.executable, str(REAL / "to_bids.py"), str(root)], check=True)
    names = [f"task-objects_run-{n:02d}" for n in range(1, 13)]
    lines = [f"{n},{'test' if i >= 10 else 'train'}" for i, n in enumerate(names)]
    (root / "runs.csv").write_text("\n".join(["run,role", *lines]))
    fir = "fits.0.delays={start: 1, end: 4, unit: trs, combine: concat}"
    store, (fit,) = run(root, tmp_path / "out", fir)
    assert (fit["delay_start_s"], fit["delay_end_s"]) == (2.5, 10.0)
    x, y = [], []
    mask = np.ones(1)
    for name in names:
        image = nibabel.load(
            root
            / f"derivatives/fmriprep/sub-01/func/sub-01_{name}_space-T1w_desc-preproc_bold.nii.gz"
        )
        mask = nibabel.load(
            root
            / f"derivatives/fmriprep/sub-01/func/sub-01_{name}_space-T1w_desc-brain_mask.nii.gz"
        )
        inside = mask.get_fdata() > 0
        y.append(stats.zscore(image.get_fdata()[inside].T))
        rows = [
            line.split("\t")
            for line in (root / f"sub-01/func/sub-01_{name}_events.tsv")
            .read_text()
            .splitlines()[1:]
        ]
        kinds = sorted({row[2] for row in rows})
        fine = np.zeros((121 * 250, len(kinds)))
        for onset, duration, kind in rows:
            start = round(float(onset) * 100)
            fine[start : start + round(float(duration) * 100), kinds.index(kind)] = 1
        trs = fine.reshape(121, 250, -1).mean(1)
        x.append(
            np.hstack([np.vstack([np.zeros((s, len(kinds))), trs[:-s]]) for s in (1, 2, 3, 4)])
        )
    groups = np.repeat(np.arange(10), 121)
    model = RidgeCV(
        alphas=np.logspace(-1, 4, 6), fit_intercept=True,
        cv=list(LeaveOneGroupOut().split(groups, groups=groups)),
        solver_params={"local_alpha": True, "score_func": _correlation},
    ).fit(np.concatenate(x[:10]), np.concatenate(y[:10]))  # fmt: skip
    predicted, measured = model.predict(np.concatenate(x[10:])), np.concatenate(y[10:])
    r = [stats.pearsonr(a, b)[0] for a, b in zip(predicted.T, measured.T, strict=True)]
    np.testing.assert_allclose(scores(store, fit), r, atol=1e-4)
    assert max(r) > 0.45
    write_map(str(tmp_path / "out"), tmp_path / "r.nii.gz", "sub-01", "r", [])
    np.testing.assert_array_equal(nibabel.load(tmp_path / "r.nii.gz").affine, mask.affine)


def test_words_in_time_drive_a_sweep(tmp_path):
    """Words through a tiny causal model and Lanczos: the planted effect is found."""
    root, rng = tmp_path / "data", np.random.default_rng(5)
    vocabulary = ["one", "two", "three", "a", "red", "fox", "jumps", "over", "the", "sea"]
    (root / "words" / "said").mkdir(parents=True)
    (root / "responses" / "S1").mkdir(parents=True)
    model = str(GOLDEN / "features" / "text_gpt2" / "model")
    said = {}
    for n in range(6):
        onset = np.sort(rng.uniform(0, 295, 500)).round(3)
        words = rng.choice(vocabulary, 500)
        rows = [[o, round(o + 0.3, 3), w] for o, w in zip(onset, words, strict=True)]
        rows[7][0] = "n/a"
        text = "\n".join("\t".join(map(str, row)) for row in [["onset", "offset", "word"], *rows])
        (root / "words" / "said" / f"r{n}.tsv").write_text(text + "\n")
        onset[7] = np.nan
        said[f"r{n}"] = Words(tuple(map(str, words)), onset, onset + 0.3)
    network = load(source(model, None, "words"), device="cpu", dtype="float32")
    options = {"context": 5, "layers": [2], "tokens": "last", "batch_tokens": 4096}
    weights = rng.standard_normal((32, 12))
    for run_name, found in extract(network, said, **options):
        rows, clock = found[2], said[run_name].clock
        assert len(rows) == len(clock.onset) == 499
        x = to_scans(rows - rows.mean(0), clock, 2.0, 150, Sampling("lanczos"))
        signal = stats.zscore(np.vstack([np.zeros((2, 32)), x[:-2]]) @ weights)
        noise = rng.standard_normal(signal.shape)
        np.save(root / "responses" / "S1" / f"{run_name}.npy", (signal + noise).astype(np.float32))
    lines = [f"r{n},{'test' if n > 3 else 'train'}" for n in range(6)]
    (root / "runs.csv").write_text("\n".join(["run,role", *lines]))
    block = f"{{modality: words, annotation: said, model: {model}, layers: [2], context: 5}}"
    overrides = (
        f"features={{said: {block}, rate: {{modality: wordrate, annotation: said}}}}",
        "fits.0.features=[said, rate]",
        "fits.0.delays={start: 4, end: 4}",
    )
    out = tmp_path / "out"
    store, fits = run(root, out, *overrides, layout="arrays", tr_s=2.0)
    states, rate = sorted(fits, key=lambda fit: fit["modality"], reverse=True)
    assert (states["annotation"], states["layer"], rate["features"]) == ("said", 2, 1)
    assert np.median(scores(store, states)) > 0.55
    assert np.median(scores(store, rate)) < 0.3
    files = sorted(path for path in store.list("stim_features/words") if path.endswith(".npy"))
    assert len(files) == 6
    found = dict(extract(network, said, **options))
    np.testing.assert_allclose(store.read_array(files[0]), found["r0"][2], atol=1e-5)


def test_volumes_smoothed_and_as_parcels(planted, tmp_path):
    """Means over parcels of an atlas, painted back into its voxels; smoothing as nilearn does it."""
    root = write_bids(tmp_path / "data", planted)
    labels = np.zeros(planted.inside.shape, np.int16)
    labels[:3], labels[3:5] = 7, 2
    nibabel.save(nibabel.Nifti1Image(labels, AFFINE), root / "atlas.nii.gz")
    out = tmp_path / "parcels"
    store, (fit,) = run(
        root, out, "dataset.responses.parcels=atlas.nii.gz", "output.report=pictures"
    )
    assert fit["voxels"] == 2
    assert fit["responses"] == "means over parcels of atlas.nii.gz, z-scored in each run"
    assert fit["tr_s"] == 1.5
    dataset = open_dataset("bids", str(root), DataChoices(options={"parcels": "atlas.nii.gz"}))
    inside = labels[planted.inside]
    expected = np.stack([planted.rows[0][:, inside == n].mean(1) for n in (2, 7)], axis=1)
    first = dataset.runs.used[:1]
    np.testing.assert_allclose(dataset.responses("sub-01", first), expected, rtol=1e-5)
    write_map(str(out), tmp_path / "r.nii.gz", "sub-01", "r", [])
    painted = np.asarray(nibabel.load(tmp_path / "r.nii.gz").dataobj)
    r = scores(store, fit)
    for label, value in ((2, r[0]), (7, r[1])):
        assert set(painted[planted.inside & (labels == label)].tolist()) == {value}
    assert np.isnan(painted[planted.inside & (labels == 0)]).all()
    smooth = open_dataset("bids", str(root), DataChoices(options={"smoothing_mm": 6.0}))
    name = "sub-01_task-t_run-1_space-T1w_desc-preproc_bold.nii.gz"
    image = smooth_img(str(root / "derivatives/fmriprep/sub-01/func" / name), 6.0)
    np.testing.assert_allclose(
        smooth.responses("sub-01", first), image.get_fdata()[planted.inside].T, rtol=1e-4, atol=1e-2
    )
    page = (out / "report" / "index.html").read_text()
    assert "Responses: TR 1.5 s, means over parcels of atlas.nii.gz, z-scored in each run." in page
    assert "<h2>Methods</h2>" in page
    assert "640 samples for training and 320 for validation" in page
    assert '<img src="data:image/png;base64,' in page
    assert (out / "report" / "brain_sub-01_slices.png").read_bytes().startswith(b"\x89PNG")
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), root / "atlas.nii.gz")
    with pytest.raises(D2BError, match="not in the space of the images"):
        run(root, tmp_path / "other", "dataset.responses.parcels=atlas.nii.gz")
    gifti = write_bids(tmp_path / "gifti", planted, "gifti")
    with pytest.raises(D2BError, match="are for volumes, and these images are of kind surface"):
        run(gifti, tmp_path / "third", "dataset.responses.smoothing_mm=4")


def test_two_subjects_with_events_of_their_own_are_compared_each_with_itself(tmp_path):
    """Fits on a subject's own features stand against those of all, within each subject."""
    root = write_arrays(tmp_path / "data", Planted(1.5))
    second = write_arrays(tmp_path / "second", Planted(1.5, seed=4))
    for folder in ("responses", "events", "confounds"):
        (second / folder / "sub-01").rename(root / folder / "sub-02")
    (root / "features").mkdir()
    for number in range(1, 7):
        noise = np.random.default_rng(number).standard_normal((240, 2))
        np.save(root / "features" / f"run-{number}.npy", noise)
    blocks = "{modality: own, model: noise, path: 'features/{run}.npy'}"
    overrides = (
        f"features={{trials: {{modality: events}}, noise: {blocks}}}",
        "fits.0.features=[trials, noise]",
        "compare=[{first: {model: events}, second: {model: noise}}]",
    )
    store, fits = run(root, tmp_path / "both", *overrides, layout="arrays", tr_s=1.5)
    assert len(fits) == 4
    rows = store.read_table("tables/comparisons.parquet").to_pylist()
    named = [
        row
        for row in rows
        if row["subject"] and not row["roi"] and row["first"].startswith("events")
    ]
    assert {row["subject"] for row in named} == {"sub-01", "sub-02"}
    assert all(row["difference"] > 0.1 for row in named)
    events = {row["subject"]: row["fit"] for row in fits if row["model"] == "events"}
    assert {row["subject"]: row["first_fit"] for row in named} == events
    over = [
        row
        for row in rows
        if not row["subject"] and not row["roi"] and row["first"].startswith("events")
    ]
    assert over
    assert over[0]["subjects"] == 2
