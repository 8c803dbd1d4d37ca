"""Workers that are forked: like those that Ray begins, and begun by Ray where they cannot be.

No Ray runs: its file that sets a worker up is a small one here that does as it does. With Ray:
`on_ray/test_tries.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster import plain_environment
from d2b_ray.engine.on_ray.starting import fork_worker, forking
from d2b_ray.steps.imports import OF_KIND, imports_of

# What a worker sees of itself. `numpy` is imported in the server, and so in a worker only if it is forked.
WORKER = """\
import json, os, resource, signal, sys
from pathlib import Path

forked = "numpy" in sys.modules
import numpy

print(json.dumps({
    "forked": forked,
    "words": sys.argv, "name": __name__, "file": __file__, "path": sys.path, "folder": os.getcwd(),
    "variables": dict(os.environ), "input": sys.stdin.read(),
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "child": str(signal.getsignal(signal.SIGCHLD)), "interrupt": str(signal.getsignal(signal.SIGINT)),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE), "niceness": os.getpriority(os.PRIO_PROCESS, 0),
    "killed_first": Path("/proc/self/oom_score_adj").read_text(),
    "group": os.getpgrp() == int(Path("group").read_text()),
    "open": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:4],
    "draw": numpy.random.rand(),
}))
"""
SETUP = """\
import os, shlex, sys

if os.environ.get("PREFIX"):  # as Ray does for a container
    os.execvp("bash", ["bash", "-c", f"{os.environ['PREFIX']} {sys.executable} {shlex.join(sys.argv[1:])}"])
os.execvp("bash", args=["bash", "-c", f"exec {sys.executable} {shlex.join(sys.argv[1:])}"])
"""
# What the raylet does with a worker that it begins, before it runs its command.
RAYLET = """\
import os, resource, signal, sys
from pathlib import Path

os.setpgid(0, 0)
Path("group").write_text(str(os.getpgrp()))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
os.nice(7)
Path("/proc/self/oom_score_adj").write_text("1000")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with these files; Ray's own is the one of here."""
    files = {"worker.py": WORKER, "setup.py": SETUP, "raylet.py": RAYLET}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(forking, "setup_file", lambda: tmp_path / "setup.py")
    monkeypatch.setattr(forking, "OF_RAY", ())
    for name, value in plain_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    return tmp_path


def begun(folder, server, *words, **variables):
    """The process that a raylet would begin for a worker; by the server of that socket if there is one."""
    told = os.environ | {"RAY_RAYLET_PID": "7"} | variables
    if server:
        told |= {fork_worker.SERVER: server, fork_worker.THEIRS: str(folder / "setup.py")}
    first = fork_worker.__file__ if server else folder / "setup.py"
    return subprocess.Popen(
        [sys.executable, folder / "raylet.py", first, folder / "worker.py", *words], cwd=folder, env=told,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def seen(folder, server, *words, **variables):
    """What the worker saw of itself."""
    with begun(folder, server, *words, **variables) as process:
        said, wrong = process.communicate("to the worker")
    assert not wrong
    return json.loads(said)


def test_a_forked_worker_is_as_one_that_ray_begins(here):
    words = ("--node=a b", "it's", "$HOME", "")
    with forking.forking(["numpy"]) as server:
        forked = [seen(here, server, *words) for _ in range(2)]
    plain = seen(here, "", *words)
    assert [one.pop("forked") for one in [*forked, plain]] == [True, True, False]
    draws = [one.pop("draw") for one in [*forked, plain]]
    assert len(set(draws)) == 3
    for one in [*forked, plain]:
        for name in ("_", "SHLVL", "PWD", "OLDPWD"):  # a shell has stood between
            one["variables"].pop(name, None)
    for one in forked:
        assert {name: (one[name], plain[name]) for name in plain if one[name] != plain[name]} == {}
    assert plain["words"][1:] == list(words)
    assert plain["niceness"] >= 7
    assert plain["group"]


def test_code_that_is_not_installed_is_imported_from_where_the_driver_has_it(here, monkeypatch):
    (here / "deep").mkdir()
    (here / "deep" / "mine.py").write_text("import numpy\n")
    monkeypatch.syspath_prepend(here / "deep")
    with forking.forking(["mine"]) as server:
        forked = seen(here, server)
    assert forked["forked"]
    assert str(here / "deep") not in forked["path"]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "LD_LIBRARY_PATH", "A_WORD"])
def test_a_variable_that_was_another_at_the_imports_is_no_ground_to_fork(here, name):
    with forking.forking(["numpy"]) as server:
        assert not seen(here, server, **{name: "3"})["forked"]
        assert seen(here, server)["forked"]


