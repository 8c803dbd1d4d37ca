"""Responses are read once a machine: files that workers map, their bound, what is not taken from them."""

from __future__ import annotations

import multiprocessing
import os
import tracemalloc
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from problems import Quiet, common_sweep
from stores import assert_equal_stores

from d2b_ray.data import DataChoices, open_dataset
from d2b_ray.data.arrays_layout import ArraysDataset
from d2b_ray.engine.session import prepare, run_sweep
from d2b_ray.errors import DataError
from d2b_ray.steps.response_files import ResponseFiles
from d2b_ray.steps.run_settings import RunSettings
from d2b_ray.steps.worker_cache import WorkerCache
from d2b_ray.survey.inputs import response_digest

LESS = ("features.llm.annotation=story", "dataset.subjects=[S1, S2]", "compare=[]")


@pytest.fixture
def reads(monkeypatch):
    """How often each run of a subject was read."""
    counts: Counter[tuple[str, str]] = Counter()
    responses = ArraysDataset.responses

    def counted(self, subject, runs):
        counts.update((subject, run.name) for run in runs)
        return responses(self, subject, runs)

    monkeypatch.setattr(ArraysDataset, "responses", counted)
    return counts


def test_a_sweep_reads_each_run_once_and_the_next_sweep_none(common_root, tmp_path, reads):
    folder = f"resources.responses.folder={tmp_path}/files"
    sweep = common_sweep(common_root, tmp_path / "out", *LESS, folder)
    assert run_sweep(sweep, Quiet(), engine="inline").ok
    assert set(reads.values()) == {1}
    assert len(reads) == 2 * 6
    reads.clear()
    again = common_sweep(common_root, tmp_path / "again", *LESS, folder, "fits.0.delays.end=4")
    assert run_sweep(again, Quiet(), engine="inline").ok
    assert not reads
    without = common_sweep(common_root, tmp_path / "without", *LESS, "resources.responses.gb=0")
    assert run_sweep(without, Quiet(), engine="inline").ok
    assert len(reads) == 2 * 6
    assert_equal_stores(tmp_path / "out", tmp_path / "without")


def test_files_that_changed_since_the_run_began_are_not_taken(common_root, tmp_path):
    sweep = common_sweep(
        common_root, tmp_path / "out", *LESS, f"resources.responses.folder={tmp_path}/files"
    )
    settings = prepare(sweep, Quiet()).sweep_run.settings
    cache = WorkerCache(replace(settings, responses={"S1": "another digest"}))
    with pytest.raises(DataError, match="S1: the response files are not those that this run began"):
        cache.responses("S1", "TRAIN")
    assert not list((tmp_path / "files").glob("*.npy")) + list((tmp_path / "files").glob("*.part"))


def test_other_code_that_reads_has_files_of_its_own(common_root, tmp_path, reads):
    sweep = common_sweep(
        common_root, tmp_path / "out", *LESS, f"resources.responses.folder={tmp_path}/files"
    )
    settings = prepare(sweep, Quiet()).sweep_run.settings
    for reader in ("one", "one", "another"):
        WorkerCache(replace(settings, reader=reader)).responses("S1", "VALID")
    assert set(reads.values()) == {2}


def test_what_a_killed_process_left_is_removed(tmp_path):
    (ended := multiprocessing.get_context("fork").Process(target=int)).start()
    ended.join()
    left = tmp_path / f"b.{ended.pid}.part"
    here = tmp_path / f"c.{os.getpid()}.part"
    for path in (left, here):
        path.touch()
    ResponseFiles(str(tmp_path)).get("a", 10, lambda: [array(1)])
    assert not left.exists()
    assert here.exists()


def array(number):
    return np.full((10, 250), number, np.float32)


def test_the_least_recently_used_makes_room(tmp_path):
    files = ResponseFiles(str(tmp_path), 25_000)
    for key in "ab":
        files.get(key, 10, lambda: [array(1)])
        for path in tmp_path.glob(f"{key}*"):
            os.utime(path, (100, 100))  # a while ago
    held = files.get("a", 10, pytest.fail)
    files.get("c", 10, lambda: [array(2)[:4], array(2)[4:]])
    there = {path.name for path in tmp_path.glob("?.npy")}
    assert there == {"a.npy", "c.npy"}
    assert files.get("big", 30, lambda: [np.zeros((30, 250), np.float32)]) is None
    np.testing.assert_array_equal(held.rows, array(1))
    assert held.bad.all()  # the same all the time
    with pytest.raises(ValueError, match="read-only"):
        held.rows[0, 0] = 1


def test_what_cannot_be_kept_is_held_in_memory(tmp_path):
    (tmp_path / "file").touch()
    assert ResponseFiles(str(tmp_path / "file")).get("a", 10, lambda: [array(1)]) is None


def test_a_damaged_file_is_made_again(tmp_path):
    files = ResponseFiles(str(tmp_path))
    files.get("a", 10, lambda: [array(1)])
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:200])
    np.testing.assert_array_equal(files.get("a", 10, lambda: [array(3)]).rows, array(3))


def _get(folder, queue, start):
    def read():
        queue.put("read")
        yield array(5)

    start.wait()
    found = ResponseFiles(folder).get("a", 10, read)
    queue.put(float(found.rows.mean()))


def test_processes_of_a_machine_read_it_once(tmp_path):
    context = multiprocessing.get_context("fork")
    queue, start = context.Queue(), context.Event()
    processes = [context.Process(target=_get, args=(str(tmp_path), queue, start)) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()
    told = [queue.get(timeout=60) for _ in range(5)]
    for process in processes:
        process.join()
    assert sorted(told, key=str) == [5.0] * 4 + ["read"]


def test_a_matrix_is_treated_in_a_fraction_of_its_size(tmp_path):
    """Z-scored and detrended as it is written: 96 MB of responses with less than 32 MB of memory."""
    root = tmp_path / "data"
    (root / "responses" / "S1").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for run in "abc":
        shape = (200, 40_000)
        rows = np.lib.format.open_memmap(
            root / "responses" / "S1" / f"{run}.npy", "w+", np.float32, shape
        )
        rows[:] = (
            rng.standard_normal((200, 1), np.float32) + np.arange(200, dtype=np.float32)[:, None]
        )
        rows[:, 1::2] *= -2
        rows.flush()
    (root / "runs.csv").write_text("run,role\na,train\nb,train\nc,test\n")
    choices = DataChoices(options={"tr_s": 2.0})
    settings = RunSettings(
        sweep="s", layout="arrays", dataset_root=str(root), results=str(tmp_path), features=str(tmp_path),
        split="all", base=".", choices=choices,
        treatment={"zscore": "run", "detrend": "savgol", "window_s": 60.0},
        responses={"S1": response_digest(open_dataset("arrays", str(root), choices), "S1")},
        responses_folder=str(tmp_path / "kept"),
    )  # fmt: skip
    cache = WorkerCache(settings)
    tracemalloc.start()
    try:
        found = cache.responses("S1", "TRAIN")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, np.memmap)
    assert found.shape == (400, 40_000)
    assert peak < 32e6
    np.testing.assert_allclose(found[:200, ::9999].std(0), 1, atol=1e-5)
    np.testing.assert_allclose(found[:200, 1], -found[:200, 0], atol=1e-5)
