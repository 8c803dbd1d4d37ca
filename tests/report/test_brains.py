"""Maps as pictures: a volume's slices, fsaverage5's hemispheres, and what cannot be drawn."""

from __future__ import annotations

import io
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from d2b_ray.cli.app import app
from d2b_ray.errors import DataError, SpecError
from d2b_ray.report.brains import VERTICES, brain_picture, views
from d2b_ray.report.flat_maps import flat_map
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


def balls(template="MNI152"):
    """A volume in MNI space of 4 mm, red left and behind, blue right and in front."""
    nilearn = pytest.importorskip("nilearn")
    mask = nilearn.datasets.load_mni152_brain_mask(resolution=4)
    inside = np.asarray(mask.dataobj) > 0
    index = np.flatnonzero(inside.T.ravel())
    k, j, i = np.unravel_index(index, inside.shape[::-1])
    xyz = (mask.affine @ np.stack([i, j, k, np.ones_like(i)])).T[:, :3]
    left, right = (
        np.linalg.norm(xyz - place, axis=1) < 18 for place in ((-50, -60, 10), (40, 30, 10))
    )
    space = {
        "shape": np.array(inside.shape[::-1]), "index": index, "surface": NOWHERE, "axes": NONE,
        "affine": mask.affine, "template": np.array(template),
    }  # fmt: skip
    return (left * 0.5 - right * 0.5).astype(np.float32), space


def test_a_glass_brain_is_red_at_the_left():
    values, space = balls()
    png = brain_picture(values, space, "r", "glass")
    assert png == brain_picture(values, space, "r", "glass")
    assert views(space) == ("slices", "glass")
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    from_above = pixels[:, int(0.71 * pixels.shape[1]) : int(0.92 * pixels.shape[1])]
    red, blue = ((from_above[..., a] - from_above[..., b]) > 60 for a, b in ((0, 2), (2, 0)))
    place_of = [np.argwhere(one).mean(0) for one in (red, blue)]
    assert place_of[0][1] < place_of[1][1]  # left of it
    assert place_of[0][0] > place_of[1][0]  # behind it


def test_a_glass_brain_is_of_mni_space():
    values, space = balls("T1w")
    assert views(space) == ("slices",)
    with pytest.raises(DataError, match="is of MNI space, and these voxels are of T1w"):
        brain_picture(values, space, "r", "glass")
    assert brain_picture(values, space | {"template": NONE}, "r", "glass")  # nobody says
    with pytest.raises(
        DataError, match="view flat: this map is of a volume; allowed: slices, glass"
    ):
        brain_picture(values, space, "r", "flat")
    del space["affine"]
    with pytest.raises(DataError, match="needs an affine"):
        brain_picture(values, space, "r", "glass")


def test_a_flat_map_of_fsaverage5_is_red_at_its_side():
    pytest.importorskip("nilearn")
    values = np.zeros(2 * VERTICES, np.float32)
    space = {"surface": np.array([VERTICES, VERTICES]), "axes": NONE, "shape": NOWHERE}
    values[:VERTICES] = 0.5
    png = brain_picture(values, space, "left is driven", "flat")
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    red = (pixels[..., 0] - pixels[..., 2]) > 60
    middle = int(0.46 * red.shape[1])
    assert red[:, :middle].mean() > 0.3
    assert red[:, middle : int(0.92 * red.shape[1])].mean() < 0.001
    with pytest.raises(DataError, match="view glass: this map is of surfaces"):
        brain_picture(values, space, "r", "glass")


def test_a_map_to_walk_through_as_a_file(inline_store, tmp_path):
    pytest.importorskip("nilearn")
    fit = open_results(str(inline_store)).fits.iloc[0]
    where = [f"--where={name}={fit[name]}" for name in ("annotation", "layer")]

    def plot(name, *options):
        out = tmp_path / name
        given = ["plot", str(inline_store), str(out), "--subject", fit["subject"], *where, *options]
        return out, CliRunner().invoke(app, given)

    out, done = plot("map.html")
    assert done.exit_code == 0, done.exception
    assert "<html" in out.read_text()[:200]
    for options, words in (
        (("--view", "slices"), "--view is of pictures"),
        (("--cortex", "S1/full"), "--cortex draws a flat map as .png"),
        (("--cortex-db", "here"), "needs --cortex"),
    ):
        assert words in str(plot("other.html", *options)[1].exception)
    if find_spec("cortex") is None:
        assert "pip install 'd2b-ray[pycortex]'" in str(
            plot("m.png", "--cortex", "S1/x")[1].exception
        )


def test_a_flat_map_of_the_subjects_own_cortex():
    """Of the subject that comes with pycortex (extra `pycortex`): its front red, its back blue."""
    pytest.importorskip("cortex")
    shape = (31, 100, 100)  # Z, Y, X of S1/fullhead
    values = np.zeros(shape, np.float32)
    values[:, :50], values[:, 50:] = 1, -1
    space = {
        "shape": np.array(shape),
        "index": np.arange(values.size),
        "surface": NOWHERE,
        "axes": NONE,
    }
    png = flat_map(values.ravel(), space, "r", "S1/fullhead")
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    red, blue = ((pixels[..., a] - pixels[..., b]) > 60 for a, b in ((0, 2), (2, 0)))
    assert min(red.mean(), blue.mean()) > 0.1
    assert (
        np.argwhere(red[:, : red.shape[1] // 2])[:, 1].mean()
        < np.argwhere(blue[:, : blue.shape[1] // 2])[:, 1].mean()
    )  # the left hemisphere's front is at the left
    for where, words in (
        ("S1/none", "no transform none; allowed: fullhead"),
        ("S9/x", "has no subject S9"),
        ("S1", "must be SUBJECT/TRANSFORM"),
    ):
        with pytest.raises((DataError, SpecError), match=words):
            flat_map(values.ravel(), space, "r", where)
    less = space | {"shape": np.array((30, 100, 100)), "index": np.arange(300_000)}
    with pytest.raises(DataError, match="these results are of"):
        flat_map(values[:30].ravel(), less, "r", "S1/fullhead")
