"""Run tables: the published one against the paper's numbers, and what a broken one says."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from d2b_ray.data import read_runs
from d2b_ray.data import runs as runs_module
from d2b_ray.data.runs import COLUMNS, drama2brain_runs
from d2b_ray.errors import DataError

GOOD = {
    "title": "Alpha",
    "part": "1",
    "seconds": "60",
    "overlap": "0",
    "split_all": "TRAIN",
    "split_a": "",
    "split_b": "VALID",
    "cv_group": "2",
}


def write(path: Path, *rows: dict[str, str], columns=COLUMNS, start: str = "") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(start)
        out = csv.DictWriter(file, columns, extrasaction="ignore")
        out.writeheader()
        out.writerows(rows)
    return path


def one_line(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def total(runs) -> int:
    return sum(run.samples for run in runs)


def test_the_published_table_has_43_runs_and_leaves_out_the_two_that_were_not_used():
    path = Path(runs_module.__file__).parent / "drama2brain_runs.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len({row["public_file"] for row in rows}) == len(rows) == 43
    table = drama2brain_runs()
    used = [row for row in rows if row["title"]]
    assert [run.name for run in table.runs] == [f"{r['title']}_{int(r['part']):03d}" for r in used]
    assert [row["public_file"] for row in rows if not row["title"]] == [
        "task-bigbangtheory_run-03",
        "task-bigbangtheory_run-04",
    ]
    assert table.used == table.runs
    assert 8 < sum(run.seconds for run in table.runs) / 3600 < 8.6


def test_a_row_with_neither_title_nor_part_nor_role_is_left_out(tmp_path):
    unused = dict.fromkeys(COLUMNS, "") | {"seconds": "663", "overlap": "20"}
    with_it = read_runs(write(tmp_path / "with.csv", unused, GOOD, unused))
    assert with_it == read_runs(write(tmp_path / "without.csv", GOOD))


@pytest.mark.parametrize("column", ["part", "split_all", "cv_group"])
def test_a_row_without_a_title_that_is_used_all_the_same_is_refused(tmp_path, column):
    unused = dict.fromkeys(COLUMNS, "") | {"seconds": "663", "overlap": "20"}
    path = write(tmp_path / "runs.csv", GOOD, {**unused, column: GOOD[column]})
    with pytest.raises(DataError) as error:
        read_runs(path)
    assert one_line(error).startswith(f"{path}:3: ")


@pytest.mark.parametrize(
    ("split", "train", "valid"),
    [("all", 22_262, 7_737), ("splitA", 11_091, 7_110), ("splitB", 10_424, 7_110)],
)
def test_the_published_splits_have_the_papers_samples(split, train, valid):
    table = drama2brain_runs()
    assert total(table.train(split)) == train
    assert total(table.valid(split)) == valid
    assert not set(table.train(split)) & set(table.valid(split))


def test_the_published_cv_groups_have_the_papers_samples():
    groups: dict[int, int] = {}
    for run in drama2brain_runs().train("all"):
        groups[run.cv_group] = groups.get(run.cv_group, 0) + run.samples
    assert list(groups.values()) == [5523, 6313, 5980, 4446]
    assert list(groups) == sorted(groups)


def test_in_the_published_table_first_parts_repeat_nothing_and_others_20_seconds():
    for run in drama2brain_runs().runs:
        assert run.overlap == (0 if run.part == 1 else 20), run.name


def test_the_parts_of_a_published_title_are_numbered_without_a_gap():
    parts: dict[str, list[int]] = {}
    groups: dict[str, set[int]] = {}
    for run in drama2brain_runs().runs:
        parts.setdefault(run.title, []).append(run.part)
        groups.setdefault(run.title, set()).add(run.cv_group)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in parts.values())
    assert all(len(found) == 1 for found in groups.values())


def test_a_written_table_is_read_as_it_was_written(tmp_path):
    rows = [GOOD, {**GOOD, "part": "2", "overlap": "20", "split_a": "TRAIN"}]
    runs = read_runs(write(tmp_path / "runs.csv", *rows)).runs
    found = [{name: str(getattr(run, name)) for name in COLUMNS} for run in runs]
    assert found == rows
    assert [run.name for run in runs] == ["Alpha_001", "Alpha_002"]


def test_more_columns_their_order_and_a_byte_order_mark_change_nothing(tmp_path):
    plain = read_runs(write(tmp_path / "plain.csv", GOOD))
    more = write(
        tmp_path / "more.csv",
        {**GOOD, "public_title": "A, the first"},
        columns=("public_title", *reversed(COLUMNS)),
        start="\ufeff",
    )
    assert read_runs(more) == plain


def test_line_ends_of_windows_change_nothing(tmp_path):
    path = write(tmp_path / "runs.csv", GOOD)
    text = path.read_text().replace("\r\n", "\n")
    path.write_bytes(text.encode())
    unix = read_runs(path)
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert read_runs(path) == unix


@pytest.mark.parametrize(
    ("column", "value", "allowed"),
    [
        ("part", "0", "a whole number, 1 or more"),
        ("part", "one", "a whole number, 1 or more"),
        ("seconds", "", "a whole number, 1 or more"),
        ("seconds", "12.5", "a whole number, 1 or more"),
        ("overlap", "-1", "a whole number, 0 or more"),
        ("cv_group", "nan", "a whole number, 0 or more"),
        ("split_all", "train", "TRAIN, VALID or empty"),
        ("split_a", "TEST", "TRAIN, VALID or empty"),
        ("split_b", "1", "TRAIN, VALID or empty"),
    ],
)
def test_a_malformed_value_is_told_with_file_line_column_and_what_is_allowed(
    tmp_path, column, value, allowed
):
    path = write(tmp_path / "runs.csv", GOOD, {**GOOD, "part": "2", column: value})
    with pytest.raises(DataError) as error:
        read_runs(path)
    assert one_line(error) == f"{path}:3: {column} is {value!r}; must be {allowed}"


@pytest.mark.parametrize("change", [{"title": "  "}, {"overlap": "60"}, {"overlap": "61"}])
def test_a_run_without_a_title_or_samples_is_refused_with_its_line(tmp_path, change):
    path = write(tmp_path / "runs.csv", GOOD, {**GOOD, **change})
    with pytest.raises(DataError) as error:
        read_runs(path)
    assert one_line(error).startswith(f"{path}:3: a run needs a title and more seconds (60)")


def test_the_line_told_is_that_of_the_file_below_an_empty_line_too(tmp_path):
    path = write(tmp_path / "runs.csv", GOOD)
    path.write_text(path.read_text() + "\nBeta,1,x,0,TRAIN,,,0\n")
    with pytest.raises(DataError) as error:
        read_runs(path)
    assert one_line(error).startswith(f"{path}:4: seconds is 'x'")


def test_a_short_row_is_told_with_its_line(tmp_path):
    path = write(tmp_path / "runs.csv", GOOD, columns=(*COLUMNS[1:], "title"))
    path.write_text(path.read_text() + "1,60,0,TRAIN,,,0\n")
    with pytest.raises(DataError) as error:
        read_runs(path)
    assert one_line(error).startswith(f"{path}:3: a run needs a title")


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named_with_the_file_and_all_that_must_be_there(tmp_path, column):
    left = tuple(name for name in COLUMNS if name != column)
    path = write(tmp_path / "runs.csv", GOOD, columns=left)
    with pytest.raises(DataError) as error:
        read_runs(path)
    message = one_line(error)
    assert message.startswith(f"{path}: the run table lacks the columns {column};")
    assert message.endswith(", ".join(COLUMNS))


def test_a_run_that_appears_twice_is_named(tmp_path):
    path = write(tmp_path / "runs.csv", GOOD, GOOD)
    with pytest.raises(DataError) as error:
        read_runs(path)
    assert one_line(error) == f"{path}: runs appear twice: Alpha_001"


def test_tables_that_are_empty_absent_or_no_text_are_told_by_file(tmp_path):
    absent = tmp_path / "absent.csv"
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    for path, told in [
        (write(tmp_path / "empty.csv"), "the run table is empty"),
        (absent, "there is no run table; `d2b-ray data init "),
        (binary, "the run table cannot be read"),
    ]:
        with pytest.raises(DataError) as error:
            read_runs(path)
        assert one_line(error).startswith(f"{path}: {told}")


SHOWN = {**GOOD, "split_all": "VALID", "split_b": ""}


def shown(path, *rows):
    return read_runs(write(path / "runs.csv", *rows, columns=(*COLUMNS, "repeat_of")))


def test_repeats_are_grouped_by_what_was_shown(tmp_path):
    table = shown(
        tmp_path,
        {**GOOD, "title": "Beta", "split_b": ""},
        SHOWN,
        {**SHOWN, "part": "2", "repeat_of": "Alpha_001"},
        {**SHOWN, "part": "3", "split_all": "", "repeat_of": "Alpha_001"},
        {**SHOWN, "title": "Gamma"},
        {**SHOWN, "title": "Unused", "split_all": ""},
    )
    names = [[run.name for run in shows] for shows in table.repeats("all")]
    assert names == [["Alpha_001", "Alpha_002", "Alpha_003"]]
    assert table.repeats("splitA") == ()
    recorded = ["Beta_001", "Alpha_001", "Alpha_002", "Alpha_003", "Gamma_001"]
    assert [run.name for run in table.recorded] == recorded
    assert "Alpha_003" not in [run.name for run in table.used]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"repeat_of": "Alpha_009"}, "must be another run of the table that repeats none"),
        ({"repeat_of": "Alpha_002"}, "must be another run of the table that repeats none"),
        ({"seconds": "59"}, "which has 60 seconds and overlap 0, and Alpha_002 59 and 0"),
        ({"split_all": "TRAIN"}, "both as TRAIN and as VALID: a fit would have seen"),
    ],
)
def test_repeats_that_cannot_be_are_refused(tmp_path, changed, words):
    second = {**SHOWN, "part": "2", "repeat_of": "Alpha_001", **changed}
    with pytest.raises(DataError, match=r"runs\.csv") as error:
        shown(tmp_path, SHOWN, second)
    assert words in one_line(error)


def test_folds_do_not_see_what_they_hold_out(tmp_path):
    second = {**GOOD, "part": "2", "repeat_of": "Alpha_001", "cv_group": "3"}
    with pytest.raises(DataError, match="are in the CV groups 2, 3; must be one"):
        shown(tmp_path, GOOD, second)
