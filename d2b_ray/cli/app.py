"""The verbs. Thin: parse, call a room, print; every module that is heavy is imported inside a verb."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from errno import EBADF, EIO, ENOSPC, EPIPE
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from d2b_ray import __version__
from d2b_ray.cli.data_app import data
from d2b_ray.cli.options import AsJson, Engine, Overrides, Spec
from d2b_ray.cli.results_app import results_verbs
from d2b_ray.errors import D2BError, SpecError
from d2b_ray.garbage import collect_seldom

__all__ = ["app", "main"]

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
DEFECT = 70  # EX_SOFTWARE of sysexits.h

app = typer.Typer(
    name="d2b-ray",
    help="Brain encoding models: one YAML sweep becomes a grid of voxelwise fits on Ray.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(data, name="data")


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        parts = [f"d2b-ray {__version__}", f"Python {sys.version.split()[0]}"]
        for engine in ("ray", "torch"):
            with suppress(PackageNotFoundError):
                parts.append(f"{engine} {version(engine)}")
        typer.echo(", ".join(parts))
        raise typer.Exit


@app.callback()
def _options(
    versions: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Show versions and exit."
        ),
    ] = False,
) -> None: ...


RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Take up units that failed in an earlier run.")
]
AcceptCodeChange = Annotated[
    bool, typer.Option("--accept-code-change", help="Go on with results begun by other code.")
]
IgnoreSpace = Annotated[
    bool, typer.Option("--ignore-space", help="Begin although the disk has too little room.")
]


@app.command()
def init(
    folder: Annotated[str, typer.Argument(help="Folder of a data set.", show_default=False)],
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Which images (BIDS): --select space=T1w"),
    ] = None,
    tr: Annotated[
        float | None, typer.Option(help="Seconds from sample to sample, where no file says it.")
    ] = None,
) -> None:
    """Print a first sweep for a data set, of what it finds there."""
    from d2b_ray.cli.exporting import named
    from d2b_ray.spec import parse
    from d2b_ray.survey.drafting import draft

    text = draft(folder, named("--select", select or []), tr)
    parse(text)
    typer.echo(text, nl=False)


@app.command()
def check(spec: Spec, overrides: Overrides = None) -> None:
    """Validate a sweep; touches neither data nor cluster."""
    from d2b_ray.spec import load

    sweep = load(spec, overrides or [])
    typer.echo(f"{spec}: valid sweep {sweep.name!r}")


@app.command()
def plan(
    spec: Spec,
    overrides: Overrides = None,
    gpus: Annotated[int, typer.Option(min=0, help="Say how long it takes on so many GPUs.")] = 0,
    cpus: Annotated[
        int | None, typer.Option(min=1, help="And on so many cores; default: this machine's.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            help="Or on the machines of a cluster's .yaml, or on 4x8+1,8x16 (COUNTxCORES+GPUS)."
        ),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option(
            min=0, help="What an hour of all these machines costs, for the cost of the sweep."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the units of a sweep: kinds, repeats, what is done, bytes, a time estimate."""
    from d2b_ray.allotment import cores
    from d2b_ray.cli.planning import machines_on, show_plan
    from d2b_ray.plan import Machines
    from d2b_ray.spec import load

    here = Machines(1, cpus or cores(), gpus)
    where = machines_on(on) if on else here
    show_plan(load(spec, overrides or []), where, price, as_json=as_json)


@app.command()
def run(
    spec: Spec,
    overrides: Overrides = None,
    engine: Annotated[Engine, typer.Option(help="ray, or inline: this process.")] = Engine.ray,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to use; default: this machine.")
    ] = None,
    num_cpus: Annotated[
        int | None, typer.Option(help="Logical CPUs of the cluster started here.")
    ] = None,
    num_gpus: Annotated[
        int | None, typer.Option(help="Logical GPUs of the cluster started here.")
    ] = None,
    retry_failed: RetryFailed = False,
    accept_code_change: AcceptCodeChange = False,
    ignore_space: IgnoreSpace = False,
    trace: Annotated[
        Path | None, typer.Option(help="Write when every unit ran, for ui.perfetto.dev.")
    ] = None,
) -> None:
    """Run a sweep: do what is not done yet."""
    from d2b_ray.cli.running import run_and_tell
    from d2b_ray.spec import load

    sweep = load(spec, overrides or [])
    code = run_and_tell(
        sweep,
        engine=engine.value,
        address=address,
        retry_failed=retry_failed,
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        accept_code_change=accept_code_change,
        trace=trace,
        ignore_space=ignore_space,
    )
    raise typer.Exit(code)


