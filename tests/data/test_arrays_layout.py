"""Layout arrays: plain .npy files, read as they are, and what broken ones say."""

from __future__ import annotations

import io

import numpy as np
import pytest
from problems import common_sweep, write_common

from d2b_ray.data import DataChoices, open_dataset
from d2b_ray.errors import DataError
from d2b_ray.plan.axes import chosen_subjects
from d2b_ray.report.tables import voxel_table

RUNS = """title,part,seconds,overlap,split_all,split_a,split_b,cv_group
A,1,30,0,TRAIN,,,0
A,2,25,5,VALID,,,0
B,1,20,0,,,,1
"""
WIDTH = 6


def response(part: int, seconds: int) -> np.ndarray:
    return np.random.default_rng(part).standard_normal((seconds, WIDTH))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    own = tmp_path / "responses" / "S1"
    own.mkdir(parents=True)
    np.save(own / "A_001.npy", response(1, 30))
    np.save(own / "A_002.npy", response(2, 25))
    return tmp_path


def opened(root):
    return open_dataset("arrays", str(root))


def told(act) -> str:
    with pytest.raises(DataError) as error:
        act()
    message = str(error.value)
    assert "\n" not in message
    return message


def describe(root, **arrays):
    (root / "voxels").mkdir(exist_ok=True)
    path = root / "voxels" / "S1.npz"
    np.savez(path, **arrays)
    return path


def read(root, place: int = 0):
    dataset = opened(root)
    return dataset.responses("S1", dataset.runs.runs[place : place + 1])


def test_rows_beyond_the_run_are_refused_unless_asked_for(root):
    path = root / "responses" / "S1" / "A_001.npy"
    np.save(path, response(1, 45))
    for act in (lambda: read(root), lambda: opened(root).response_files("S1")):
        message = told(act)
        assert message.startswith(f"{path}: 45 rows of responses; the run table says 30 s: a row")
        assert "dataset.extra_rows: cut" in message
    np.save(path, np.zeros((WIDTH * 100, 30)))  # voxels down, seconds across
    assert f"or they lie across (its shape is ({WIDTH * 100}, 30))" in told(lambda: read(root))


def test_rows_beyond_the_run_may_be_cut_and_overlaps_are_dropped(root):
    np.save(root / "responses" / "S1" / "A_002.npy", response(2, 40))
    dataset = open_dataset("arrays", str(root), DataChoices("cut"))
    found = dataset.responses("S1", dataset.runs.used)
    expected = np.concatenate([response(1, 30), response(2, 40)[5:25]]).astype(np.float32)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    assert len(found) == sum(run.samples for run in dataset.runs.used)


def test_runs_are_stacked_in_the_order_asked_for(root):
    dataset = opened(root)
    one, two = dataset.runs.used
    forward, back = dataset.responses("S1", [one, two]), dataset.responses("S1", [two, one])
    np.testing.assert_array_equal(np.roll(forward, two.samples, axis=0), back)


def test_subjects_are_the_folders_sorted(root):
    for name in ("S0", "Z"):
        (root / "responses" / name).mkdir()
    (root / "responses" / "notes.txt").write_text("")
    assert opened(root).subjects == ("S0", "S1", "Z")


def test_without_a_voxel_file_columns_are_numbered_and_lie_nowhere(root):
    voxels = opened(root).voxels("S1")
    assert voxels.index.tolist() == list(range(WIDTH))
    assert voxels.shape == ()
    assert voxels.roi.tolist() == [""] * WIDTH


