"""`sparring history`: the figures of each cell over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import Json, chosen_format, echo_json, one_of, standard_output

FORMATS = ("terminal", "markdown", "csv", "json")


def history(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Runs, or folders of runs; with --committed: a folder kept in git."),
    ],
    committed: Annotated[
        bool,
        typer.Option("--committed", help="Every version of the folder that your git repository has: of a reference."),
    ] = False,
    measure: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="A key or heading of `sparring table`: R@10, disk MB.",
            show_default="the primary measure",
        ),
    ] = None,
    format_name: Annotated[
        str | None, one_of("--format", FORMATS, "By default terminal; csv and json have one line per version and cell.")
    ] = None,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False,
    csv: Annotated[bool, typer.Option("--csv", hidden=True)] = False,
) -> None:
    """
    Tell a measure run after run, or commit after commit.

    Bytes and time of each cell stand beside it, and what has changed since the line before.
    """
    import msgspec

    from bench.analysis.history import of_folders, of_git
    from bench.errors import InputError
    from bench.report.render.markdown import blocks
    from bench.report.render.terminal import draw
    from bench.report.tables.history import as_csv, grids, lines
    from bench.report.text import printable

    name = chosen_format(format_name, {"markdown": markdown, "csv": csv, "json": json}, "terminal")
    if committed and len(folders) != 1:
        raise typer.BadParameter(f"--committed: expected one folder, found {len(folders)}")
    versions, skipped = of_git(folders[0]) if committed else of_folders(folders)
    found = lines(versions, measure)
    if not found:
        raise InputError("\n".join(["history: expected a finished cell, found none", *skipped]))
    if name in ("csv", "json"):
        for line in skipped:
            typer.echo(printable(line), err=True)
        if name == "csv":
            typer.echo(as_csv(found), nl=False)
        else:
            echo_json(msgspec.to_builtins(found))
        return
    drawn = grids(found, skipped)
    if name == "markdown":
        typer.echo("\n\n".join(block for grid in drawn for block in blocks(grid)) + "\n", nl=False)
    else:
        for grid in drawn:
            draw(grid, standard_output())
