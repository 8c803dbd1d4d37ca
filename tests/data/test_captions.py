"""Caption files: what is read of them, and what is told of those that are wrong."""

from __future__ import annotations

import csv
from dataclasses import replace

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from d2b_ray.arrays import Run, RunTable
from d2b_ray.data.captions import CaptionFolder, _cells
from d2b_ray.errors import DataError

FIRST = Run("A_run_1", 1, 3, 0, "TRAIN", "", "", 0)
SECOND = Run("A_run_1", 2, 3, 1, "VALID", "", "", 0)
UNUSED = Run("B", 1, 3, 0, "", "", "", 0)
ROWS = [["one", "two"], ["..", "drei, vier"], ["five", "五"]]


def text_of(rows, header="x\ty", end="\n") -> str:
    return end.join([header, *("\t".join(row) for row in rows)]) + end


@pytest.fixture
def folder(tmp_path):
    return CaptionFolder(tmp_path, RunTable((FIRST, SECOND, UNUSED)))


def put(folder: CaptionFolder, text: str | bytes, run: Run = FIRST, level: str = "story"):
    path = folder.path(run, level)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def told(folder: CaptionFolder, run: Run = FIRST, level: str = "story") -> str:
    with pytest.raises(DataError) as error:
        folder.read(run, level)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_row_a_second_and_a_column_an_annotator_are_read_without_the_header(folder):
    put(folder, text_of(ROWS))
    assert folder.read(FIRST, "story") == ROWS


def test_file_names_are_those_of_drama2brain(folder):
    assert folder.path(SECOND, "story").name == "A_run_1_run2_story_each1sec_en.txt"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\ufeff" + text.replace("\n", "\r\n"),
        lambda text: text.removesuffix("\n"),
        lambda text: text.replace("x\ty\n", "one annotator only\n"),
    ],
    ids=["crlf", "bom", "crlf and bom", "no last line end", "odd header"],
)
def test_what_editors_do_to_a_file_changes_no_caption(folder, change):
    put(folder, change(text_of(ROWS)))
    assert folder.read(FIRST, "story") == ROWS


def test_longer_files_are_refused_or_cut_to_the_run_not_from_its_start(folder):
    path = put(folder, text_of([[str(second)] for second in range(100)]))
    assert told(folder).startswith(
        f"{path}: 100 rows of captions below the header; the run table says 3 s: a row must be a second"
    )
    assert folder.read(FIRST, "story", "cut") == [["0"], ["1"], ["2"]]


def test_a_line_separator_within_a_caption_does_not_end_the_row(folder):
    rows = [["a\u2028b"], ["c\x0bd"], ["e\x85f"]]
    put(folder, text_of(rows))
    assert folder.read(FIRST, "story") == rows


def test_empty_captions_of_one_annotator_keep_their_rows(folder):
    rows = [["a"], [""], [""]]
    put(folder, text_of(rows))
    assert folder.read(FIRST, "story") == rows


CELLS = ['say "no"', "a\ttab", "plain", 'lone "', "五", "", '""', "'single'", "a,b;c"]


@pytest.mark.parametrize("writer", ["csv", "pandas"])
def test_cells_that_a_table_writer_put_in_quotes_come_back_as_they_were(folder, writer):
    rows = [[cell, "plain", f"{cell} again"] for cell in CELLS]
    path, run = folder.path(FIRST, "story"), replace(FIRST, seconds=len(rows))
    if writer == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows(
                [["x", "y", "z"], *rows]
            )
    else:
        table = pandas.DataFrame(rows, columns=["x", "y", "z"])
        table.to_csv(path, sep="\t", index=False)
        back = pandas.read_csv(path, sep="\t", keep_default_na=False)
        assert back.to_numpy().tolist() == rows
    assert folder.read(run, "story") == rows


@given(st.lists(st.text('ab"\t ', max_size=9), min_size=1, max_size=5))
def test_lines_that_end_all_their_quotes_are_read_as_csv_reads_them(lines):
    for line in lines:
        read = list(csv.reader([line, "next"], delimiter="\t"))
        if len(read) == 2:
            assert _cells(line) == (read[0] or [""])


def test_a_lone_leading_quote_is_a_part_of_its_caption(folder):
    """A CSV reader would take all that follows, tabs and lines, for one cell."""
    rows = [['"He said', "two"], ["..", '"'], ["five", '"six']]
    put(folder, text_of(rows))
    assert folder.read(FIRST, "story") == rows


