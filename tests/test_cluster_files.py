"""The cluster launch files are what Ray takes: checked by Ray's own validator."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

CLUSTER = Path(__file__).resolve().parents[1] / "cluster"
FILES = sorted(CLUSTER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_ray_up_takes_it(path):
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(path.read_text())
    validate_config(prepare_config(config))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_it_is_safe_by_default(path):
    text = path.read_text()
    assert "RAY_AUTH_MODE=token" in text
    assert "0.0.0.0" not in text
    assert "--dashboard-host=127.0.0.1" in text


def test_a_misspelt_key_would_be_noticed():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(FILES[0].read_text())
    config["max_wrokers"] = 3
    with pytest.raises(Exception, match="max_wrokers"):
        validate_config(prepare_config(config))