MASK = np.zeros((2, 3, 4), bool)
MASK[[0, 0, 1, 1, 1, 0], [0, 2, 0, 1, 2, 1], [3, 1, 0, 2, 3, 0]] = True  # as many as WIDTH
PLACES = np.argwhere(MASK)  # i, j, k in the order of data[MASK]
WAYS = {
    "mask": {"mask": MASK},
    "coordinates": {"coordinates": PLACES, "shape": np.array(MASK.shape)},
    "index as NumPy has it": {
        "index": np.flatnonzero(MASK), "shape": np.array(MASK.shape), "order": "C",
    },
    "index as MATLAB has it": {
        "index": np.ravel_multi_index(PLACES.T, MASK.shape, order="F"),
        "shape": np.array(MASK.shape), "order": "F",
    },
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_voxels_lie_where_each_way_of_telling_says(root, way):
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = -10, -20, -30
    roi = np.array(["V1", "", "", "A1", "", ""])
    describe(root, roi=roi, affine=affine, **WAYS[way])
    voxels = opened(root).voxels("S1")
    k, j, i = np.unravel_index(voxels.index, voxels.shape)
    np.testing.assert_array_equal(np.stack([i, j, k], 1), PLACES)
    assert voxels.roi.tolist() == roi.tolist()
    table = voxel_table({"fit": "a", "subject": "S1"}, voxels, {}).to_pandas()
    np.testing.assert_array_equal(table[list("ijk")], PLACES)
    np.testing.assert_array_equal(table[list("xyz")], PLACES * [2, 3, 4] + [-10, -20, -30])


def test_an_index_of_a_volume_names_its_order(root):
    path = describe(root, index=np.flatnonzero(MASK), shape=np.array(MASK.shape))
    message = told(lambda: opened(root).voxels("S1"))
    assert message.startswith(f"{path}: order of index is none; must be C")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"mask": np.ones((2, 3, 4), bool)}, "mask is true in 24 voxels, and responses have 6 columns"),
        ({"mask": MASK.astype(int)}, "mask is int64 of shape (2, 3, 4); must be bool (X, Y, Z)"),
        ({"mask": MASK, "index": np.arange(6)}, "has mask and index"),
        ({"coordinates": PLACES + 0.5}, "coordinates is float64"),
        ({"coordinates": PLACES, "shape": [2, 3, 3]}, "must lie within the volume of shape (2, 3, 3)"),
        ({"coordinates": PLACES, "affine": np.eye(3)}, "affine has shape (3, 3)"),
        ({"index": np.arange(6), "affine": np.eye(4)}, "affine has shape (4, 4); must be"),
        ({"mask": MASK, "roi": ["V1"]}, "roi has shape (1,)"),
    ],
)  # fmt: skip
def test_voxels_that_do_not_fit_are_refused(root, arrays, words):
    path = describe(root, **{name: np.asarray(array) for name, array in arrays.items()})
    message = told(lambda: opened(root).voxels("S1"))
    assert message.startswith(f"{path}: ")
    assert words in message


def test_shape_and_regions_are_optional(root):
    describe(root, index=np.arange(WIDTH))
    voxels = opened(root).voxels("S1")
    assert voxels.shape == ()
    assert voxels.roi.tolist() == [""] * WIDTH


def test_response_files_are_those_of_runs_with_a_role_and_the_voxels(root):
    def names() -> list[str]:
        return [path.rsplit("/", 1)[1] for path in opened(root).response_files("S1")]

    assert names() == ["A_001.npy", "A_002.npy"]
    describe(root, index=np.arange(WIDTH))
    assert names() == ["A_001.npy", "A_002.npy", "S1.npz"]


def test_captions_lie_beside_the_responses(root):
    (root / "annotations").mkdir()
    (root / "annotations" / "B_run1_story_each1sec_en.txt").write_text("x\n" + "a\n" * 20)
    dataset = opened(root)
    assert dataset.levels() == ("story",)
    assert dataset.captions(dataset.runs.runs[2], "story") == [["a"]] * 20


def test_a_data_set_without_responses_is_told(root):
    for path in (root / "responses" / "S1").iterdir():
        path.unlink()
    (root / "responses" / "S1").rmdir()
    message = told(lambda: opened(root).subjects)
    assert message == f"{root}/responses: no folder of a subject is there"


def test_missing_response_files_are_counted_and_the_first_is_named(root):
    own = root / "responses" / "S9" / "A_001.npy"
    message = told(lambda: opened(root).response_files("S9"))
    assert message == f"{own}: 2 response files are missing"


def npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, x=np.zeros(3))
    return out.getvalue()


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        npz(),
        npz()[:40],
        npy(response(1, 30))[:500],
        npy(np.array([[None]])),
    ],
    ids=["empty", "text", "archive", "torn archive", "torn", "objects"],
)
def test_a_response_file_that_is_no_array_of_numbers_is_named(root, content):
    path = root / "responses" / "S1" / "A_001.npy"
    path.write_bytes(content)
    for act in (lambda: read(root), lambda: opened(root).voxels("S1")):
        assert told(act).startswith(f"{path}: responses cannot be read")


