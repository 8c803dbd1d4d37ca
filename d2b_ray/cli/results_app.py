"""The verbs about finished results, demo data and old command lines. Thin, as those of `app`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from d2b_ray.cli.options import AsJson, Engine, Surface, View

__all__ = ["results_verbs"]

Target = Annotated[
    str, typer.Argument(help="Sweep file, or the output root alone.", show_default=False)
]
Subject = Annotated[str, typer.Option(help="Whose.")]
Column = Annotated[
    str, typer.Option("--map", help="Column of the table of voxels: r, cv_r, p_fdr, alpha ...")
]
OnSurface = Annotated[
    Surface | None, typer.Option(help="Sample a volume of MNI space on this surface.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Which fit: --where annotation=story --where layer=7"),
]


def results_verbs(app: typer.Typer) -> None:
    """Add them, in the order in which help names them."""
    app.command()(show)
    app.command()(export)
    app.command()(plot)
    app.command(name="demo-data")(demo_data)
    app.command(
        name="from-drama2brain",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(from_drama2brain)
    app.command(name="import-results")(import_results)
    app.command(name="import-features")(import_features)
    app.command(name="help")(help_)


def show(
    target: Target,
    subject: Subject,
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Say what made a finished fit, what came out, and where it lies."""
    from d2b_ray.cli.showing import show_fit

    show_fit(target, subject, where or [], as_json=as_json)


def export(
    target: Target,
    out: Annotated[
        Path,
        typer.Argument(help="Image: .nii.gz, .func.gii or .dscalar.nii.", show_default=False),
    ],
    subject: Subject,
    column: Column = "r",
    where: Where = None,
    surface: OnSurface = None,
) -> None:
    """Write a map of a finished fit as an image in the subject's space."""
    from d2b_ray.cli.exporting import write_map

    write_map(target, out, subject, column, where or [], surface and surface.value)


def plot(
    target: Target,
    out: Annotated[
        Path,
        typer.Argument(help="Picture: .png; or .html, to walk through it.", show_default=False),
    ],
    subject: Subject,
    column: Column = "r",
    where: Where = None,
    surface: OnSurface = None,
    view: Annotated[
        View | None,
        typer.Option(
            help="slices or glass (MNI space) of a volume; inflated or flat of fsaverage5."
        ),
    ] = None,
    cortex: Annotated[
        str | None,
        typer.Option(
            metavar="SUBJECT/TRANSFORM", help="A volume on the subject's own flat map, by pycortex."
        ),
    ] = None,
    cortex_db: Annotated[
        Path | None, typer.Option(help="Folder of pycortex's data base; default: its own.")
    ] = None,
) -> None:
    """Draw a map of a finished fit: slices of a volume, surfaces, flat maps."""
    from d2b_ray.cli.exporting import Drawn, draw_map

    drawn = Drawn(view and view.value, cortex, cortex_db)
    draw_map(target, out, subject, column, where or [], surface and surface.value, drawn)


def demo_data(
    folder: Annotated[Path, typer.Argument(help="Folder to make.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Seed of weights and noise.")] = 7,
    layout: Annotated[
        str, typer.Option(help="drama2brain, openneuro, bids or arrays.")
    ] = "drama2brain",
    tr: Annotated[float, typer.Option(help="Seconds from sample to sample (bids, arrays).")] = 1.0,
) -> None:
    """Write a small data set with planted, known effects, in any layout."""
    from d2b_ray.cli.demo import write_demo_data

    write_demo_data(folder, seed, layout, tr)


def from_drama2brain(
    context: typer.Context,
    root: Annotated[str, typer.Option(help="Folder of the data.")] = "data/drama",
    output: Annotated[str, typer.Option(help="Where results go.")] = "results",
    alias: Annotated[
        list[str] | None,
        typer.Option(
            "--model-alias", metavar="OLD=NEW", help="Another model for a name: GPT2=./mine"
        ),
    ] = None,
    run: Annotated[bool, typer.Option("--run", help="Run it at once.")] = False,
    engine: Annotated[Engine, typer.Option(help="With --run: ray, or inline.")] = Engine.ray,
) -> None:
    """Print the sweep that an old command line stands for, or run it (its arguments, unchanged)."""
    from d2b_ray.cli.exporting import named
    from d2b_ray.spec import parse
    from d2b_ray.spec.drama2brain_command import Target, sweep_text

    text = sweep_text(context.args, Target(root, output, named("--model-alias", alias or [])))
    sweep = parse(text)
    if not run:
        typer.echo(text, nl=False)
        return
    from d2b_ray.cli.running import run_and_tell

    raise typer.Exit(run_and_tell(sweep, engine=engine.value))


def import_results(
    old: Annotated[str, typer.Argument(help="Folder or URL of old results.", show_default=False)],
    new: Annotated[str, typer.Argument(help="Folder or URL to make.", show_default=False)],
    root: Annotated[
        str | None, typer.Option(help="Folder of the data, for regions and maps.")
    ] = None,
    layout: Annotated[str, typer.Option(help="Layout of the data.")] = "drama2brain",
) -> None:
    """Make tables and a report of a result tree of drama2brain."""
    from d2b_ray.cli.importing import import_tree

    import_tree(old, new, root, layout)


def import_features(
    old: Annotated[str, typer.Argument(help="Folder with old features.", show_default=False)],
    root: Annotated[str, typer.Option(help="Folder of the data.")] = "data/drama",
    layout: Annotated[str, typer.Option(help="Layout of the data.")] = "drama2brain",
) -> None:
    """Check features that drama2brain has made, and copy them to the data."""
    from d2b_ray.cli.importing import import_feature_tree

    raise typer.Exit(import_feature_tree(old, root, layout))


def help_(
    topic: Annotated[
        str | None,
        typer.Argument(
            help="sweep, models, significance, columns, faults or drama2brain.", show_default=False
        ),
    ] = None,
) -> None:
    """Tell all keys of a sweep, models, tests, columns of tables, faults, arguments of drama2brain."""
    from d2b_ray.cli.topics import show_topic

    show_topic(topic)
