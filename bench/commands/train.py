"""`sparring train`: a dual encoder from a recipe."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import Plugin, completion, registry_with, standard_output, stoppable

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A TOML file, or a name: quick, korean, temperatures, towers.",
        autocompletion=completion.recipes,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FOLDER",
        help="The folder of the models; the same recipe resumes.",
        show_default="models/ and its name",
    ),
]
Seeds = Annotated[
    list[int] | None,
    typer.Option(metavar="N", min=0, help="Train from it; repeatable.", show_default="the recipe's"),
]
Device = Annotated[
    str | None,
    typer.Option(metavar="[cpu|cuda]", help="Where it is trained.", show_default="cuda where there is one, else cpu"),
]


def train(
    recipe: RecipeName,
    output: Output = None,
    seed: Seeds = None,
    device: Device = None,
    plugin: Plugin = None,
) -> None:
    """
    Train a dual encoder, from each seed of a recipe.

    The models are encoders: `BiEncoder("FOLDER/seed-1")`. A suite beside them puts them into the ring.
    """
    import msgspec

    from bench.report.console.progress import shown
    from bench.report.console.safe import SafeConsole
    from bench.report.render.terminal import draw
    from bench.report.tables.trainings import costs
    from bench.report.text import printable
    from bench.training import recipe as recipes

    asked = recipes.load(recipe)
    if seed:
        seeds = tuple(dict.fromkeys(seed))
        asked = asked._replace(recipes=tuple(msgspec.structs.replace(each, seeds=seeds) for each in asked.recipes))
    folder = output or Path("models") / asked.name
    registry = registry_with(plugin)
    with shown(SafeConsole(stderr=True)) as progress:
        from bench.training.experiment import SUITE
        from bench.training.experiment import train as train_all

        with stoppable(progress.says, f"the same command with -o {folder} goes on from the last checkpoint"):
            cards = train_all(asked, folder, registry, progress.says, device)
    if not cards:
        return  # one of several processes, and not the one that tells
    console = standard_output()
    grid = costs(asked.name, cards)
    draw(grid, console)
    for line in grid.legend:
        console.print(printable(line), style="dim")
    ring = folder / "ring"
    suite = f"sparring run {shlex.quote(str(folder / SUITE))} -o {shlex.quote(str(ring))}"
    typer.echo(
        f"models in {printable(str(folder))}; beside TF-IDF and BM25, on the test questions:\n  {printable(suite)}",
        err=True,
    )
