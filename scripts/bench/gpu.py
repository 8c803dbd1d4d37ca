"""The numeric work of a sweep on a GPU: agreement with the CPU, then seconds at the paper's size by stage.

Parts: `parity` (small problems, CPU and GPU side by side), `rates` (what the machine gives: products,
copies), `fit` (a width each: factorization, responses moved, fit, null, what leaves the device), `banded`
(a candidate of five bands), `peer` (himalaya on the same GPU, if it is installed, on a stated sample). With
`--device cpu` all of it runs, small, without a GPU.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from d2b_ray.arrays import Band, Design
from d2b_ray.catalog.solvers import BANDED_SOLVERS
from d2b_ray.encoding import Search, factorize, fit_banded, fit_ridge
from d2b_ray.encoding.on_device import DeviceResponses, download
from d2b_ray.encoding.outcome import Wanted
from d2b_ray.significance import block_null
from d2b_ray.significance.on_device import block_null_on_device

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDS = 4
BLOCK_TRS = 10
PEER_VOXELS = 20_000
DRIVEN = 10  # each tenth voxel
BANDS, BAND = 5, 256


def main() -> None:
    """Print the lines of the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--parts", nargs="+", default=["parity", "rates", "fit", "banded", "peer"])
    parser.add_argument("--voxels", type=int, default=88_000)
    parser.add_argument("--train", type=int, default=22_262)
    parser.add_argument("--valid", type=int, default=7_737)
    parser.add_argument("--widths", type=int, nargs="+", default=[768, 4096])
    parser.add_argument("--alphas", type=int, default=25)
    parser.add_argument("--permutations", type=int, default=1000)
    wanted = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    machine = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": wanted.device,
    }
    if wanted.device != "cpu":
        properties = torch.cuda.get_device_properties(wanted.device)
        machine |= {"gpu": properties.name, "memory_gb": round(properties.total_memory / 1e9, 1)}
    parts: dict[str, Callable[[argparse.Namespace], Any]] = {
        "parity": parity, "rates": rates, "fit": full_size, "banded": banded, "peer": peer,
    }  # fmt: skip
    for name in wanted.parts:
        began = time.perf_counter()
        for found in parts[name](wanted):
            line = {"bench": f"gpu {name}", "machine": machine, **found}
            print(
                json.dumps(line | {"part_seconds": round(time.perf_counter() - began, 1)}),
                flush=True,
            )


