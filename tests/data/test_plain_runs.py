"""Run tables for everybody: what they may leave out, the words for roles, and what a wrong one says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from d2b_ray.data import DataChoices, open_dataset
from d2b_ray.data.captions import CaptionFolder
from d2b_ray.data.media import MediaFolder
from d2b_ray.data.plain_runs import RunFacts, read_any_runs
from d2b_ray.data.word_tables import WordFolder
from d2b_ray.errors import DataError

TWO_SECONDS = RunFacts(100, 2.0)


def table(tmp_path, text, tr_s=None, facts=TWO_SECONDS):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    return read_any_runs(path, lambda run: facts, tr_s)


def told(*args, **more):
    with pytest.raises(DataError) as error:
        table(*args, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_run_and_role_are_enough(tmp_path):
    found = table(tmp_path, "run,role\na,Train\nb,training\nc,TEST\nd,validation\ne,\n")
    assert [run.name for run in found.used] == list("abcd")
    assert [run.split_all for run in found.runs] == ["TRAIN", "TRAIN", "VALID", "VALID", ""]
    assert [run.cv_group for run in found.train("all")] == [0, 1]
    assert {(run.tr_s, run.scans, run.samples, run.seconds) for run in found.runs} == {
        (2.0, 100, 100, 200)
    }


def test_what_a_table_may_add(tmp_path):
    text = (
        "run;role;group;trim_start;trim_end;stimulus_s;repeat_of;role_splitA\n"
        "a;train;x;5;3;180;;test\nb;train;x;;;;;train\nc;train;y;;;;;\nd;test;;;;;;\ne;;;;;;d;\n"
    )
    a, b, c, d, e = table(tmp_path, text).runs
    assert (a.cv_group, b.cv_group, c.cv_group) == (0, 0, 1)
    assert (a.samples, a.kept, a.seconds) == (92, slice(5, 97), 180)
    assert (a.split_a, b.split_a) == ("VALID", "TRAIN")
    assert e.repeat_of == d.name


def test_the_tr_is_of_the_files_of_the_sweep_or_of_the_table(tmp_path):
    text = "run,role\na,train\nb,test\n"
    assert table(tmp_path, text, facts=RunFacts(90, 1.5)).tr_s == 1.5
    assert table(tmp_path, text, 0.8, facts=RunFacts(90)).tr_s == 0.8
    assert table(tmp_path, "run,role,tr_s\na,train,1.5\n", facts=RunFacts(90)).tr_s == 1.5
    line = told(tmp_path, text, facts=RunFacts(90))
    assert "the TR of run a is not known; say dataset.tr_s" in line
    assert "is 1.5 s here, and its files say 2 s" in told(tmp_path, text, 1.5)
    line = told(tmp_path, "run,role,tr_s\na,train,1.5\nb,test,2\n", facts=RunFacts(90))
    assert "runs have TRs of 1.5, 2 s; must be one" in line


def test_at_a_tr_of_one_second_a_run_is_what_drama2brain_has(tmp_path):
    (run,) = table(tmp_path, "run,role\na,train\n", facts=RunFacts(60, 1.0)).runs
    assert run.described == repr(run)
    assert (run.seconds, run.samples) == (60, 60)
    (slow,) = table(tmp_path, "run,role\na,train\n", facts=RunFacts(60, 1.5)).runs
    assert slow.described != repr(slow)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,role\na,train\n", "lacks the column run; it has name, role"),
        ("run,role\n", "is empty"),
        ("run,role\na,train\na,test\n", "appear twice: a"),
        ("run,role\na,teach\n", ":2: role is 'teach'; must be train"),
        ("run,role,trim_start\na,train,-1\n", ":2: trim_start is '-1'; must be a whole number, 0"),
        ("run,role,trim_start\na,train,99\n", "99 and 0 are trimmed"),
        ("run,role,scans\na,train,101\n", "scans is 101, and the files of run a have 100"),
        ("run,role,tr_s\na,train,fast\n", "tr_s is 'fast'; must be a number above 0"),
        ("run,role\nx/y,train\n", "must be a name without '/'"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path, text, words):
    assert words in told(tmp_path, text)


def test_the_table_of_the_paper_is_a_row_a_second(tmp_path):
    text = "title,part,seconds,overlap,split_all,split_a,split_b,cv_group\nA,1,60,0,TRAIN,,,1\n"
    assert table(tmp_path, text).tr_s == 1.0
    assert "dataset.tr_s is 1.5, and this table has titles" in told(tmp_path, text, 1.5)


def test_runs_may_share_a_stimulus_by_its_name(tmp_path):
    (tmp_path / "words" / "said").mkdir(parents=True)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "words" / "said" / "film.tsv").write_text("word\tonset\nfox\t3\n")
    (tmp_path / "annotations" / "film_story.txt").write_text("one\n" + "a fox\n" * 200)
    runs = table(tmp_path, "run,role,stimulus\na,train,film\nb,test,film\n")
    words = WordFolder(tmp_path / "words", runs)
    assert [words.read(run, "said").words for run in runs.runs] == [("fox",), ("fox",)]
    captions = CaptionFolder(tmp_path / "annotations", runs)
    assert captions.levels() == ("story",)
    assert len(set(captions.files("story"))) == 1
    assert captions.read(runs.runs[1], "story")[0] == ["a fox"]
    (tmp_path / "stimuli" / "audio").mkdir(parents=True)
    (tmp_path / "stimuli" / "audio" / "film.wav").write_bytes(b"")
    paths = MediaFolder(tmp_path / "stimuli", runs).paths("sound")
    assert {run: path.name for run, path in paths.items()} == {"a": "film.wav", "b": "film.wav"}
    assert runs.runs[0].described != table(tmp_path, "run,role\na,train\n").runs[0].described


def test_responses_of_other_endings_are_the_same(tmp_path, rng):
    rows = rng.standard_normal((30, 4)).astype(np.float32)
    (tmp_path / "responses" / "S").mkdir(parents=True)
    for name in "abc":
        np.save(tmp_path / "responses" / "S" / f"{name}.npy", rows)
    np.savez(tmp_path / "responses" / "S" / "b.npz", rows)
    (tmp_path / "responses" / "S" / "b.npy").unlink()
    (tmp_path / "responses" / "S" / "c.npy").unlink()
    frame = pa.table({f"v{n}": rows[:, n] for n in range(4)})
    pq.write_table(frame, tmp_path / "responses" / "S" / "c.parquet")
    (tmp_path / "runs.csv").write_text("run,role\na,train\nb,train\nc,test\n")
    dataset = open_dataset("arrays", str(tmp_path), DataChoices(options={"tr_s": 2.0}))
    for run in dataset.runs.used:
        np.testing.assert_array_equal(dataset.responses("S", [run]), rows)
    assert len(dataset.response_files("S")) == 3
    np.savez(tmp_path / "responses" / "S" / "b.npz", rows, rows)
    with pytest.raises(
        DataError, match=r"b\.npz: responses cannot be read \(it holds arr_0\.npy, arr_1\.npy"
    ):
        open_dataset("arrays", str(tmp_path), DataChoices(options={"tr_s": 2.0}))
