"""The ledger: done, stale, absent, failed."""

from __future__ import annotations

import pytest

from d2b_ray.store import Ledger, Record, Store, digest


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


def record(key, **fingerprints):
    return Record(
        key=key, kind="commit", label=f"fit {key}", params={}, inputs=digest(fingerprints),
        fingerprints=fingerprints, outputs={}, versions={}, host="h", device="cpu", started=0.0,
        seconds=0.0, bytes=0,
    )  # fmt: skip


def test_states(store):
    record("a", x="1", y="1").write(store)
    ledger = Ledger.read(store)
    assert ledger.state("a", digest({"x": "1", "y": "1"})) == "done"
    assert ledger.state("a", digest({"x": "1", "y": "2"})) == "stale"
    assert ledger.state("b", digest({})) == "absent"
    assert ledger.explain_stale("a", {"x": "1", "y": "2"}) == "changed since: y"


def test_a_new_record_takes_the_place_of_the_old(store):
    record("a", x="1").write(store)
    record("a", x="2").write(store)
    assert len(store.list("units/")) == 1
    assert Ledger.read(store).state("a", digest({"x": "2"})) == "done"


def test_killed_between_two_records_is_not_done(store):
    record("a", x="1").write(store)
    old = {path: store.read_bytes(path) for path in store.list()}
    record("a", x="2").write(store)
    for path, content in old.items():
        store.write_bytes(path, content)
    ledger = Ledger.read(store)
    assert ledger.state("a", digest({"x": "2"})) == "stale"
    record("a", x="2").write(store)
    assert Ledger.read(store).state("a", digest({"x": "2"})) == "done"


def test_failures(store):
    for key in ("a", "b"):
        Ledger.write_failure(
            store,
            key=key,
            kind="fit",
            label="fit",
            error="E",
            message="m",
            traceback="T",
            attempts=1,
        )
    record("b").write(store)
    ledger = Ledger.read(store)
    assert ledger.failures() == {"a"}  # beside a record a failure is void
    assert ledger.failure("a")["traceback"] == "T"
    Ledger.clear_failure(store, "a")
    assert Ledger.read(store).failures() == frozenset()


def test_a_torn_record_is_explained(store):
    record("a", x="1").write(store)
    (path,) = store.list("units/")
    store.write_bytes(path, b"{")
    assert Ledger.read(store).explain_stale("a", {"x": "2"}) == "its record cannot be read"


def test_the_record_is_written_before_the_old_one_goes(store, monkeypatch):
    record("a", x="1").write(store)
    record("ab", x="1").write(store)
    done = []
    write, remove = Store.write_json, Store.remove
    monkeypatch.setattr(Store, "write_json", lambda *a: (done.append(a[1]), write(*a))[1])
    monkeypatch.setattr(Store, "remove", lambda *a: (done.append(a[1]), remove(*a))[1])
    old, new = record("a", x="1"), record("a", x="2")
    new.write(store)
    assert done == [new.path, old.path]
    assert store.list("units/") == tuple(sorted([new.path, record("ab", x="1").path]))


def test_inputs_that_came_or_went_are_named(store):
    record("a", x="1", y="1").write(store)
    told = Ledger.read(store).explain_stale("a", {"y": "1", "z": "1"})
    assert told == "changed since: x, z"