def small(
    n: int, p: int, voxels: int, held: int, seed: int = 0
) -> tuple[Design, np.ndarray, np.ndarray]:
    """A design with two bands and slow responses of which a half are driven."""
    rng = np.random.default_rng(seed)
    x, x_held = (rng.standard_normal((m, p)).astype(np.float32) for m in (n, held))
    weights = rng.standard_normal((p, voxels)) * (rng.random(voxels) < 0.5)
    found = []
    for rows in (x, x_held):
        noise = rng.standard_normal((len(rows), voxels))
        for t in range(1, len(rows)):
            noise[t] += 0.6 * noise[t - 1]
        found.append((rows @ weights / p**0.5 + 3 * noise + 100).astype(np.float32))
    bands = (Band("one", 0, p // 2), Band("two", p // 2, p))
    return Design(x, x_held, np.arange(n) * FOLDS // n, bands=bands), found[0], found[1]


def parity(wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """The same fits and nulls by CPU and GPU: largest differences, share of penalties that are equal."""
    alphas = np.logspace(-6, 8, 15).tolist()
    search: dict[str, Any] = {
        "names": ["one", "two"],
        "search": Search(n_iter=8, refine=1, n_refine=4),
    }
    cases: dict[str, tuple[Callable[..., Any], tuple[int, ...], dict[str, Any]]] = {
        "ridge primal": (fit_ridge, (2000, 256, 3000, 700), {}),
        "ridge kernel": (fit_ridge, (400, 900, 3000, 300), {}),
        "banded primal": (fit_banded, (1000, 128, 1500, 300), search),
        "banded kernel": (fit_banded, (240, 500, 1500, 300), search),
    }
    lines = []
    for name, (fit, sizes, options) in cases.items():
        design, y, held = small(*sizes)
        here = fit(design, y, held, alphas=alphas, **options)
        for way in ("resident", "streamed"):
            given = (
                y
                if way == "streamed"
                else DeviceResponses.of(y, held, wanted.device, intercept=True)
            )
            there = fit(design, given, held, alphas=alphas, device=wanted.device, **options)
            same = here.alpha == there.alpha
            tied = np.abs(here.cv_r - there.cv_r) < 1e-6
            line = {"case": name, "way": way, "same_alpha": float(same.mean())}
            line["same_or_tied"] = float((same | tied).mean())
            for part in ("r", "cv_r"):
                line[f"off_{part}"] = float(
                    np.abs(getattr(here, part) - getattr(there, part)).max()
                )
            scale = np.abs(here.coef).max()
            line["off_coef_of_same"] = float(np.abs(here.coef - there.coef)[:, same].max() / scale)
            lines.append(line)
    return lines + [null_parity(wanted, *case) for case in NULLS]


NULLS = (
    ("blocks of 10", 777, 10, None, False), ("widened", 7737, 10, None, True),
    ("within runs", 777, 10, (200, 203, 374), True), ("three blocks: ties", 60, 20, None, False),
    ("long blocks", 1000, 93, None, True),
)  # fmt: skip


def null_parity(
    wanted: argparse.Namespace,
    name: str,
    n: int,
    block: int,
    runs: tuple[int, ...] | None,
    wide: bool,
) -> dict[str, Any]:
    """Counts of the null by CPU and by GPU."""
    _, y, other = small(n, 8, 800, n, seed=n)
    prediction = (other + 0.1 * y).astype(np.float32)
    y[:, 3] = 2
    options: dict[str, Any] = {"start": 5, "stop": 405, "seed": 3, "block_trs": block, "runs": runs}
    options["corrected"] = wide
    here = block_null(prediction, y, **options)
    there = block_null_on_device(
        lambda own: torch.from_numpy(np.ascontiguousarray(prediction[:, own])).to(wanted.device),
        torch.from_numpy(y).to(wanted.device), slice(0, y.shape[1]), **options,
    )  # fmt: skip
    return {
        "case": f"null, {name}",
        "counts_that_differ": int(
            (here.exceed != there.exceed).sum() + (here.above != there.above).sum()
        ),
        "by_at_most": int(np.abs(here.exceed - there.exceed).max()),
        "off_maxima": float(np.abs(here.maxima - there.maxima).max()),
    }


def rates(wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """What floors are reckoned with: products in float32 and float64, copies on the device and to it."""
    size = 8192 if wanted.device != "cpu" else 512
    found = {}
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        one, two = (torch.randn(size, size, dtype=dtype, device=wanted.device) for _ in range(2))
        seconds = timed(wanted, lambda one=one, two=two: one @ two)[0]
        found[f"{name}_tflops"] = round(2e-12 * size**3 / seconds, 1)
    big = torch.empty(size * size * 8, device=wanted.device)
    other = torch.empty_like(big)
    seconds = timed(wanted, lambda: other.copy_(big))[0]
    found["copy_gb_s"] = round(8e-9 * len(big) / seconds)
    host = torch.empty(len(big), pin_memory=wanted.device != "cpu")
    found["up_gb_s"] = round(
        4e-9 * len(big) / timed(wanted, lambda: other.copy_(host, non_blocking=True))[0], 1
    )
    found["down_gb_s"] = round(
        4e-9 * len(big) / timed(wanted, lambda: host.copy_(big, non_blocking=True))[0], 1
    )
    return [found]


def timed(wanted: argparse.Namespace, work: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """The least seconds of some runs after a first, and what the last one gave."""
    best, found = float("inf"), None
    for number in range(times + (times > 1)):
        wait(wanted)
        began = time.perf_counter()
        found = work()
        wait(wanted)
        if number or times == 1:
            best = min(best, time.perf_counter() - began)
    return best, found


def wait(wanted: argparse.Namespace) -> None:
    """Until the device is idle."""
    if wanted.device != "cpu":
        torch.cuda.synchronize()


def made(wanted: argparse.Namespace, width: int, rows: int, seed: int) -> torch.Tensor:
    """Features (rows, width) with a falling spectrum, on the device."""
    generator = torch.Generator(wanted.device).manual_seed(seed)
    x = torch.randn(rows, width, generator=generator, device=wanted.device)
    x[1:] += 0.7 * x[:-1].clone()
    return x * torch.arange(1, width + 1, device=wanted.device) ** -0.25


def full_size(wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """Seconds by stage of a fit of each width on one subject's responses, and of its null."""
    rows = (wanted.train, wanted.valid)
    xs = {w: [made(wanted, w, n, seed=w + n) for n in rows] for w in wanted.widths}
    ys = []
    for number, n in enumerate(rows):
        generator = torch.Generator(wanted.device).manual_seed(number)
        y = 3 * torch.randn(n, wanted.voxels, generator=generator, device=wanted.device) + 100
        x = xs[wanted.widths[0]][number]
        weights = torch.randn(x.shape[1], -(-wanted.voxels // DRIVEN), device=wanted.device,
                              generator=torch.Generator(wanted.device).manual_seed(9))  # fmt: skip
        y[:, ::DRIVEN] += x @ weights / x.shape[1] ** 0.5
        ys.append(download(y))
        del y
    groups = np.arange(wanted.train) * FOLDS // wanted.train
    move, placed = timed(
        wanted, lambda: DeviceResponses.of(*ys, wanted.device, intercept=True), times=1
    )
    gb = 4e-9 * sum(rows) * wanted.voxels
    lines: list[dict[str, Any]] = [
        {
            "stage": "responses",
            "seconds": round(move, 2),
            "gb": round(gb, 2),
            "gb_s": round(gb / move, 1),
        }
    ]
    alphas = np.logspace(-2, 8, wanted.alphas).tolist()
    for width, (x, held) in xs.items():
        design = Design(download(x), download(held), groups, bands=(Band("", 0, width),))
        seconds, shared = timed(
            wanted, lambda d=design: factorize(d.train, groups, device=wanted.device), times=1
        )
        lines.append({"stage": "factorize", "width": width, "seconds": round(seconds, 2)})
        lines += of_width(wanted, design, shared, placed, ys[1], alphas)
    return lines


def of_width(
    wanted: argparse.Namespace,
    design: Design,
    shared: Any,
    placed: DeviceResponses,
    valid: np.ndarray,
    alphas: list[float],
) -> list[dict[str, Any]]:
    """The fit with scores alone, with its null, and with all of it brought to the host."""
    width, voxels = design.train.shape[1], placed.shape[1]
    options: dict[str, Any] = {"factorization": shared, "alphas": alphas, "device": wanted.device}
    spent: list[float] = []
    counts: list[Any] = []

    def null(predict: Any, response: torch.Tensor, bands: Any) -> None:
        wait(wanted)
        began = time.perf_counter()
        counts[:] = [
            block_null_on_device(
                predict, response, slice(0, voxels), start=0, stop=wanted.permutations, seed=1,
                block_trs=BLOCK_TRS, corrected=True,
            )
        ]  # fmt: skip
        wait(wanted)
        spent.append(time.perf_counter() - began)

    lean, tested = Wanted(coef=False, prediction=False), Wanted(False, False, null)
    if wanted.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    alone, found = timed(wanted, lambda: fit_ridge(design, placed, valid, wanted=lean, **options))
    timed(wanted, lambda: fit_ridge(design, placed, valid, wanted=tested, **options), times=2)
    whole = timed(wanted, lambda: fit_ridge(design, placed, valid, **options), times=1)[0]
    driven = np.zeros(voxels, dtype=bool)
    driven[::DRIVEN] = True
    few = counts[0].exceed <= 0.01 * wanted.permutations
    n, rows, p = wanted.train, wanted.valid, width
    flops = 2.0 * voxels * p * (n + rows + (2 * FOLDS + 1) * p)
    return [
        {
            "stage": "fit", "width": width, "voxels": voxels, "train": n, "valid": rows,
            "alphas": wanted.alphas, "seconds": round(alone, 3), "with_all_on_host": round(whole, 2),
            "null_seconds": round(min(spent), 3), "permutations": wanted.permutations,
            "product_tflop_without_norms": round(1e-12 * flops, 2),
            "mean_r_driven": round(float(found.r[driven].mean()), 3),
            "mean_r_others": round(float(found.r[~driven].mean()), 4),
            "significant_driven": round(float(few[driven].mean()), 3),
            "significant_others": round(float(few[~driven].mean()), 4),
            "gpu_peak_gb": 0 if wanted.device == "cpu" else round(torch.cuda.max_memory_allocated() / 1e9, 1),
        }
    ]  # fmt: skip


def banded(wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """A candidate of the weights of five bands: two searches, one of them twice as long."""
    x = made(wanted, BANDS * BAND, wanted.train, seed=3)
    generator = torch.Generator(wanted.device).manual_seed(4)
    y = download(
        torch.randn(wanted.train, wanted.voxels, generator=generator, device=wanted.device)
    )
    groups = np.arange(wanted.train) * FOLDS // wanted.train
    bands = tuple(Band(str(n), n * BAND, (n + 1) * BAND) for n in range(BANDS))
    rows = download(x)
    design = Design(rows, rows[: wanted.valid], groups, bands=bands)
    placed = DeviceResponses.of(y, y[: wanted.valid], wanted.device, intercept=True)
    parts = BANDED_SOLVERS["primal"].prepare
    assert parts is not None
    shared = parts(rows, groups, bands, wanted.device, True)
    seconds = []
    for count in (4, 8):
        spent, _ = timed(
            wanted,
            lambda n=count: fit_banded(
                design, placed, y[: wanted.valid], names=[band.name for band in bands], parts=shared,
                alphas=np.logspace(-2, 8, wanted.alphas).tolist(), search=Search(n_iter=n),
                device=wanted.device, wanted=Wanted(coef=False, prediction=False),
            ),
            times=1,
        )  # fmt: skip
        seconds.append(spent)
    return [
        {
            "stage": "banded", "bands": BANDS, "width": BAND, "voxels": wanted.voxels, "train": wanted.train,
            "seconds_of_4": round(seconds[0], 2),
            "seconds_a_candidate": round((seconds[1] - seconds[0]) / 4, 3),
        }
    ]  # fmt: skip


def peer(wanted: argparse.Namespace) -> list[dict[str, Any]]:
    """himalaya's RidgeCV on the same device, on fewer voxels, and its correlation a permutation."""
    try:
        from himalaya.backend import set_backend
        from himalaya.ridge import RidgeCV
        from himalaya.scoring import correlation_score
    except ImportError:
        return [{"peer": "himalaya is not installed"}]
    from d2b_ray.encoding.folds import splits_of

    set_backend("torch" if wanted.device == "cpu" else "torch_cuda")
    voxels, width = min(PEER_VOXELS, wanted.voxels), wanted.widths[0]
    x = made(wanted, width, wanted.train, seed=1)
    y = torch.randn(wanted.train, voxels, device=wanted.device)
    groups = np.arange(wanted.train) * FOLDS // wanted.train
    alphas = np.logspace(-2, 8, wanted.alphas)
    host_x, host_y = download(x), download(y)
    model = RidgeCV(
        alphas=alphas, cv=splits_of(groups),
        solver_params={"score_func": correlation_score, "n_alphas_batch": 5},
    )  # fmt: skip
    theirs, _ = timed(wanted, lambda: model.fit(host_x, host_y), times=1)
    shared = factorize(host_x, groups, device=wanted.device)
    design = Design(host_x, host_x[:8], groups, bands=(Band("", 0, width),))
    placed = DeviceResponses.of(host_y, host_y[:8], wanted.device, intercept=True)
    options: dict[str, Any] = {"alphas": alphas.tolist(), "device": wanted.device}
    both = timed(wanted, lambda: fit_ridge(design, placed, host_y[:8], **options))[0]
    alone = timed(
        wanted, lambda: fit_ridge(design, placed, host_y[:8], factorization=shared, **options)
    )[0]
    seconds = timed(wanted, lambda: correlation_score(y, y.flip(0)))[0]
    return [
        {
            "peer": "himalaya RidgeCV", "width": width, "voxels": voxels, "train": wanted.train,
            "their_seconds": round(theirs, 2), "our_seconds": round(both, 2),
            "our_seconds_factorized": round(alone, 3), "ratio": round(theirs / both, 1),
            "ratio_factorized": round(theirs / alone, 1),
            "their_correlation_ms": round(1e3 * seconds, 2),
        }
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
