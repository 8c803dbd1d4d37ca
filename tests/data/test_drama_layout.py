"""Layout drama2brain: the golden data set as the old code loaded it, and what broken files say."""

from __future__ import annotations

import json
import shutil

import golden_cases
import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from d2b_ray.data import open_dataset
from d2b_ray.errors import DataError

ROOT = golden_cases.GOLDEN / "numerics" / "dataset"
SUBJECT = "DM03"


@pytest.fixture(scope="module")
def golden():
    return open_dataset("drama2brain", str(ROOT))


@pytest.fixture
def own(tmp_path):
    """A copy that a test may break."""
    root = tmp_path / "data"
    shutil.copytree(ROOT / "fmri", root / "fmri")
    shutil.copy(ROOT / "runs.csv", root)
    return root


def told(root, act) -> str:
    with pytest.raises(DataError) as error:
        act(open_dataset("drama2brain", str(root)))
    message = str(error.value)
    assert "\n" not in message
    return message


def session(root, name: str):
    (path,) = (root / "fmri" / "raw" / SUBJECT).glob(f"*/{name}.mat")
    return path


def own_voxels(root):
    return root / "fmri" / "bbregister" / SUBJECT / "vset_099.mat"


def read_first(dataset):
    return dataset.responses(SUBJECT, dataset.runs.runs[:1])


@pytest.mark.parametrize("part", ["TRAIN", "VALID"])
@pytest.mark.parametrize("split", ["all", "splitA", "splitB"])
def test_responses_are_those_the_old_code_loaded(golden, split, part):
    found = golden_cases.arrays("dataset")
    runs = golden.runs.train(split) if part == "TRAIN" else golden.runs.valid(split)
    rows = dict(
        zip(
            [run.name for run in runs],
            np.split(golden.responses(SUBJECT, runs), np.cumsum([r.samples for r in runs])[:-1]),
            strict=True,
        )
    )
    in_table = [run for run in golden.runs.runs if run.name in rows]
    responses = np.concatenate([rows[run.name] for run in in_table])
    assert responses.dtype == np.float32
    np.testing.assert_array_equal(responses, found[f"resp_{split}_{part}"])
    titles = [run.title for run in in_table for _ in range(run.samples)]
    assert titles == found[f"titles_{split}_{part}"].tolist()


def test_runs_are_stacked_in_the_order_asked_for(golden):
    one, two = golden.runs.runs[:2]
    forward, back = golden.responses(SUBJECT, [one, two]), golden.responses(SUBJECT, [two, one])
    np.testing.assert_array_equal(np.roll(forward, two.samples, axis=0), back)


def test_no_runs_give_no_rows_but_all_voxels(golden):
    assert golden.responses(SUBJECT, []).shape == (0, len(golden.voxels(SUBJECT).index))


def test_rois_are_those_of_the_old_code_and_only_cortical(golden):
    expected = golden_cases.description("dataset")["roi"]
    assert {k: v.tolist() for k, v in golden.rois(SUBJECT).items()} == expected
    labels = str(loadmat(ROOT / "fmri" / "bbregister" / SUBJECT / "fsROI.mat"))
    assert "Left-Thalamus" in labels, "the file holds a label that must be dropped"


def test_a_voxel_of_several_rois_has_the_first_label_and_others_none(golden):
    rois = golden_cases.description("dataset")["roi"]
    label = golden.voxels(SUBJECT).roi
    for position, name in enumerate(label.tolist()):
        assert name == next((roi for roi, own in rois.items() if position in own), "")


def test_voxels_are_tvoxels_counted_from_zero_in_the_order_of_the_file(golden):
    voxels = golden.voxels(SUBJECT)
    written = loadmat(own_voxels(ROOT))["tvoxels"].reshape(-1)
    assert voxels.index.tolist() == [int(one) - 1 for one in written]
    assert voxels.shape == ()
    with h5py.File(session(ROOT, "Alpha_run1")) as file:
        column = np.squeeze(file["dataDT"][()])[:, int(written[7]) - 1]
    np.testing.assert_array_equal(read_first(golden)[:, 7], column[: len(read_first(golden))])


def test_the_subjects_are_those_of_the_list_in_its_order(golden):
    listed = json.loads((ROOT / "fmri" / "exp" / "subject.json").read_text())
    assert list(golden.subjects) == [entry["name"] for entry in listed]


def test_a_subject_without_regions_has_none(own):
    (own_voxels(own).parent / "fsROI.mat").unlink()
    dataset = open_dataset("drama2brain", str(own))
    assert dataset.rois(SUBJECT) == {}
    assert set(dataset.voxels(SUBJECT).roi.tolist()) == {""}
    assert not any("fsROI" in path for path in dataset.response_files(SUBJECT))


