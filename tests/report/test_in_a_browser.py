"""The report of a large sweep in a browser: its table sorts and searches, nothing is asked of a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from itertools import product

import numpy as np
import pytest
from PIL import Image
from problems import Quiet, banded_sweep, common_sweep
from report_cases import place_of, summary

from d2b_ray.engine.session import run_sweep
from d2b_ray.report.gather import gather
from d2b_ray.report.turnable import VERTICES, turnable
from d2b_ray.store import Layout, Store

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)  # fmt: skip
LAYERS = {
    "BERT": 13,
    "GPT2": 25,
    "OPT": 33,
    "Llama2": 33,
    "Vicuna": 45,
}  # 149 in all, as in jobs/levels.yaml
LEVELS = ("speechTranscription", "objectiveAnnot50chara", "story", "eventContent", "timePlace")
TELL = """told.wide = document.documentElement.scrollWidth > window.innerWidth;
told.asked = performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 40));
const out = document.createElement("pre");
out.id = "told";
out.textContent = JSON.stringify(told);
document.body.append(out);
</script>
"""
PROBE = """
<script type="module">
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const cells = (n) => [...document.querySelectorAll("#fits tbody tr")].map((row) => row.cells[n].textContent);
const told = {errors: window.errors};
for (let n = 0; n < 200 && !document.querySelector("input[type=search]"); n++) await wait(50);
told.shown = cells(8).length;
document.querySelectorAll("#fits thead th")[3].click();  // by layer
await wait(300);
told.layers = cells(3).slice(0, 5);
const box = document.querySelector("input[type=search]");
box.value = "DM03 story GPT2";
box.dispatchEvent(new Event("input", {bubbles: true}));
await wait(600);
told.found = document.querySelector(".dt-info").textContent;
told.rows = [...new Set(cells(1))];
"""
HEADINGS = """
<script type="module">
await new Promise((done) => setTimeout(done, 500));
for (const one of document.querySelectorAll("details")) one.open = true;
await new Promise((done) => setTimeout(done, 2000));
const told = {errors: window.errors};
told.headings = [...document.querySelectorAll("h2")].map((one) => one.textContent);
told.pictures = [...document.querySelectorAll("figure > img")].map((one) => one.naturalWidth);
told.walks = document.querySelectorAll("iframe").length;
told.means = [...document.querySelectorAll("#fits tbody tr")].map((row) => row.cells[8].textContent);
"""
ERRORS = """<script>
window.errors = [];
window.addEventListener("error", (event) => errors.push(event.message));
window.addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
</script>"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of 4,470 fits of six subjects."""
    folder = tmp_path_factory.mktemp("large")
    store = Store(str(folder))
    store.write_bytes(Layout.SWEEP, b"name: levels\n")
    store.write_json(Layout.ENVIRONMENT, {})
    rng = np.random.default_rng(0)
    layers = [(model, layer) for model, top in LAYERS.items() for layer in range(1, top + 1)]
    subjects = [f"DM{number:02d}" for number in range(1, 7)]
    for number, (subject, level, (model, layer)) in enumerate(product(subjects, LEVELS, layers)):
        where = {"subject": subject, "annotation": level, "model": model, "layer": layer}
        rois = {f"ctx-{n:03d}": float(rng.uniform(0, 0.2)) for n in range(60)}
        found = summary(key=f"k{number:05d}", mean_r=float(rng.uniform(0, 0.2)), rois=rois, **where)
        place = place_of(**where)
        path = folder / place.summary
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))
    gather(store)
    return folder / Layout.REPORT


def test_a_page_of_thousands_of_fits_is_small_and_whole(report):
    text = report.read_text()
    assert report.stat().st_size < 30e6
    assert text.count("<tr>") > 4470
    addresses = set(re.findall(r"""(?:src|href|import)\s*[=(]\s*["'](https?:[^"']+)""", text))
    assert not addresses
    for name in ("layers", "levels", "regions"):
        assert (report.parent / f"{name}.svg").stat().st_size < 3e6
    assert text.count("<svg") == 3


