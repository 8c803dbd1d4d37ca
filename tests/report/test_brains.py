"""Maps as pictures: a volume's slices, fsaverage5's hemispheres, and what cannot be drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from d2b_ray.cli.app import app
from d2b_ray.errors import DataError
from d2b_ray.report.brains import VERTICES, brain_picture
from d2b_ray.report.maps import read_space
from d2b_ray.report.results import open_results
from d2b_ray.store import Store

NONE = np.array("")
NOWHERE = np.zeros(0, np.int64)


def colours(png):
    """Share of pixels that are clearly red, and clearly blue."""
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    red, blue = pixels[..., 0] - pixels[..., 2], pixels[..., 2] - pixels[..., 0]
    return (red > 60).mean(), (blue > 60).mean()


def test_a_map_of_a_sweep(inline_store, tmp_path):
    out = tmp_path / "map.png"
    fit = open_results(str(inline_store)).fits.iloc[0]
    where = [f"--where={name}={fit[name]}" for name in ("annotation", "layer")]
    found = CliRunner().invoke(
        app, ["plot", str(inline_store), str(out), "--subject", fit["subject"], *where]
    )
    assert found.exit_code == 0, found.exception
    assert f"r of {fit['subject']} {fit['annotation']}" in found.stdout
    assert out.read_bytes().startswith(b"\x89PNG")
    for wrong in ("map.pdf", "nowhere/map.png"):
        found = CliRunner().invoke(
            app,
            ["plot", str(inline_store), str(tmp_path / wrong), "--subject", fit["subject"], *where],
        )
        assert type(found.exception).__name__ == "SpecError"


def test_a_volume_is_red_where_it_is_high(inline_store):
    space = read_space(Store(str(inline_store)), "DM01")
    values = np.ones(len(space["index"]), np.float32)
    red, blue = colours(brain_picture(values, space, "title"))
    assert red > 1.5 * blue  # the bar of colours has both
    red, blue = colours(brain_picture(-values, space, "title"))
    assert blue > 1.5 * red


def test_hemispheres_of_fsaverage5():
    pytest.importorskip("nilearn")
    values = np.zeros(2 * VERTICES, np.float32)
    space = {"surface": np.array([VERTICES, VERTICES]), "axes": NONE, "shape": NOWHERE}
    values[:VERTICES] = 0.5
    red, blue = colours(brain_picture(values, space, "left is driven"))
    assert red > 0.05
    assert blue < 0.02  # the bar of colours
    values[:VERTICES] = -0.5
    assert colours(brain_picture(values, space, "left is not"))[1] > 0.05


@pytest.mark.parametrize("surface", [[], [32_492, 32_492]])
def test_what_cannot_be_drawn_is_told(surface):
    space = {"surface": np.array(surface, np.int64), "axes": NONE, "shape": NOWHERE}
    with pytest.raises(DataError, match="use `d2b-ray export`"):
        brain_picture(np.zeros(sum(surface), np.float32), space, "title")