def test_without_a_table_the_runs_are_those_of_the_paper(own):
    (own / "runs.csv").unlink()
    assert len(open_dataset("drama2brain", str(own)).runs.runs) == 41


def test_response_files_are_one_a_run_then_voxels_and_regions(golden):
    files = golden.response_files(SUBJECT)
    assert len(files) == len(golden.runs.used) + 2
    assert [path.rsplit("/", 1)[1] for path in files[-2:]] == ["vset_099.mat", "fsROI.mat"]


def test_missing_response_files_are_counted_and_the_first_is_named(own):
    path = session(own, "Beta_run1")
    path.unlink()
    session(own, "Gamma_run2").unlink()
    message = told(own, lambda d: d.response_files(SUBJECT))
    assert message == f"{path}: 2 of 10 response files of subject {SUBJECT} are missing"


def test_an_absent_response_file_is_named(own):
    path = session(own, "Alpha_run1")
    path.unlink()
    assert told(own, read_first).startswith(f"{path}: cannot be read as a MATLAB v7.3 file")


@pytest.mark.parametrize("content", [b"", b"no hdf5 at all", b"\x89HDF\r\n\x1a\n"])
def test_a_response_file_that_is_no_hdf5_is_named(own, content):
    path = session(own, "Alpha_run1")
    path.write_bytes(content)
    assert told(own, read_first).startswith(f"{path}: cannot be read as a MATLAB v7.3 file")


def test_a_response_file_cut_in_half_is_named(own):
    path = session(own, "Alpha_run1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert told(own, read_first).startswith(f"{path}: ")


def test_damaged_rows_of_a_response_file_are_named(own):
    path = session(own, "Alpha_run1")
    noise = np.random.default_rng(0).random((64, 600))
    with h5py.File(path, "w") as file:
        series = file.create_dataset("dataDT", data=noise, chunks=(64, 600), compression="gzip")
        at = series.id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[at + 100 : at + 2000] = bytes(1900)
    path.write_bytes(data)
    assert told(own, read_first).startswith(f"{path}: rows 0 to 64 of dataDT cannot be read")


def test_a_response_file_with_another_variable_tells_what_it_has(own):
    path = session(own, "Alpha_run1")
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros((64, 400))
        file["other"] = 1
    assert told(own, read_first) == f"{path}: has no variable dataDT; it has data, other"


@pytest.mark.parametrize("value", [np.zeros(64), np.zeros((2, 64, 400)), 3.0, [[b"a", b"b"]]])
def test_responses_that_are_no_table_of_numbers_are_told(own, value):
    path = session(own, "Alpha_run1")
    with h5py.File(path, "w") as file:
        file["dataDT"] = value
    message = told(own, read_first)
    assert message.startswith(f"{path}: dataDT has shape {np.shape(value)}; expected")


def test_a_group_in_place_of_responses_is_told(own):
    path = session(own, "Alpha_run1")
    with h5py.File(path, "w") as file:
        file.create_group("dataDT")
    assert told(own, read_first).startswith(f"{path}: dataDT has shape (); expected")


def test_responses_with_leading_axes_of_one_are_squeezed(own, golden):
    path = session(own, "Alpha_run1")
    with h5py.File(path) as file:
        series = np.squeeze(file["dataDT"][()])
    with h5py.File(path, "w") as file:
        file["dataDT"] = series[None, None]
    found = read_first(open_dataset("drama2brain", str(own)))
    np.testing.assert_array_equal(found, read_first(golden))


def test_a_response_file_shorter_than_its_run_tells_both_lengths(own):
    path = session(own, "Alpha_run1")
    with h5py.File(path, "w") as file:
        file["dataDT"] = np.zeros((63, 400))
    message = told(own, read_first)
    assert message.startswith(f"{path}: 63 rows of responses; the run table says 64 s")


def test_responses_of_a_smaller_volume_than_the_voxels_are_told(own):
    path = session(own, "Alpha_run1")
    with h5py.File(path, "w") as file:
        file["dataDT"] = np.zeros((64, 5))
    message = told(own, read_first)
    assert message.startswith(f"{path}: 5 voxels, but vset_099.mat names voxel ")


def test_an_unknown_subject_is_told_with_those_that_exist(golden):
    for act in (golden.voxels, golden.rois, lambda s: golden.responses(s, [])):
        with pytest.raises(DataError) as error:
            act("DM99")
        assert str(error.value) == "subject 'DM99' is not in subject.json; it has DM01, DM03"


def test_a_part_that_the_subject_list_lacks_is_told(own):
    path = own / "fmri" / "exp" / "subject.json"
    entries = json.loads(path.read_text())
    for entry in entries:
        for movie in entry["mov"]:
            if movie["title"] == "Gamma":
                movie["run"].pop()
    path.write_text(json.dumps(entries))
    message = told(own, lambda d: d.response_files(SUBJECT))
    assert message.startswith(f"{path}: subject DM03 has 2 runs of Gamma; part 3 of the run table")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "3",
        "[3]",
        '[{"name": "DM01"}]',
        '[{"name": "DM01", "mov": [{"title": "A", "run": [{"file": 3}]}]}]',
        '[{"name": "DM01", "mov": [{"title": "A", "run": [{"file": "a/b/c"}]}]}]',
    ],
)
def test_a_malformed_subject_list_is_told_with_what_is_expected(own, content):
    path = own / "fmri" / "exp" / "subject.json"
    path.write_text(content)
    message = told(own, read_first)
    assert message.startswith(f"{path}: expected a list of {{name, mov: [{{title, run: [{{file}}]")


