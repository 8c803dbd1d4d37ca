"""Every sweep in jobs/ can be read and laid out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from worlds import plan_of

from d2b_ray.spec import Sweep, load, parse, to_yaml
from d2b_ray.spec.closed import Closed
from d2b_ray.spec.features import FeatureReduction
from d2b_ray.spec.fits import Alphas, BandSource, Reduction

JOBS = Path(__file__).parents[2] / "jobs"
SUBJECTS = ("DM01", "DM03", "DM06", "DM07", "DM09", "DM11")


@pytest.mark.parametrize("path", sorted(JOBS.glob("*.yaml")), ids=lambda path: path.name)
def test_a_job_checks_and_expands(path: Path) -> None:
    sweep = load(path)
    assert parse(to_yaml(sweep)) == sweep
    assert len(plan_of(sweep, SUBJECTS, layers=33)) > 1


def test_the_demo_names_every_option() -> None:
    """The demo is where the options are explained, so none may be missing there."""
    told = _keys(yaml.safe_load((JOBS / "demo.yaml").read_text(encoding="utf-8")))
    plain = {Alphas: {"listed"}, Reduction: {"pca", "srp"}, BandSource: {"source"}}
    plain[FeatureReduction] = {"srp", "components", "seed"}
    for more in ("bands.yaml", "modalities.yaml", "own_data.yaml"):
        told |= _keys(yaml.safe_load((JOBS / more).read_text(encoding="utf-8")))
    for block in [Sweep, *_blocks(Closed)]:
        wanted = set(block.model_fields) - plain.get(block, set()) - {"preset"}
        assert wanted <= told, block.__name__


def _blocks(block: type[Closed]) -> list[type[Closed]]:
    return [inner for child in block.__subclasses__() for inner in (child, *_blocks(child))]


def _keys(value: object) -> set[str]:
    if isinstance(value, dict):
        here = {"null" if key is None else str(key) for key in value}
        return here.union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()
