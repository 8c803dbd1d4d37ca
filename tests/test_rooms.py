"""The rooms keep to themselves: what may import what, and that the door opens at once."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
from worlds import world_of

PACKAGE = Path(__file__).resolve().parents[1] / "d2b_ray"
HEAVY = ("ray", "torch", "transformers", "matplotlib", "himalaya", "pyarrow", "numba", "pandas")


def loaded_after(program: str) -> tuple[set[str], float]:
    """Top-level modules that a fresh interpreter has loaded after `program`, and its CPU seconds."""
    code = (
        "import time; began = time.process_time()\n" + program + "\n"
        "import json, sys; spent = time.process_time() - began\n"
        "print('\\n' + json.dumps([sorted({m.split('.')[0] for m in sys.modules}), spent]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, seconds = json.loads(done.stdout.splitlines()[-1])
    return set(names), seconds


def test_import_is_light_and_quick():
    runs = [loaded_after("import d2b_ray") for _ in range(3)]
    assert not runs[0][0] & set(HEAVY)
    assert min(seconds for _, seconds in runs) < 0.3


def test_help_answers_at_once():
    program = (
        "import sys; sys.argv = ['d2b-ray', '--help']\n"
        "from d2b_ray.cli import main\n"
        "try:\n    main()\nexcept SystemExit: pass"
    )
    runs = [loaded_after(program) for _ in range(3)]
    assert not runs[0][0] & {*HEAVY, "numpy", "pydantic"}
    assert min(seconds for _, seconds in runs) < 0.3


def test_check_needs_neither_ray_nor_torch():
    names, _ = loaded_after("from d2b_ray.spec import load; load('jobs/demo.yaml')")
    assert not names & set(HEAVY)


def test_plan_needs_neither_ray_nor_torch(tmp_path):
    names, _ = loaded_after("import d2b_ray.engine.session, d2b_ray.cli.planning")
    assert not names & {
        "ray",
        "torch",
        "transformers",
        "matplotlib",
        "himalaya",
        "numba",
        "sklearn",
    }


def test_a_worker_that_designs_fits_and_gathers_needs_no_sklearn_and_draws_nothing():
    """What all processes of a sweep import, hundreds of times in a large one."""
    names, _ = loaded_after(
        "import d2b_ray.steps.table\n"
        "from d2b_ray.data import open_dataset\n"
        "from d2b_ray.design import build_design\n"
        "from d2b_ray.report.gather import gather\n"
        "from d2b_ray.encoding import factorize, fit_banded, fit_ridge\n"
        "from d2b_ray.report.columns import FITS, table_of\n"
        "from d2b_ray.report.over_subjects import mean_and_half\n"
        "assert table_of(FITS, [{'layer': 1, 'label': 'a'}]).num_rows == 1\n"
        "assert mean_and_half([1.0, 2.0, 3.0])[0] == 2\n"
    )
    assert "torch" in names
    assert "scipy.stats" not in names
    assert not names & {"ray", "sklearn", "pandas", "transformers", "numba", "matplotlib"}


def test_what_a_sweep_may_choose_is_asked_without_what_computes_it():
    names, _ = loaded_after(
        "from d2b_ray.catalog.significance_tests import TESTS\n"
        "from d2b_ray.catalog.solvers import BANDED_SOLVERS, RIDGE_SOLVERS\n"
        "for table in (RIDGE_SOLVERS, BANDED_SOLVERS, TESTS):\n"
        "    assert len([table[name] for name in table.names]) >= 4"
    )
    assert not names & {*HEAVY, "numpy", "scipy"}


@pytest.mark.parametrize("room", ["encoding", "significance"])
def test_names_of_a_room_are_imported_when_they_are_asked_for(room):
    """In whatever order: a module of the same name would take the place of what it exports."""
    found = import_module(f"d2b_ray.{room}")
    modules = {path.stem for path in (PACKAGE / room).iterdir()}
    assert not modules & set(found.__all__)
    assert sorted(name for names in found.HOMES.values() for name in names) == sorted(found.__all__)
    assert all(getattr(found, name) is not None for name in found.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        found.nothing  # noqa: B018  # asking is the test


def test_ten_thousand_units_are_planned_within_two_seconds():
    from d2b_ray.plan import estimate, make_plan
    from d2b_ray.spec import load

    sweep = load(PACKAGE.parent / "jobs/levels.yaml")
    subjects = tuple(f"DM{n:02d}" for n in range(6))
    world = world_of(sweep, subjects, layers=13)
    began = time.process_time()
    plan = make_plan(sweep, world)
    estimate(plan, world.sizes, frozenset())
    assert len(plan) > 10_000
    assert time.process_time() - began < 2


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_modules_are_small_and_say_what_they_are(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module begins by saying what it is"
    assert len(text.splitlines()) <= 300
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} does not fit a screen"
        public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        if public and node in tree.body:
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_every_folder_of_tests_says_what_it_is_about():
    from gate_report import ABOUT, TESTS

    folders = {path.parent.name for path in TESTS.rglob("test_*.py")}
    assert folders == set(ABOUT)


def test_only_layout_spells_paths_of_the_store():
    """Folders of the store stand in `store.layout`; elsewhere only as documentation or prefixes."""
    words = ("stim_features/{", "encoding/{", "units/{", "tables/voxels")
    for path in PACKAGE.rglob("*.py"):
        if path.name in ("layout.py", "fit_place.py", "running.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                literal = ast.unparse(node)
                assert not any(word in literal for word in words), f"{path}: {literal}"


def test_ray_is_imported_below_one_folder_only():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if any(name.split(".")[0] == "ray" for name in names):
                found.add(path.relative_to(PACKAGE).as_posix())
    assert found == {
        f"engine/on_ray/{name}.py"
        for name in (
            "autoscaling",
            "driver",
            "jobs",
            "joining",
            "starting/forking",
            "starting/lean_start",
            "nodes",
            "pool",
            "tries",
            "workers",
        )
    }