def test_an_absent_subject_list_is_told(own):
    path = own / "fmri" / "exp" / "subject.json"
    path.unlink()
    assert told(own, read_first).startswith(f"{path}: cannot be read (No such file")


def packed() -> bytes:
    """A compressed MATLAB file with a hole in its stream."""
    import io

    out = io.BytesIO()
    savemat(out, {"tvoxels": np.arange(1, 500)[:, None]}, do_compression=True)
    data = out.getvalue()
    return data[:150] + bytes(4) + data[154:]


@pytest.mark.parametrize("content", [b"", b"a", b"text" * 200, packed()])
@pytest.mark.parametrize("name", ["vset_099.mat", "fsROI.mat"])
def test_voxel_files_that_are_no_matlab_are_named(own, name, content):
    path = own_voxels(own).parent / name
    path.write_bytes(content)
    message = told(own, lambda d: d.voxels(SUBJECT))
    assert message.startswith(f"{path}: cannot be read as a MATLAB v5 file")


def test_a_voxel_file_cut_in_half_is_named(own):
    path = own_voxels(own)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    message = told(own, lambda d: d.voxels(SUBJECT))
    assert message.startswith(f"{path}: cannot be read as a MATLAB v5 file")


def test_an_absent_voxel_file_is_named(own):
    own_voxels(own).unlink()
    message = told(own, read_first)
    assert message.startswith(f"{own_voxels(own)}: cannot be read as a MATLAB v5 file")


def test_a_voxel_file_with_another_variable_is_told(own):
    savemat(own_voxels(own), {"voxels": np.arange(3)})
    assert told(own, read_first) == (
        f"{own_voxels(own)}: has no variable tvoxels (1-based voxel indices)"
    )


@pytest.mark.parametrize("index", [[0, 1], [2, 2], [], [-1, 5]])
def test_voxel_indices_that_are_not_distinct_and_one_based_are_refused(own, index):
    savemat(own_voxels(own), {"tvoxels": np.array(index)})
    message = told(own, read_first)
    assert message == f"{own_voxels(own)}: tvoxels must be distinct 1-based voxel indices"


def test_the_shape_of_the_volume_is_taken_from_the_voxel_file(own):
    content = {k: v for k, v in loadmat(own_voxels(own)).items() if not k.startswith("__")}
    savemat(own_voxels(own), {**content, "volume_shape": np.array([20, 30, 40])})
    assert open_dataset("drama2brain", str(own)).voxels(SUBJECT).shape == (20, 30, 40)


def test_a_volume_too_small_for_its_voxels_is_told(own):
    savemat(own_voxels(own), {"tvoxels": np.array([3, 9]), "volume_shape": np.array([2, 2, 2])})
    message = told(own, lambda d: d.voxels(SUBJECT))
    assert message == (
        f"{own_voxels(own)}: tvoxels names voxel 9, but volume_shape [2, 2, 2] has 8 voxels"
    )


@pytest.mark.parametrize("value", [np.arange(3.0), "words", np.array([["a"]], object)])
def test_regions_of_another_form_are_told_with_what_is_expected(own, value):
    path = own_voxels(own).parent / "fsROI.mat"
    savemat(path, {"fsROI": value})
    message = told(own, lambda d: d.rois(SUBJECT))
    assert message.startswith(f"{path}: expected a struct with a name, a cell of labels")


def test_data_sets_that_cannot_be_opened_say_how_to_go_on(tmp_path):
    for layout, root, expected in [
        (
            "nwb",
            str(tmp_path),
            "layout 'nwb' does not exist; allowed: drama2brain, arrays, openneuro, bids",
        ),
        ("arrays", str(tmp_path / "no"), f"dataset.root {tmp_path / 'no'} is not a folder; "),
    ]:
        with pytest.raises(DataError) as error:
            open_dataset(layout, root)
        assert str(error.value).startswith(expected)
        assert "\n" not in str(error.value)