Dashboard = Annotated[
    str,
    typer.Option(
        envvar="RAY_API_SERVER_ADDRESS", help="The cluster's dashboard, such as http://HOST:8265."
    ),
]


@app.command()
def submit(
    spec: Spec,
    overrides: Overrides = None,
    address: Dashboard = "http://127.0.0.1:8265",
    base: Annotated[
        str | None, typer.Option(help="Folder of the cluster where relative paths start.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow it to its end.")] = False,
    retry_failed: RetryFailed = False,
    accept_code_change: AcceptCodeChange = False,
    ignore_space: IgnoreSpace = False,
) -> None:
    """Run a sweep as a job of a cluster: this code, this spec; needs no data here."""
    from d2b_ray.cli.submitting import submit_and_follow
    from d2b_ray.spec import load

    flags = {
        "--retry-failed": retry_failed,
        "--accept-code-change": accept_code_change,
        "--ignore-space": ignore_space,
    }
    options = [flag for flag, given in flags.items() if given]
    sweep = load(spec, overrides or [])
    raise typer.Exit(submit_and_follow(sweep, address, base=base, options=options, detach=detach))


@app.command()
def stop(
    job: Annotated[
        str | None, typer.Argument(help="Name of the job; default: the only one.")
    ] = None,
    address: Dashboard = "http://127.0.0.1:8265",
) -> None:
    """End a submitted job; what it has finished is kept."""
    from d2b_ray.cli.submitting import stop_job

    raise typer.Exit(stop_job(job, address))


@app.command()
def status(
    target: Annotated[
        str, typer.Argument(help="Sweep file, or the output root alone.", show_default=False)
    ],
    overrides: Overrides = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again until the run ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how a sweep stands, and the run that writes to it now, from its store alone."""
    from d2b_ray.cli.watching import root_as_json, show_root, show_spec, spec_as_json

    if as_json and watch:
        raise SpecError("--json tells how it stands now: leave out --watch")
    of_sweep = target.endswith((".yaml", ".yml"))
    if as_json:
        told = spec_as_json(Path(target), overrides or []) if of_sweep else root_as_json(target)
        raise typer.Exit(told)
    if of_sweep:
        raise typer.Exit(show_spec(Path(target), overrides or [], watch=watch))
    raise typer.Exit(show_root(target, watch=watch))


results_verbs(app)


def main() -> NoReturn:
    """Entry point: what the user can mend is one line on stderr and exit status 2; nothing leaves more."""
    collect_seldom()
    try:
        app()
    except D2BError as error:
        typer.echo(f"d2b-ray: {error}", err=True)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        typer.echo("d2b-ray: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.filename is not None or error.errno not in (ENOSPC, EPIPE, EIO, EBADF):
            _tell_defect(error)
            sys.exit(DEFECT)
        _leave_output()
        typer.echo(f"d2b-ray: standard output cannot be written ({error.strerror})", err=True)
        sys.exit(FAILED)
    except Exception as error:  # ours to mend: one line for the user, the rest for whoever mends it
        _tell_defect(error)
        sys.exit(DEFECT)
    sys.exit(0)


def _leave_output() -> None:
    """Nothing more goes to standard output: what is left in its buffer would fail again at the exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_defect(error: Exception) -> None:
    import tempfile
    import traceback

    words = " ".join(str(error).split())[:200] or "no message"
    text = f"{' '.join(sys.argv)}\n{traceback.format_exc()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="d2b-ray-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        where = f"; the traceback is in {file.name}: please report it"
    except OSError:
        where = ", and its traceback cannot be written"
    typer.echo(f"d2b-ray: a defect: {type(error).__name__}: {words}{where}", err=True)