def test_an_absent_response_file_is_named(root):
    path = root / "responses" / "S1" / "B_001.npy"
    assert told(lambda: read(root, 2)).startswith(f"{path}: responses cannot be read (")


@pytest.mark.parametrize(
    "array", [np.zeros((30, 2, 2)), np.zeros(30), np.array([["a"]]), np.zeros((30, WIDTH), bool)]
)
def test_responses_of_another_shape_or_kind_are_told_with_what_is_expected(root, array):
    path = root / "responses" / "S1" / "A_001.npy"
    np.save(path, array)
    assert told(lambda: read(root)) == (
        f"{path}: {array.dtype} of shape {array.shape}; expected numbers of shape (samples, voxels)"
    )


def test_responses_shorter_than_their_run_are_told_with_both_lengths(root):
    path = root / "responses" / "S1" / "A_001.npy"
    np.save(path, np.zeros((29, WIDTH)))
    assert told(lambda: read(root)) == (
        f"{path}: 29 rows of responses; the run table says 30 s: the file is cut short, or the run "
        "table is wrong"
    )


def test_runs_with_other_numbers_of_voxels_are_refused(root):
    np.save(root / "responses" / "S1" / "A_002.npy", np.zeros((25, WIDTH + 1)))
    dataset = opened(root)
    message = told(lambda: dataset.responses("S1", dataset.runs.used))
    assert message == f"{root}/responses/S1: runs differ in number of voxels"


@pytest.mark.parametrize(
    ("arrays", "name"),
    [
        ({"index": np.arange(5)}, "index"),
        ({"index": np.arange(WIDTH), "roi": np.array(["V1"])}, "roi"),
        ({"index": np.arange(WIDTH)[:, None]}, "index"),
        ({"index": np.arange(WIDTH), "roi": np.full((WIDTH, 1), "V1")}, "roi"),
    ],
)
def test_a_voxel_file_of_another_width_is_told_with_the_width(root, arrays, name):
    path = describe(root, **arrays)
    message = told(lambda: opened(root).voxels("S1"))
    assert message.startswith(f"{path}: {name} ")
    assert str(WIDTH) in message


@pytest.mark.parametrize("first", [-1, 24])
def test_voxels_outside_their_volume_are_refused(root, first):
    path = describe(
        root, index=np.array([first, 1, 2, 3, 4, 5]), shape=np.array([2, 3, 4]), order="F"
    )
    message = told(lambda: opened(root).voxels("S1"))
    assert message == f"{path}: index must lie within the volume of shape (2, 3, 4), from 0"


def test_a_voxel_file_without_an_index_or_that_is_none_tells_what_it_must_hold(root):
    path = describe(root, roi=np.full(WIDTH, "V1"))
    contents = [path.read_bytes(), b"", b"text", path.read_bytes()[:50], npy(np.arange(WIDTH))]
    for content in contents:
        path.write_bytes(content)
        message = told(lambda: opened(root).voxels("S1"))
        assert message.startswith(f"{path}: ")
        assert "the file holds mask (X, Y, Z)" in message


def test_names_with_accents_mean_the_same_in_either_unicode_form(tmp_path):
    """macOS writes é as e and a mark; a sweep typed elsewhere has one character."""
    folder = write_common(tmp_path / "data", subjects=1)
    composed, apart = "Zo\u00e9", "Zoe\u0301"
    (folder / "responses" / "S1").rename(folder / "responses" / apart)
    (folder / "voxels" / "S1.npz").rename(folder / "voxels" / f"{apart}.npz")
    dataset = open_dataset("arrays", str(folder))
    assert dataset.subjects == (apart,)
    sweep = common_sweep(folder, tmp_path / "out", f"dataset.subjects=[{composed}]")
    assert chosen_subjects(sweep, dataset.subjects) == (apart,)
    text = (folder / "runs.csv").read_text()
    (folder / "runs.csv").write_text(text.replace("Play,1", f"{composed},1"))
    run = folder / "responses" / apart / "Play_001.npy"
    run.rename(run.with_name(f"{apart}_001.npy"))
    with pytest.raises(DataError, match="with its accents in Unicode form NFD: rename one of them"):
        open_dataset("arrays", str(folder)).response_files(apart)
