"""Word vectors: the formats of their files, unknown words, flat rows, what is refused."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest

from d2b_ray.catalog import MODALITIES
from d2b_ray.errors import ExtractionError
from d2b_ray.features import NO_LAYER, resolve
from d2b_ray.features.words import model as vectorfiles_module

WORDS = ["the", "girl", "münchen", "b,c", "red"]
VECTORS = np.arange(1, 16, dtype=np.float32).reshape(5, 3) / 8


def glove(path):
    lines = [f"{w} {' '.join(map(str, v))}" for w, v in zip(WORDS, VECTORS.tolist(), strict=True)]
    lines.insert(1, ". . girl 9 9 9")  # GloVe holds entries with blanks
    lines.append("girl 7 7 7")  # the first entry of a word counts
    path.write_text("\n".join(lines) + "\n")


def word2vec_text(path):
    glove(path)
    path.write_text("7 3\n" + path.read_text())


def word2vec_binary(path, feed=b"\n"):
    entries = [w.encode() + b" " + v.tobytes() + feed for w, v in zip(WORDS, VECTORS, strict=True)]
    path.write_bytes(b"5 3\n" + b"".join(entries))


def packed(path):
    word2vec_binary(path, feed=b"")
    path.write_bytes(gzip.compress(path.read_bytes()))


FORMATS = {
    "glove": glove,
    "word2vec_text": word2vec_text,
    "word2vec_binary": word2vec_binary,
    "packed": packed,
}


def load(path):
    source = resolve(str(path), modality="wordvectors")
    return MODALITIES["wordvectors"].load(source, device="cpu", dtype="float32")


def extract(path, rows, **options):
    defaults = {"window": 1, "annotators": "ALL", "join": "time", "tokens": "avg"}
    found = MODALITIES["wordvectors"].extract(load(path), {"r": rows}, **{**defaults, **options})
    return dict(found)["r"][NO_LAYER]


@pytest.fixture(params=list(FORMATS))
def vectors(request, tmp_path):
    """The same five words in each format."""
    FORMATS[request.param](tmp_path / "vectors")
    return tmp_path / "vectors"


def test_mean_of_known_words(vectors):
    the, girl, city, pair, red = VECTORS
    rows = [["The GIRL xyz", "red"], ["xyz", "München"], ["xyz", ".."], ["b,c b c", ""]]
    found = extract(vectors, rows)
    assert found.dtype == np.float32
    expected = [((the + girl) / 2 + red) / 2, city, np.zeros(3), pair]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_flat_rows_are_filled_to_the_longest(vectors):
    the, girl, _, _, red = VECTORS
    rows = [["the girl", "xyz"], ["red", "the"], ["xyz", "xyz"]]
    blank = np.zeros(3)
    expected = [[*the, *girl], [*((red + the) / 2), *blank], [*blank, *blank]]
    np.testing.assert_allclose(extract(vectors, rows, tokens="flat"), expected)
    halved = extract(vectors, rows, tokens="flat", unknown="zeros")
    np.testing.assert_allclose(halved[0], np.array(expected[0]) / 2)
    assert extract(vectors, rows, tokens="flat", annotators="splitB").shape == (3, 6)


def test_the_width_and_layer_of_a_file(vectors):
    source = load(vectors).source
    assert (source.width, source.layers, source.width_of(NO_LAYER)) == (3, (NO_LAYER,), 3)
    assert source.is_local


def test_binary_entries_across_pieces_of_the_file(tmp_path, monkeypatch):
    word2vec_binary(tmp_path / "vectors")
    expected = extract(tmp_path / "vectors", [["the girl red"]])
    for size in (1, 5, 17):
        monkeypatch.setattr(vectorfiles_module, "CHUNK", size)
        np.testing.assert_array_equal(extract(tmp_path / "vectors", [["the girl red"]]), expected)


def test_pickles_are_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    for protocol in (2, 4, 5):
        (tmp_path / "vectors.kv").write_bytes(pickle.dumps(Trap(), protocol=protocol))
        with pytest.raises(ExtractionError, match=r"is a pickle, .*save_word2vec_format") as caught:
            resolve(str(tmp_path / "vectors.kv"), modality="wordvectors")
        assert "\n" not in str(caught.value)
    np.save(tmp_path / "vectors.kv.vectors.npy", VECTORS)
    with pytest.raises(ExtractionError, match="gensim's own save"):
        resolve(str(tmp_path / "vectors.kv.vectors.npy"), modality="wordvectors")


@pytest.mark.parametrize("content", [b"", b"words only\nmore words\n", b"\n\n", b"5 0\n", b"a b c"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "vectors").write_bytes(content)
    with pytest.raises(ExtractionError, match="no word vectors; must be word2vec's text or binary"):
        resolve(str(tmp_path / "vectors"), modality="wordvectors")


def test_a_name_is_no_file():
    with pytest.raises(
        ExtractionError, match=r"GloVe: cannot be read .*must be the path of a file"
    ):
        resolve("GloVe", modality="wordvectors")


def test_damaged_files(tmp_path):
    path = tmp_path / "vectors"
    path.write_text("the 1 2 3\ngirl 1 2\n")
    with pytest.raises(
        ExtractionError, match=r"vectors:2: 2 values after 'girl'; must be 3 numbers"
    ):
        extract(path, [["girl"]])
    word2vec_binary(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ExtractionError, match="ends within entry 5 of 5; the file is cut short"):
        extract(path, [["red"]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window: 0"),
        ({"tokens": "last"}, "must be one of avg, flat"),
        ({"join": "random"}, "must be one of time, sorted"),
        ({"annotators": "half"}, "must be one of ALL"),
        ({"unknown": "guess"}, "must be one of missing, zeros"),
        ({"layers": (1,)}, "word vectors have none: leave layers out"),
    ],
)
def test_wrong_options_are_refused_at_the_call(tmp_path, options, message):
    glove(tmp_path / "vectors")
    with pytest.raises(ExtractionError, match=message):
        extract(tmp_path / "vectors", [["the"]], **options)


def test_text_files_that_end_early_are_refused_where_a_word_may_be_lacking(tmp_path):
    path = tmp_path / "vectors"
    word2vec_text(path)
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:5]))
    assert len(extract(path, [["the"]])) == 1  # all that is wanted is there
    told = "ends at line 5, with 4 words of the 7 its first line tells; it is cut short"
    with pytest.raises(ExtractionError, match=told):
        extract(path, [["red"]])
    path.write_text("".join(whole[1:5])[:-7])
    with pytest.raises(ExtractionError, match="ends at line 4, with 4 words; it is cut short"):
        extract(path, [["red"]])