def test_a_quoted_caption_of_two_lines_is_refused(folder):
    path = put(folder, 'x\ty\n"one\nline more"\ttwo\n..\tfour\nfive\tsix\n')
    assert told(folder) == (
        f"{path}:2: a quoted caption that ends on line 3; a row is a second, so captions have no "
        "line breaks: write it on one line"
    )


@pytest.mark.parametrize(("text", "count"), [(text_of(ROWS[:2]), 2), ("x\n", 0), ("", 0)])
def test_a_file_shorter_than_its_run_is_refused_with_both_lengths(folder, text, count):
    path = put(folder, text)
    assert told(folder) == (
        f"{path}: {count} rows of captions below the header; the run table says 3 s: the file is cut "
        "short, or the run table is wrong"
    )


@pytest.mark.parametrize("row", [["alone"], ["a", "b", "c"]])
def test_a_row_with_another_number_of_columns_is_told_with_its_line(folder, row):
    path = put(folder, text_of([*ROWS[:2], row]))
    message = told(folder)
    assert message.startswith(f"{path}:4: {len(row)} columns where the first row has 2;")
    assert "one tab" in message


def test_a_file_that_is_no_text_is_told(folder):
    path = put(folder, b"x\n\xff\xfe\n\x80\n\x81\n")
    message = told(folder)
    assert message.startswith(f"{path}: captions cannot be read")
    assert "UTF-8" in message


def test_a_file_that_is_absent_is_told(folder):
    path = folder.path(FIRST, "story")
    assert told(folder).startswith(f"{path}: captions cannot be read (No such file")


def test_levels_are_those_of_which_a_file_exists_sorted(folder):
    for level in ("story", "eventContent", "timePlace"):
        put(folder, text_of(ROWS), level=level)
    (folder.folder / "notes_each1sec_en.txt").write_text("")
    (folder.folder / "A_run1_other_each1sec_de.txt").write_text("")
    assert folder.levels() == ("eventContent", "other-de", "story", "timePlace")


def test_another_language_is_a_level_of_its_own(folder):
    put(folder, text_of(ROWS))
    japanese = folder.folder / folder.path(FIRST, "story").name.replace("_en.txt", "_ja.txt")
    japanese.write_text(text_of([["ねこ", "犬"], ["..", "犬"], ["犬", ".."]]), encoding="utf-8")
    assert folder.levels() == ("story", "story-ja")
    assert folder.path(FIRST, "story-ja") == japanese
    assert folder.read(FIRST, "story-ja")[0] == ["ねこ", "犬"]
    assert folder.read(FIRST, "story") == ROWS
    own = folder.folder / folder.path(FIRST, "story").name.replace("_story_", "_story-ja_")
    own.write_text(text_of(ROWS))  # a level that is called so comes first
    assert folder.path(FIRST, "story-ja") == own


def test_the_files_of_a_level_are_those_of_the_runs_with_a_role(folder):
    paths = [put(folder, text_of(ROWS), run) for run in (FIRST, SECOND, UNUSED)]
    assert folder.files("story") == tuple(str(path) for path in paths[:2])


def test_a_level_without_a_file_is_told_with_the_levels_that_exist(folder):
    put(folder, text_of(ROWS), level="timePlace")
    put(folder, text_of(ROWS), level="eventContent")
    put(folder, text_of(ROWS), SECOND, level="eventContent")
    with pytest.raises(DataError) as error:
        folder.files("stroy")
    assert str(error.value) == (
        f"{folder.path(FIRST, 'stroy')} and 1 more files: captions of level 'stroy' are missing; "
        "levels with files: eventContent, timePlace"
    )


def test_one_missing_file_of_a_level_is_named(folder):
    put(folder, text_of(ROWS))
    with pytest.raises(DataError) as error:
        folder.files("story")
    assert str(error.value).startswith(f"{folder.path(SECOND, 'story')}: captions of level 'story'")
    assert str(error.value).endswith("levels with files: story")


def test_a_folder_that_is_absent_has_no_levels(tmp_path):
    empty = CaptionFolder(tmp_path / "absent", RunTable((FIRST,)))
    assert empty.levels() == ()
    with pytest.raises(DataError, match=r"levels with files: none$"):
        empty.files("story")