def looked_at(page, probe, width, tmp_path):
    """What `probe` tells of a page in a browser; errors of scripts come with it."""
    text = page.read_text().replace("<head>", f"<head>{ERRORS}", 1)
    probed = page.parent / f"probed{width}.html"
    probed.write_text(text.replace("</body>", f"{probe}{TELL}</body>"))
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}",
            f"--window-size={width},2000", "--virtual-time-budget=60000", "--dump-dom", probed.as_uri(),
        ],
        capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    probed.unlink()
    match = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stderr[-2000:]
    told = json.loads(match[1].replace("&amp;", "&").replace("&gt;", ">").replace("&lt;", "<"))
    assert told["errors"] == []
    assert not told["wide"]  # nothing but tables and figures is scrolled
    assert all(name.startswith(("data:", "file:", "about:")) for name in told["asked"])
    return told


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("width", [360, 1600])
def test_the_table_sorts_and_searches_in_a_browser(report, tmp_path, width):
    told = looked_at(report, PROBE, width, tmp_path)
    assert told["shown"] == 25
    assert told["layers"] == ["1"] * 5
    assert told["found"].startswith("Showing 1 to 25 of 25 entries")
    assert told["rows"] == ["story"]


OF_RIDGE = (
    "Methods", "Where in the brain?", "Is it better?", "Does it generalise?",
    "Along what do voxels differ?", "Is it sound?", "What did it cost?",
)  # fmt: skip
OF_BANDED = ("Methods", "How much of it is each band's?", "What did it cost?")


@pytest.fixture(scope="module")
def pages(common_root, tiny_root, tmp_path_factory):
    """Pages of ridge fits with all that is made of them, and of banded ones."""
    folder = tmp_path_factory.mktemp("pages")
    more = (
        "generalise={subjects: true}",
        "weights_pca={top_voxels: 10}",
        "output.save=[scores,coef]",
        "output.report=pictures",
    )
    sweeps = {
        "ridge": common_sweep(common_root, folder / "ridge", *more, "summary={top_voxels: 9}"),
        "banded": banded_sweep(
            tiny_root, folder / "banded", "output.report=pictures", more=", refine: 0"
        ),
    }
    for sweep in sweeps.values():
        assert run_sweep(sweep, Quiet(), engine="inline").ok
    return folder


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize(
    ("name", "wanted", "width"),
    [
        (*page, width)
        for page in (("ridge", OF_RIDGE), ("banded", OF_BANDED))
        for width in (360, 1600)
    ],
)
def test_a_page_stands_in_a_browser_as_its_tables_say(pages, tmp_path, name, width, wanted):
    root = pages / name
    told = looked_at(root / Layout.REPORT, HEADINGS, width, tmp_path)
    assert set(wanted) <= set(told["headings"])
    fits = Store(str(root)).read_table(Layout.FITS).to_pylist()
    assert told["walks"] == len(told["pictures"]) == len({fit["subject"] for fit in fits})
    assert "Is it sound?" in told["headings"]
    assert all(told["pictures"])  # they have a width: they were drawn
    assert sorted(told["means"]) == sorted(f"{fit['mean_r']:.4f}" for fit in fits)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_a_surface_to_turn_is_drawn_as_its_values_say(tmp_path):
    pytest.importorskip("nilearn")
    values = np.full(2 * VERTICES, 0.5, np.float32)
    values[VERTICES:] = -0.5  # the right hemisphere: hidden behind the left
    space = {"shape": np.zeros(0, int), "surface": np.array([VERTICES, VERTICES])}
    page, shot = tmp_path / "surface.html", tmp_path / "surface.png"
    page.write_text(turnable(values, space, "S1"))
    subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--use-gl=angle",
            "--use-angle=swiftshader", "--no-first-run", "--disable-sync", "--disable-background-networking",
            "--disable-component-update", f"--user-data-dir={tmp_path / 'home'}", "--window-size=800,600",
            "--virtual-time-budget=20000", f"--screenshot={shot}", page.as_uri(),
        ],
        capture_output=True, check=True, timeout=600, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)[:500]  # below are the bars of colours
    red, blue = ((pixels[..., a] - pixels[..., b]) > 20 for a, b in ((0, 2), (2, 0)))
    assert red.mean() > 0.1
    assert red.sum() > 4 * blue.sum()
