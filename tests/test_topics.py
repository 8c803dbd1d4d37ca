"""`d2b-ray help`: made of the code, so that nothing is told that is not so, and nothing left out."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from d2b_ray.catalog.modalities import MODALITIES
from d2b_ray.cli.app import app
from d2b_ray.cli.topics import TOPICS
from d2b_ray.report import columns
from d2b_ray.schedule.policy import POLICY
from d2b_ray.spec.sweep import Sweep


def told(*topic):
    found = CliRunner().invoke(app, ["help", *topic])
    assert found.exit_code == 0, found.exception
    return found.stdout


def test_topics_are_named():
    text = told()
    assert all(text.count(f"{name} ") for name in TOPICS)


def test_every_key_of_a_sweep_has_words():
    text = told("sweep")
    lines = text.splitlines()
    blocks = [Sweep, *(MODALITIES[name].block for name in MODALITIES.own)]
    for block in blocks:
        for name in block.model_fields:
            entries = [line.split(None, 1) for line in lines if line.split()[:1] == [name]]
            assert entries, name
            assert all(len(entry) == 2 for entry in entries), name
    for key, words in {
        "timeout_s": "21600", "block_trs": "Default: auto", "root": "Must be given",
        "split": "one of: all, splitA, splitB", "from": "Must be given",
    }.items():  # fmt: skip
        own = next(n for n, line in enumerate(lines) if line.split()[:1] == [key])
        assert words in " ".join(" ".join(lines[own : own + 4]).split()), key


def test_columns_faults_and_old_arguments():
    text = told("columns")
    for table in (
        columns.FITS,
        columns.VOXELS,
        columns.BANDS,
        columns.COMPARISONS,
        columns.TIMINGS,
    ):
        assert all(f"  {name} " in text for name in table.names)
    assert all(line.split()[0] in POLICY for line in told("faults").splitlines() if line[0] != " ")
    assert "dataset.subjects" in told("drama2brain")


@pytest.mark.parametrize("topic", ["nothing", "Sweep"])
def test_what_is_no_topic_is_refused(topic):
    found = CliRunner().invoke(app, ["help", topic])
    assert "must be one of: sweep, models, significance" in str(found.exception)
