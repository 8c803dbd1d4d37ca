"""Ways to spoil an input, by what it is: sweeps, run tables, arrays, voxels, stores, arguments."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from harness import Case, Workshop

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CASES"]

VALUES = (
    None, True, False, 0, 1, -1, 3.5, 1e400, float("nan"), 10**9, 10**30, -(10**30), "", " ", "x", "a\nb",
    "é", "..", "/", "~nobody/x", "~", "ftp://x/y", "s3://", "file://", "a--b", "NaN", "none", "all", "1.5e3",
    [], {}, [[]], [None], [1, "a"], {"a": 1}, {"": ""}, [{}], "\x00", "x" * 5000, ["x"] * 300, "!!none",
)  # fmt: skip
TEXTS = (
    b"", b"\x00", b"\xff\xfe", b"{", b"[" * 2000, b"a: &a [*a]", b"- 1\n- 2", b"a: b: c", b"!!int x",
    b"name: !!int x", b"d: 2001-13-45", b"n: " + b"9" * 5000, b"<<: {<<: {}}", b"a: *b", b"\t",
    b"%YAML 9.9\n---\na: 1", b"? a", b"a: |", b"null", b"name: x\nname: y", b"1: 2", b"a: 1\n---\nb: 2",
)  # fmt: skip
CELLS = (
    "",
    "x",
    "-1",
    "0",
    "1.5",
    "1e9",
    "99999999999999999999",
    "NaN",
    "TRAIN",
    "train",
    "VALID;",
    '"',
    "é",
    "\x00",
    "1 2",
)
ARRAYS: tuple[Any, ...] = (
    np.zeros((0, 0), "f4"), np.zeros(5, "f4"), np.zeros((5, 5, 5), "f4"), np.array(1.0),
    np.zeros((3, 4), "c8"),
    np.zeros((160, 1), "f4"), np.zeros((161, 24), "f4"), np.zeros((24, 160), "f4"), np.zeros((160, 24), "U3"),
    np.zeros((160, 24), "M8[s]"), np.array([["a"]]), np.array([None], object),
)  # fmt: skip
JSONS = (
    b"{}",
    b"[]",
    b"null",
    b"1",
    b'"x"',
    b"{",
    b"",
    b"\xff",
    b'{"a": {}}',
    b"[" * 2000,
    b'{"outputs": 1}',
)


def choose(rng: np.random.Generator, options: Any) -> Any:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """A byte changed, a piece cut out or doubled, or all cut short."""
    if not content:
        return b"x"
    at, way = int(rng.integers(len(content))), int(rng.integers(4))
    if way == 0:
        return content[:at] + bytes([int(rng.integers(256))]) + content[at + 1 :]
    if way == 1:
        return content[:at]
    length = int(rng.integers(1, 200))
    return (
        content[:at] + (content[at : at + length] * 2 if way == 2 else b"") + content[at + length :]
    )


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Paths of all values in a document."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(found for key, one in inner for found in places(one, (*path, key)))]


def spec_value(shop: Workshop, rng: np.random.Generator) -> None:
    """Another value at some place of the sweep."""
    document = yaml.safe_load(shop.spec.read_text())
    path = choose(rng, [place for place in places(document) if place])
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = choose(rng, VALUES)
    shop.spec.write_text(yaml.safe_dump(document, allow_unicode=True))


def spec_key(shop: Workshop, rng: np.random.Generator) -> None:
    """A key left out, renamed or added."""
    document = yaml.safe_load(shop.spec.read_text())
    holders = [document, document["dataset"], document["significance"], *document["fits"]]
    holder = choose(rng, holders)
    key = choose(rng, list(holder))
    value = holder.pop(key)
    if rng.random() < 0.6:
        holder[f"{key}s" if rng.random() < 0.5 else f"_{key}"] = value
    shop.spec.write_text(yaml.safe_dump(document))


def spec_bytes(shop: Workshop, rng: np.random.Generator) -> None:
    """Bytes of the sweep changed."""
    shop.spec.write_bytes(flip(shop.spec.read_bytes(), rng))


def spec_text(shop: Workshop, rng: np.random.Generator) -> None:
    """Something else than a sweep."""
    shop.spec.write_bytes(choose(rng, TEXTS))


def override(shop: Workshop, rng: np.random.Generator) -> list[str]:
    """--set of some key to something."""
    document = yaml.safe_load(shop.spec.read_text())
    path = ".".join(str(key) for key in choose(rng, places(document)))
    value = choose(
        rng, [*map(str, VALUES), "{", "[1,", "&a", "*a", "!!int x", "2001-13-45", "a: b: c"]
    )
    return ["--set", choose(rng, (f"{path}={value}", path, f"={value}", f"{path}.x={value}", "="))]


def run_cell(shop: Workshop, rng: np.random.Generator) -> None:
    """A cell of the run table changed."""
    file = shop.data / "runs.csv"
    rows = [line.split(",") for line in file.read_text().splitlines()]
    row = rows[int(rng.integers(len(rows)))]
    row[int(rng.integers(len(row)))] = choose(rng, CELLS)
    file.write_text("\n".join(",".join(row) for row in rows))


def run_bytes(shop: Workshop, rng: np.random.Generator) -> None:
    """Bytes of the run table changed."""
    file = shop.data / "runs.csv"
    file.write_bytes(flip(file.read_bytes(), rng))


def run_other(shop: Workshop, rng: np.random.Generator) -> None:
    """No run table, or another table, or one without a role."""
    file = shop.data / "runs.csv"
    text = file.read_text()
    file.write_text(choose(rng, (
        "", "title\n", text.replace("TRAIN", ""), text.replace("VALID", "TRAIN"),
        text.replace("TRAIN", "VALID"), text.splitlines()[0], text.replace("title", "titel"),
        "\n".join(line.rsplit(",", 1)[0] + ",0" for line in text.splitlines()),
    )))  # fmt: skip


def array_of(pattern: str) -> Any:
    """A mutation: an array of the data set is another, or no array."""

    def change(shop: Workshop, rng: np.random.Generator) -> None:
        file = shop.pick(rng, pattern)
        way = int(rng.integers(4))
        if way == 0:
            np.save(file, choose(rng, ARRAYS), allow_pickle=True)
        elif way == 1:
            file.write_bytes(choose(rng, (b"", b"x", b"\x93NUMPY", b"PK\x03\x04", archive())))
        elif way == 2:
            content = file.read_bytes()
            file.write_bytes(content[: int(rng.integers(len(content)))])
        else:
            file.unlink()

    return change


def archive() -> bytes:
    """A zip file that is no .npz."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a.txt", "x")
    return file.getvalue()


