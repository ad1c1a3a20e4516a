"""`sparring table`: the table of one or several runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import Json, read_run, registry_with, standard_output

if TYPE_CHECKING:
    from bench.store import Run


class Across(StrEnum):
    """What `--pivot` puts across."""

    RETRIEVER = "retriever"
    ENCODER = "encoder"
    STORAGE = "storage"


def table(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, every field.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="The primary measure by the queries' labels.")] = False,
    pivot: Annotated[
        Across | None,
        typer.Option(
            "--pivot",
            help="One table of one measure: passage sets down, these across. storage, without --measure: "
            "for each encoder, what its storages lose, take and weigh.",
        ),
    ] = None,
    measure: Annotated[
        str | None, typer.Option("--measure", help="What --pivot shows.", show_default="the suite's primary measure")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="With --pivot storage: draw it into this file (extra report).")
    ] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", help="A file with adapters: say where it is no longer what ran.")
    ] = None,
) -> None:
    """Print the table of one or several runs."""
    from bench import store
    from bench.report import table as tables
    from bench.report.agreement import disagreements
    from bench.report.pivot import Pivot

    if as_json + markdown + csv > 1:
        raise typer.BadParameter("--json, --markdown and --csv exclude each other")
    if labels and (as_json or csv):
        raise typer.BadParameter("--labels is for a terminal or --markdown: leave it out with --json and --csv")
    if pivot is not None and (labels or as_json or csv):
        raise typer.BadParameter("--pivot is for a terminal or --markdown: leave out --labels, --json and --csv")
    if measure is not None and pivot is None:
        raise typer.BadParameter("--measure is what --pivot shows: name what stands across, --pivot retriever")
    if svg is not None and svg.suffix != ".svg":
        raise typer.BadParameter(f"--svg writes an SVG: expected a name that ends in .svg, found {svg.name}")
    if svg is not None and (pivot is not Across.STORAGE or measure is not None or markdown):
        raise typer.BadParameter("--svg draws --pivot storage: give it that, and neither --measure nor --markdown")
    across = None if pivot is None else Pivot(pivot.value, measure)
    registry_with(plugin)  # a plug-in that can not be loaded is told before any table
    read = [read_run(folder) for folder in runs]
    for line in changed_plugins(read, plugin or []):
        typer.echo(line, err=True)
    if svg is not None:
        draw(read, svg)
    elif as_json:
        typer.echo(tables.as_json(read))
    elif csv:
        typer.echo(tables.csv(read), nl=False)
    elif markdown:
        typer.echo(tables.markdown(read, by_label=labels, pivot=across), nl=False)
    else:
        console = standard_output()
        tables.terminal(read, console, by_label=labels, pivot=across)
        for each in read if across is None else ():
            names = {m.passage_set for m in each.measurements}
            disagreements(each, [store.read_set(each.folder, name) for name in names], console)


def draw(runs: Sequence[Run], path: Path) -> None:
    """Write the picture of the runs' storages, and say where it is; InputError where it can not be written there."""
    from bench.errors import InputError
    from bench.report import picture
    from bench.report.plain import printable

    drawn = picture.svg(runs)
    try:
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--svg: expected a file that can be written, found {path}: {error.strerror}") from error
    typer.echo(printable(str(path)))


def changed_plugins(runs: Sequence[Run], plugins: Sequence[Path]) -> list[str]:
    """One line for each run that had a plug-in file of the same name and of another content than now."""
    from bench.report.plain import printable

    said = []
    for plugin in plugins:
        now = hashlib.sha256(plugin.read_bytes()).hexdigest()
        for run in runs:
            had = [line.rpartition(" sha256:") for line in run.record.plugins]
            if any(Path(path).name == plugin.name and sha256 != now for path, _, sha256 in had):
                folder = printable(str(run.folder))
                said.append(f"{folder}: {plugin.name} has changed since: its rows are of what it was; run it again")
    return said
