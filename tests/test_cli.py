"""The command line: whole output compared; every error one line and exit status 2."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from problems import tiny_yaml, words_yaml

from cluster import plain_environment
from d2b_ray import __version__
from d2b_ray.cli import main
from d2b_ray.cli.progress import PHASES
from d2b_ray.plan import KINDS
from d2b_ray.schedule.ready import PRIORITY
from d2b_ray.steps.table import STEPS


def d2b_ray(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "d2b_ray.cli", *map(str, arguments)], cwd=cwd, text=True,
        capture_output=True, env=plain_environment(HF_HUB_OFFLINE="1"),
    )  # fmt: skip


@pytest.fixture
def spec(tiny_root, tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(tiny_yaml(tiny_root, tmp_path / "out"))
    return path


def test_check(spec):
    done = d2b_ray("check", spec)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{spec}: valid sweep 'tiny'\n", "")


def test_plan_of_a_new_sweep(spec):
    done = d2b_ray("plan", spec)
    assert done.returncode == 0, done.stderr
    table = {line.split()[0]: line.split() for line in done.stdout.splitlines()[2:]}
    counts = {kind: table[kind][1] for kind in ("extract", "design", "fit", "null", "commit")}
    assert counts == {"extract": "2", "design": "4", "fit": "8", "null": "16", "commit": "8"}
    assert not (spec.parent / "out").exists()  # looking changes nothing


def test_versions_for_a_report_of_a_fault():
    done = d2b_ray("--version")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"d2b-ray {__version__}, Python 3.")
    assert f"ray {version('ray')}, torch {version('torch')}" in done.stdout


def test_a_shell_completes_verbs():
    found = subprocess.run(
        [Path(sys.executable).with_name("d2b-ray")], capture_output=True, text=True, check=False,
        env=plain_environment(_D2B_RAY_COMPLETE="complete_bash", COMP_WORDS="d2b-ray pl", COMP_CWORD="1"),
    )  # fmt: skip
    assert found.stdout.split() == ["plan", "plot"], found.stderr


def test_every_kind_of_unit_has_a_word_for_progress():
    assert list(PHASES) == list(KINDS) == list(STEPS)
    assert set(PRIORITY) == {*KINDS, "join"}


def test_status(spec, words_store, words_root):
    done = d2b_ray("status", spec)
    assert done.returncode == 3
    assert "commit" in done.stdout
    spec.write_text(words_yaml(words_root, words_store))
    done = d2b_ray("status", spec)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == f"Everything in {words_store} is up to date."


def test_run_tells_what_to_open(words_root, tmp_path):
    spec, out = tmp_path / "sweep.yaml", tmp_path / "out"
    spec.write_text(words_yaml(words_root, out))
    done = d2b_ray("run", spec, "--engine", "inline", "--set", "features.said.annotation=story")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-4:-1] == [
        f"Results: {out}",
        f"Tables:  {out}/tables/fits.parquet, {out}/tables/voxels",
        f"Report:  {out}/report/index.html",
    ]
    assert lines[-1].startswith(f"Log:     {out}/logs/")
    for line in lines[-3:]:
        path = line.split(maxsplit=1)[1].split(",")[0]
        assert subprocess.run(["test", "-e", path], check=False).returncode == 0


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("fits.0.kind=lasso", 'fits.0.kind: got "lasso"'),
        ("fits.0.delays.start=-1", "fits.0.delays.start: got -1"),
        ("featurs={}", "featurs: unknown key"),
        ("features.llm.layers=[99]", "99"),
        ("features.llm.annotation=plot", "no annotation 'plot'"),
        ("features.llm.model=./nothing-here", "./nothing-here"),
        ("features.llm.model=no-such-org/no-such-model", "no-such-org/no-such-model"),
        ("dataset.root=/nowhere", "/nowhere is not a folder"),
        ("dataset.subjects=[DM99]", "DM99"),
        ("output.root=gopher://x", "gopher://"),
    ],
)
@pytest.mark.parametrize("verb", ["plan", "run"])
def test_bad_input_is_one_line_and_loses_nothing(spec, verb, override, words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["d2b-ray", verb, str(spec), "--set", override])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2, out + err
    assert err.count("\n") == 1, err
    assert err.startswith("d2b-ray: ")
    assert words in err
    assert out == ""
    assert not (spec.parent / "out").exists()


def test_a_missing_file_and_broken_yaml(tmp_path):
    done = d2b_ray("run", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    (tmp_path / "broken.yaml").write_text("name: [")
    done = d2b_ray("check", tmp_path / "broken.yaml")
    assert done.returncode == 2
    assert "broken.yaml:" in done.stderr


def test_demo_data_refuses_a_full_folder(tmp_path):
    (tmp_path / "x").write_text("mine")
    done = d2b_ray("demo-data", tmp_path)
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_defect_of_ours_is_one_line_and_keeps_its_traceback(tmp_path, monkeypatch, capsys):
    from d2b_ray import spec
    from d2b_ray.cli import app

    def broken(*_):
        raise RuntimeError("a screw\nis loose")

    monkeypatch.setattr(spec, "load", broken)
    monkeypatch.setattr("sys.argv", ["d2b-ray", "check", "x.yaml"])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        app.main()
    (file,) = tmp_path.glob("d2b-ray-*.txt")
    assert ended.value.code == 70
    assert capsys.readouterr().err == (
        f"d2b-ray: a defect: RuntimeError: a screw is loose; the traceback is in {file}: please report it\n"
    )
    assert 'raise RuntimeError("a screw\\nis loose")' in file.read_text()


def test_a_full_standard_output_is_one_line(tmp_path):
    command = [sys.executable, "-m", "d2b_ray.cli", "--help"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    told = "d2b-ray: standard output cannot be written (No space left on device)\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_a_job_says_what_its_environment_lacks(tmp_path):
    """One line, where a cluster's Python has not our packages."""
    hidden = "import sys; sys.modules['typer'] = None; from d2b_ray.job import main; main()"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert sys.executable in line
    assert "typer" in line
    assert "install those of constraints.txt" in line