def voxel_file(shop: Workshop, rng: np.random.Generator) -> None:
    """Positions of voxels that do not fit, or bytes that are none."""
    file = shop.pick(rng, "data/voxels/*.npz")
    if rng.random() < 0.4:
        file.write_bytes(flip(file.read_bytes(), rng)[: int(rng.integers(1, 2000))])
        return
    np.savez(file, **choose(rng, (
        {}, {"index": np.arange(3)}, {"index": np.arange(24), "shape": [2, 3, 4]},
        {"mask": np.ones((2, 2, 2), bool)}, {"coordinates": np.zeros((24, 2), int)},
        {"index": np.arange(24) - 1, "shape": [2, 3, 4], "order": "C"},
        {"index": np.array(["a"] * 24)}, {"index": np.arange(24), "roi": np.arange(3)}, {"mask": np.ones(24)},
        {"index": np.arange(24), "shape": [2, 3, 4], "order": "Z"}, {"coordinates": np.full((24, 3), -1)},
    )))  # fmt: skip


def stored_json(shop: Workshop, rng: np.random.Generator) -> None:
    """A JSON file of the store is valid and of another shape, or none."""
    shop.pick(rng, "out/**/*.json").write_bytes(choose(rng, JSONS))


def stored_bytes(shop: Workshop, rng: np.random.Generator) -> None:
    """Bytes of a file of the store changed, or the file gone."""
    file = shop.pick(rng, "out/**/*")
    file.unlink() if rng.random() < 0.3 else file.write_bytes(flip(file.read_bytes(), rng))


def strange_folders(shop: Workshop, rng: np.random.Generator) -> None:
    """Companions that systems leave beside data."""
    made: Path = choose(rng, (
        shop.data / "responses/.ipynb_checkpoints", shop.data / "responses/S1/._Play_001.npy",
        shop.data / "responses/.DS_Store", shop.data / "voxels/._S1.npz", shop.data / "responses/S9",
        shop.data / "responses/a\nb", shop.data / "responses/a--b",
    ))  # fmt: skip
    made.mkdir(parents=True, exist_ok=True)


def trace_nowhere(shop: Workshop, rng: np.random.Generator) -> list[str]:
    """A trace into a folder that is not there."""
    return ["--trace", str(shop.folder / "none" / "trace.json"), "--engine", "inline"]


def lease_json(shop: Workshop, rng: np.random.Generator) -> list[str]:
    """A lease or its beat of another shape; `status` of the root alone."""
    shop.pick(rng, "out/lease/*.json").write_bytes(
        json.dumps(choose(rng, ({}, [], 1, None))).encode()
    )
    return [str(shop.out)]


CASES = (
    Case("a value of the sweep", spec_value),
    Case("a value of the sweep, checked", spec_value, verb="check"),
    Case("a key of the sweep", spec_key, refused=False),
    Case("bytes of the sweep", spec_bytes, verb="check"),
    Case("no sweep", spec_text, refused=True, verb="check"),
    Case("an override", override),
    Case("a cell of the run table", run_cell),
    Case("bytes of the run table", run_bytes),
    Case("another run table", run_other, refused=True),
    Case("an array of responses", array_of("data/responses/*/*.npy"), refused=True),
    Case("an array of features", array_of("data/stim_features/**/layer1/*.npy"), refused=True),
    Case("a file of voxels", voxel_file, refused=True),
    Case("a JSON file of the store", stored_json),
    Case("a JSON file of the store, told", stored_json, verb="status"),
    Case("bytes of the store", stored_bytes, verb="status"),
    Case("a lease", lease_json, verb="root"),
    Case("companions of data", strange_folders),
    Case("a trace into nowhere", trace_nowhere, refused=True, verb="run"),
)  # fmt: skip