def test_a_worker_of_a_container_is_begun_as_ray_would(here, monkeypatch):
    monkeypatch.setenv("PREFIX", "env IN_A_CONTAINER=yes")
    with forking.forking(["numpy"]) as server:
        one = seen(here, server)
    assert not one["forked"]
    assert one["variables"]["IN_A_CONTAINER"] == "yes"


def test_a_module_that_is_not_there_is_left_to_the_worker_that_needs_it(here):
    with forking.forking(["no_such_module", "numpy"]) as server:
        assert seen(here, server)["forked"]


def test_a_module_that_fails_is_left_to_the_worker_that_needs_it_and_says_nothing(
    here, monkeypatch, capfd
):
    (here / "broken.py").write_text("print('a warning')\nraise RuntimeError('defect')\n")
    monkeypatch.syspath_prepend(here)
    with forking.forking(["broken", "numpy"]) as server:
        assert seen(here, server)["forked"]
    assert capfd.readouterr() == ("", "")


def test_who_waits_for_long_begins_as_ever_and_is_not_forked_later(here, monkeypatch):
    """A disk so slow that Ray would give its workers up before all is imported."""
    text = Path(fork_worker.__file__).read_text()
    assert "\nPATIENCE_S = 20.0\n" in text
    (here / "hasty.py").write_text(text.replace("PATIENCE_S = 20.0", "PATIENCE_S = 0.1"))
    (here / "slow.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "while not Path('go').exists():\n    time.sleep(0.02)\n"
    )
    (here / "worker.py").write_text(WORKER + "open('begun', 'a').write('x')\n")
    monkeypatch.syspath_prepend(here)
    monkeypatch.chdir(here)
    with forking.forking(["numpy", "slow"]) as server:
        with monkeypatch.context() as hastily:
            hastily.setattr(fork_worker, "__file__", str(here / "hasty.py"))
            process = begun(here, server)
        with process:  # the server has its pipes too, until it looks at the order
            process.stdin.close()
            assert not json.loads(process.stdout.readline())["forked"]
        (here / "go").touch()
        assert seen(here, server)["forked"]
    assert (here / "begun").read_text() == "xx"


def test_a_library_that_begins_a_thread_is_not_forked(here, monkeypatch):
    text = "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()\n"
    (here / "threaded.py").write_text(text)
    monkeypatch.syspath_prepend(here)
    with forking.forking(["numpy", "threaded"]) as server:
        assert not seen(here, server)["forked"]


def test_after_the_end_of_the_server_workers_begin_as_ever(here):
    with forking.forking(["numpy"]) as server:
        pass
    assert not seen(here, server)["forked"]
    assert not Path(server).exists()


def test_elsewhere_than_on_linux_nothing_is_forked(here, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with forking.forking(["numpy"]) as server:
        assert server == ""


def test_the_server_ends_with_who_began_it_and_leaves_no_dead(here):
    """A driver that is killed; a worker that has ended."""
    driver = (
        "import sys, time\nfrom pathlib import Path\n"
        "from d2b_ray.engine.on_ray.starting import forking\n"
        "forking.setup_file = lambda: Path('setup.py')\nforking.OF_RAY = ()\n"
        "with forking.forking(['numpy']) as server:\n    print(server, flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", driver],
        cwd=here,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        server = process.stdout.readline().strip()
        assert seen(here, server)["forked"]
        (number,) = _children(process.pid)
        while _children(number):  # none, dead or alive, once the worker has ended
            time.sleep(0.02)
        process.kill()
    while Path(server).parent.exists():  # the server removes it at its end
        time.sleep(0.02)
    assert not seen(here, server)["forked"]


def _children(number: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{number}/task/{number}/children").read_text().split()]


def test_what_is_imported_before_begins_no_thread_and_is_all_of_weight(words_root, tmp_path):
    """Ray's settings would be those of the server; what is forgotten each worker would import itself."""
    code = f"""
import importlib, os, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
for name in {imports_of(sorted(OF_KIND))!r}:
    importlib.import_module(name)
threads, before = os.listdir("/proc/self/task"), set(sys.modules)
from problems import Quiet, words_sweep
from d2b_ray.engine.session import run_sweep
from pathlib import Path
assert run_sweep(words_sweep(Path({str(words_root)!r}), Path("out")), Quiet(), engine="inline").ok
print(len(threads), "ray" in before, *set(sys.modules) - before)
"""
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=alone,
    )
    threads, ray, *later = said.stdout.split()
    assert (threads, ray) == ("1", "False")
    heavy = {
        "torch",
        "numba",
        "matplotlib",
        "scipy",
        "h5py",
        "threadpoolctl",
        "pydantic",
    }
    assert not heavy & set(later)
    rooms = ("d2b_ray.encoding", "d2b_ray.significance", "d2b_ray.design")
    assert sorted(name for name in later if name.startswith(rooms)) == []
