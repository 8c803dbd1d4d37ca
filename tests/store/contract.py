"""What every store must do, wherever its files lie. Subclasses give the fixture `url`."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest

from d2b_ray.errors import StoreError
from d2b_ray.store import Store

NASTY = [
    "plain.json",
    "with space.json",
    "[brackets]*?.json",
    "über-日本.json",
    "a#b%20c.json",
    ".hidden",
]


class StoreContract:
    """Laws of a store."""

    @pytest.fixture
    def store(self, url):
        """The store under test, empty."""
        return Store(url)

    def test_values_come_back(self, store):
        array = np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]
        table = pa.table({"r": [0.5, None], "roi": ["V1", ""]})
        store.write_bytes("a/b", b"\x00\xff")
        store.write_json("a/c.json", {"x": [1, None, "é"]})
        store.write_array("a/d.npy", array)
        store.write_table("a/e.parquet", table)
        assert store.read_bytes("a/b") == b"\x00\xff"
        assert store.read_json("a/c.json") == {"x": [1, None, "é"]}
        np.testing.assert_array_equal(store.read_array("a/d.npy"), array)
        assert store.read_table("a/e.parquet").equals(table)

    def test_the_same_value_gives_the_same_bytes(self, store):
        array = np.random.default_rng(0).standard_normal((5, 7))
        one = store.write_array("one.npy", array)
        other = store.write_array("two.npy", np.asfortranarray(array))
        assert one == other
        assert store.read_bytes("one.npy") == store.read_bytes("two.npy")
        assert one.bytes == store.size("one.npy")
        assert store.write_json("x", {"a": 1, "b": 2}) == store.write_json("y", {"b": 2, "a": 1})

    def test_a_file_is_replaced(self, store):
        store.write_bytes("x", b"long old content")
        store.write_bytes("x", b"new")
        assert store.read_bytes("x") == b"new"

    def test_names_are_listed_and_sorted(self, store):
        for name in NASTY:
            store.write_json(f"units/fit/{name}", name)
        store.write_json("unit", 1)
        store.write_json("units.json", 1)
        assert store.list("units/") == tuple(sorted(f"units/fit/{name}" for name in NASTY))
        assert store.list("units/fit/p") == ("units/fit/plain.json",)
        assert set(store.list("unit")) == {"unit", "units.json", *store.list("units/")}
        assert store.list("nothing/") == ()
        assert [store.read_json(path) for path in store.list("units/")] == sorted(NASTY)

    def test_many_are_read_in_order(self, store):
        paths = [f"many/{n}" for n in range(20)]
        for path in paths:
            store.write_bytes(path, path.encode())
        assert store.read_many(paths[::-1]) == [path.encode() for path in paths[::-1]]
        assert store.read_many([]) == []

    def test_existence_is_of_files(self, store):
        store.write_bytes("folder/file", b"")
        assert store.exists("folder/file")
        assert not store.exists("folder")
        assert not store.exists("folder/fil")

    def test_removing(self, store):
        store.write_bytes("a/b/c", b"1")
        store.write_bytes("a/b/d", b"1")
        store.write_bytes("a/bb", b"1")
        store.remove("a/b/c")
        store.remove("a/b/c")
        assert store.list() == ("a/b/d", "a/bb")
        store.remove_tree("a/b")
        store.remove_tree("a/b")
        assert store.list() == ("a/bb",)

    def test_exclusive_creation_has_one_winner(self, store):
        assert store.create_exclusive("lease", b"first")
        assert not store.create_exclusive("lease", b"second")
        assert store.read_bytes("lease") == b"first"
        store.remove("lease")
        assert store.create_exclusive("lease", b"third")

    def test_a_missing_file_is_one_line(self, store):
        for read in (
            store.read_bytes,
            store.read_json,
            store.read_array,
            store.read_table,
            store.size,
        ):
            with pytest.raises(StoreError, match=r"gone\.x: no such file") as caught:
                read("no/gone.x")
            assert "\n" not in str(caught.value)

    def test_torn_files_are_told(self, store):
        store.write_bytes("torn", b"\x93NUMPY\x01\x00v\x00{'descr'")
        for read in (store.read_json, store.read_array, store.read_table):
            with pytest.raises(StoreError, match=r"torn: not .* run the sweep again"):
                read("torn")

    def test_pickles_are_neither_written_nor_read(self, store, tmp_path):
        with pytest.raises(StoreError, match="object"):
            store.write_array("o.npy", np.array([{}], dtype=object))
        np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
        store.write_bytes("o.npy", (tmp_path / "o.npy").read_bytes())
        with pytest.raises(StoreError):
            store.read_array("o.npy")

    @pytest.mark.parametrize("path", ["../x", "a/../x", "/abs", "a//b", "./a", "a\nb"])
    def test_paths_stay_inside(self, store, path):
        with pytest.raises(StoreError):
            store.write_bytes(path, b"")

    def test_it_can_be_sent(self, store):
        store.write_bytes("x", b"1")
        assert pickle.loads(pickle.dumps(store)).read_bytes("x") == b"1"
        assert Store(store.url).read_bytes("x") == b"1"

    def test_nasty_names_are_read_at_once_and_removed(self, store):
        for name in NASTY:
            store.write_bytes(f"d/{name}", name.encode())
            assert store.exists(f"d/{name}")
            assert store.size(f"d/{name}") == len(name.encode())
        paths = [f"d/{name}" for name in NASTY]
        assert store.read_many(paths) == [name.encode() for name in NASTY]
        store.remove("d/[brackets]*?.json")
        assert set(store.list()) == {*paths} - {"d/[brackets]*?.json"}
        store.remove_tree("d")
        assert store.list() == ()

    def test_one_missing_of_many_is_told(self, store):
        store.write_bytes("a", b"1")
        with pytest.raises(StoreError, match="no such file") as caught:
            store.read_many(["a", "gone"])
        assert "\n" not in str(caught.value)

    def test_a_file_has_a_name(self, store):
        for write in (store.write_bytes, store.create_exclusive):
            with pytest.raises(StoreError, match="a file must have a name"):
                write("", b"1")
        assert store.list() == ()

    @pytest.mark.parametrize("path", ["..", "a/..", "/", "a/", "\x7f", "a\x00b", "a/./b"])
    def test_no_method_leaves_the_store(self, store, path):
        for call in (store.read_bytes, store.exists, store.size, store.remove, store.remove_tree):
            with pytest.raises(StoreError, match="is not a path in a store"):
                call(path)
        for call in (store.write_bytes, store.create_exclusive):
            with pytest.raises(StoreError, match="is not a path in a store"):
                call(path, b"")
        with pytest.raises(StoreError):
            store.list("../")
