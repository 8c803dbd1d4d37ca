"""A sweep as a job of a cluster, by `d2b-ray submit` and by Ray's own command; what is refused, how fast."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from drill import Drill, drilled
from problems import words_sweep, words_yaml
from stores import assert_equal_stores, records

from cluster import free_ports, plain_environment, running_head
from d2b_ray.cli.submitting import submit_and_follow
from d2b_ray.engine.on_ray.reaching import check_cluster, check_dashboard, given_address
from d2b_ray.errors import ClusterError, SpecError

pytestmark = pytest.mark.ray
ROOT = Path(__file__).resolve().parents[2]
OPEN = {"RAY_AUTH_MODE": "disabled"}
UNITS = 23  # of the sweep over word vectors: features, designs, factorizations, fits, nulls ...
DRIVEN = ("speechTranscription", "objectiveAnnot50chara", "story")


def units_ended(metrics: str) -> dict[str, float]:
    """What Prometheus would scrape: units done, by kind. Ray hands counters on every ten seconds."""
    pattern = re.compile(r"ray_d2b_units_ended\w*\{(.*)\} ([\d.]+)")
    deadline = time.monotonic() + 3000
    while True:
        with urllib.request.urlopen(metrics, timeout=300) as answer:
            found = pattern.findall(answer.read().decode())
        counted: dict[str, float] = {}
        for labels, value in found:
            assert 'sweep="words"' in labels
            assert 'outcome="done"' in labels
            kind = re.search(r'[Kk]ind="(\w+)"', labels)[1]
            counted[kind] = counted.get(kind, 0) + float(value)
        if "gather" in counted or time.monotonic() > deadline:
            return counted
        time.sleep(1)


def d2b_ray(*arguments, **environment):
    """The command, far from any checkout."""
    return subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", *map(str, arguments)],
        capture_output=True, text=True, env=plain_environment(**environment),
    )  # fmt: skip


@pytest.fixture(scope="module")
def drill(tmp_path_factory):
    return Drill(tmp_path_factory.mktemp("drill"))


@pytest.fixture(scope="module")
def head(drill, short_folder):
    with running_head(short_folder, num_cpus=1, **drilled(drill.folder)) as started:
        yield started


@pytest.fixture
def spec(words_root, tmp_path):
    path = tmp_path / "words.yaml"
    path.write_text(words_yaml(words_root, tmp_path / "out"))
    return path


def test_a_job_of_rays_own_command_gives_the_same_store(head, spec, words_store, tmp_path):
    """A driver of this machine may join the same cluster."""
    command = [
        "ray", "job", "submit", "--address", head.dashboard, "--working-dir", ".", "--",
        "python", "jobs/run_sweep.py", str(spec),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=plain_environment(**OPEN)
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert f"Ran {UNITS} units" in done.stdout
    assert_equal_stores(words_store, tmp_path / "out")
    counted = units_ended(head.metrics)
    assert sum(counted.values()) == UNITS
    assert counted["null"] == 8
    joined = d2b_ray(
        "run", spec, "--address", head.address, "--set", f"output.root={tmp_path}/joined", **OPEN
    )
    assert joined.returncode == 0, joined.stdout + joined.stderr
    assert_equal_stores(words_store, tmp_path / "joined")


def test_a_stopped_job_is_submitted_again_and_goes_on(
    head, drill, spec, words_root, words_store, tmp_path
):
    """The first is left alone while it waits; the second is followed, and has a relative path."""
    last = f"commit DM01 story {words_root}/words.txt layerNone TR3-5"
    drill.script({last: ["wait"]})
    first = d2b_ray("submit", spec, "--address", head.dashboard, "--detach", **OPEN)
    assert first.returncode == 0, first.stderr
    (job,) = re.findall(r"Submitted (words-\w+)", first.stdout)
    drill.arrived(last)
    spec.write_text("name: changed since")  # the job has its own
    ended = d2b_ray("stop", "--address", head.dashboard, **OPEN)
    assert ended.returncode == 0, ended.stderr
    assert f"Stopped {job}" in ended.stdout
    before = records(tmp_path / "out")
    assert before
    drill.script({})
    spec.write_text(words_yaml(words_root, tmp_path / "out"))
    below = ("--base", tmp_path, "--set", "output.root=out")
    again = d2b_ray("submit", spec, "--address", head.dashboard, *below, **OPEN)
    assert again.returncode == 0, again.stdout + again.stderr
    after = records(tmp_path / "out")
    assert {path: after[path] for path in before} == before
    assert f"Results: {tmp_path}/out" in again.stdout
    assert_equal_stores(words_store, tmp_path / "out")
    code = (tmp_path / "out/environment.json").read_text()
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    assert git.stdout.strip() in code  # what was sent knows where it comes from


def test_the_exit_status_is_the_jobs(head, spec):
    done = d2b_ray(
        "submit", spec, "--address", head.dashboard, "--set", "dataset.root=/nowhere", **OPEN
    )
    assert done.returncode == 2
    assert "d2b-ray: " in done.stdout
    assert "/nowhere" in done.stdout


def test_there_is_nothing_to_stop(head):
    done = d2b_ray("stop", "--address", head.dashboard, **OPEN)
    assert (done.returncode, done.stdout) == (2, "")
    assert "name the job to stop; of d2b-ray there run: none" in done.stderr
    done = d2b_ray("stop", "nobody", "--address", head.dashboard, **OPEN)
    assert done.returncode == 2
    assert "there is no job 'nobody'" in done.stderr


@pytest.mark.parametrize(
    ("change", "base", "message"),
    [
        ("output.root=out", None, "output.root: 'out' is relative, and a job runs in a folder"),
        ("dataset.root=../data", None, "dataset.root: '../data' is relative"),
        ("features.said.model=./vectors", None, "features.said.model: './vectors' is relative"),
        ("output.root=s3://key:hush@bucket/out", None, "keys and passwords have no place"),
        ("output.root=out", "here", "--base here: give an absolute folder"),
    ],
)  # fmt: skip
def test_relative_paths_are_refused_before_anything_is_sent(
    words_root, tmp_path, change, base, message
):
    sweep = words_sweep(words_root, tmp_path / "out", change)
    with pytest.raises(SpecError, match=re.escape(message)):
        submit_and_follow(sweep, "nowhere", base=base, options=[], detach=False)


def test_other_versions_are_told_in_one_line(head, spec, tmp_path):
    program = (
        "import sys, ray; ray.__version__ = '2.99.0'; from d2b_ray.cli import main;"
        f"sys.argv = ['d2b-ray', 'run', {str(spec)!r}, '--address', {head.address!r}]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=plain_environment(**OPEN),
    )
    refused(done, "does not fit this environment", "2.99.0")
    assert not (tmp_path / "out").exists()


def refused(done, *words):
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture
def silent():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("check", [check_cluster, check_dashboard])
def test_where_no_cluster_is_one_line_says_so(check, silent):
    (dead,) = free_ports(1)
    with pytest.raises(ClusterError, match="nobody listens there"):
        check(f"127.0.0.1:{dead}")
    began = time.monotonic()
    with pytest.raises(ClusterError, match="no answer within 5 s"):
        check(f"127.0.0.1:{silent}")
    assert time.monotonic() - began < 15
    with pytest.raises(ClusterError, match="expected HOST:PORT"):
        check("127.0.0.1:99999")


def test_nothing_is_written_where_no_cluster_is(spec, silent, tmp_path):
    refused(d2b_ray("run", spec, "--address", f"127.0.0.1:{silent}"), "no answer within 5 s")
    assert not (tmp_path / "out").exists()


def test_what_else_listens_is_told_apart(head, spec, monkeypatch):
    url = head.dashboard.removeprefix("http://")
    for address, wrong in (
        (url, "is not the head of a Ray"),
        (head.dashboard, "that of a dashboard"),
    ):
        with pytest.raises(ClusterError, match=wrong):
            check_cluster(address)
    with pytest.raises(ClusterError, match="is not Ray's dashboard"):
        check_dashboard(head.address)
    assert check_dashboard(url) == head.dashboard
    check_cluster(head.address)
    monkeypatch.setenv("RAY_ADDRESS", url)
    assert given_address(None) == (url, "RAY_ADDRESS")
    assert given_address("local") is None


@pytest.mark.slow
def test_a_token_that_is_missing_is_told(spec, short_folder, tmp_path):
    """By a cluster that wants one."""
    home = tmp_path / "home"
    home.mkdir()
    folder = Path(short_folder) / "t"
    folder.mkdir()
    with running_head(str(folder), RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="x" * 64) as head:
        for verb, address in (("run", head.address), ("submit", head.dashboard)):
            done = d2b_ray(verb, spec, "--address", address, HOME=str(home), **OPEN)
            refused(done, "wants a token")
            wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "y" * 64}
            refused(d2b_ray(verb, spec, "--address", address, **wrong), "wants a token")
            right = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "x" * 64}
            nowhere = ("--set", "dataset.root=/nowhere")
            done = d2b_ray(verb, spec, "--address", address, *nowhere, **right)
            assert "/nowhere" in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()
