"""Words in time: tables and TextGrids of others and of our own, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from d2b_ray.arrays import Run, RunTable
from d2b_ray.data.textgrid import read_textgrid
from d2b_ray.data.word_tables import WordFolder
from d2b_ray.errors import DataError

REAL = Path(__file__).parents[3] / "shared" / "real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="real recordings are not here")

SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

-0
2.5
<exists>
2
"IntervalTier"
"word"
-0
2.5
3
-0
0.5
""
0.5
1.2001
"say ""hello""
twice"
1.2
2.5
"1 world"
"TextTier"
"click"
0
2.5
1
0.7
"!"
"""
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "word"
        xmin = 0
        xmax = 2.5
        intervals: size = 2
        intervals [1]:
            xmin = 0.5
            xmax = 1.2001
            text = "say ""hello"" twice"
        intervals [2]:
            xmin = 1.2
            xmax = 2.5
            text = "1 world"
"""
CHRONOLOGICAL = """"Praat chronological TextGrid text file"
0 2.5   ! Time domain.
2   ! Number of tiers.
"IntervalTier" "phone" 0 2.5
"IntervalTier" "word" 0 2.5
1 0 0.5
"HH"
2 0.5 1.2001
"say ""hello"" twice"
2 1.2 2.5
"1 world"
"""


def folder_of(path: Path, seconds: int = 100) -> WordFolder:
    runs = (Run("a", 0, seconds, 0, "TRAIN", "", "", 0),)
    return WordFolder(path, RunTable(runs))


def words(tmp_path, text, ending=".tsv", seconds=100, encoding="utf-8"):
    (tmp_path / "said").mkdir(exist_ok=True)
    (tmp_path / "said" / f"a{ending}").write_text(text, encoding=encoding)
    folder = folder_of(tmp_path, seconds)
    return folder.read(folder._runs.runs[0], "said")


@pytest.mark.parametrize(
    "text", [SHORT, LONG, CHRONOLOGICAL], ids=["short", "long", "chronological"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_textgrids_of_all_kinds_are_the_same(tmp_path, text, encoding):
    found = words(tmp_path, text, ".TextGrid", encoding=encoding)
    assert found.words == ('say "hello" twice', "1 world")
    assert found.onset.tolist() == [0.5, 1.2]
    assert found.offset.tolist() == [1.2001, 2.5]


def test_points_of_a_textgrid_are_kept(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(SHORT)
    assert read_textgrid(path)["click"] == [(0.7, 0.7, "!")]


@pytest.mark.parametrize(
    "text",
    ["", "hello", SHORT[:150], SHORT.replace("3\n-0", "x\n-0"), '"ooTextFile" "Pitch" 1'],
    ids=range(5),
)
def test_what_is_no_textgrid_is_one_line(tmp_path, text):
    with pytest.raises(
        DataError, match=r"a\.TextGrid: is no TextGrid in Praat's text format"
    ) as told:
        words(tmp_path, text, ".TextGrid")
    assert "\n" not in str(told.value)


def test_tables_by_the_usual_names(tmp_path):
    one = words(tmp_path, 'Word\tOnset\tDuration\na\t1\t0.5\nb\t2\tn/a\n"c\tn/a\tn/a\n')
    assert one.words == ("a", "b", '"c')
    assert one.clock.onset.tolist() == [1.25, 2.0]
    (tmp_path / "said" / "a.tsv").unlink()
    two = words(tmp_path, 'start,end,word\n1,2,"a, b"\n3,4,c\n', ".csv")
    assert two.words == ("a, b", "c")
    assert two.clock.onset.tolist() == [1.5, 3.5]


def test_a_word_that_ends_before_it_begins_has_its_onset_for_a_time(tmp_path):
    found = words(tmp_path, "word\tonset\toffset\na\t2\t1\nb\t3\t4\n")
    assert found.clock.onset.tolist() == [2.0, 3.5]
    assert found.backward == 1


def test_tokens_of_one_word_are_one_word(tmp_path):
    text = "word_idx\tword\tstart\tend\n0\tone,\t1\t1.2\n0\tone,\t1.2\t1.4\n1\ttwo\t2\t3\n"
    found = words(tmp_path, text)
    assert found.words == ("one,", "two")
    assert found.clock.onset.tolist() == [1.2, 2.5]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "word\tend\na\t1\n",
            "has no column onset or start or word onset or begin; it has word, end",
        ),
        ("word\tonset\na\tsoon\n", ":2: onset is 'soon'; must be a number or n/a"),
        ("word\tonset\na\tn/a\n", "no word has a time"),
        (
            "word\tonset\na\t1200\nb\t2400\nc\t3\n",
            "2 of 3 words begin after the 100 s of run a; times must be",
        ),
        ("word\tonset\na\n", ":2: 1 cells, and the header has 2"),
        ("", "is empty"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path, text, line):
    with pytest.raises(DataError) as told:
        words(tmp_path, text)
    assert line in str(told.value)
    assert "\n" not in str(told.value)


def test_a_level_that_is_not_there_names_those_that_are(tmp_path):
    (tmp_path / "heard").mkdir()
    with pytest.raises(DataError, match=r"said/a\.tsv .* words of run a are missing; .* heard"):
        folder_of(tmp_path).files("said")


def copied(tmp_path, source, ending=".tsv"):
    (tmp_path / "said").mkdir(exist_ok=True)
    (tmp_path / "said" / f"a{ending}").write_bytes(source.read_bytes())
    folder = folder_of(tmp_path, 2000)
    return folder.read(folder._runs.runs[0], "said")


@needs_real
def test_real_words_are_grouped_and_those_without_times_counted(tmp_path):
    podcast = copied(tmp_path, REAL / "words" / "ds005574_gpt2-xl_transcript.tsv")
    rows = (REAL / "words" / "ds005574_gpt2-xl_transcript.tsv").read_text().splitlines()[1:]
    cells = [row.split("\t") for row in rows]
    assert len(podcast.words) == 5136 == len({row[1] for row in cells})
    first = {row[1]: row for row in reversed(cells)}
    assert list(podcast.words) == [first[str(n)][2] for n in range(5136)]
    timed = np.array([first[str(n)][3] not in ("", "n/a") for n in range(5136)])
    np.testing.assert_array_equal(podcast.timed, timed)
    alice = copied(tmp_path, REAL / "words" / "ds002322_annotations.tsv")
    assert int((~alice.timed).sum()) == 31
    assert alice.onset[0] == 20.1198012
    assert alice.backward > 0  # an aligner's slips


@needs_real
@pytest.mark.parametrize("name", sorted(p.stem for p in (REAL / "textgrid").glob("*.TextGrid")))
def test_real_textgrids_are_read(tmp_path, name):
    tiers = read_textgrid(REAL / "textgrid" / f"{name}.TextGrid")
    labels = [one.label for own in tiers.values() for one in own]
    assert len(labels) > 3
    assert not any("\n" in label for label in labels)
    plain = {"mary_longfile": "mary", "mary_with_negative_zero": "mary"}
    plain["bobby_words_with_newlines_longfile"] = "bobby_words_with_newlines"
    if name in plain:
        other = read_textgrid(REAL / "textgrid" / f"{plain[name]}.TextGrid")
        assert list(other) == list(tiers)
        for tier, own in (
            (tier, own) for tier, own in tiers.items() if tier
        ):  # points differ in them
            assert [one.label for one in own] == [one.label for one in other[tier]]
            times = [[one.start for one in part] for part in (own, other[tier])]
            np.testing.assert_allclose(*times, atol=1e-9)
