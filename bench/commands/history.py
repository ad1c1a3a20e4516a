"""`sparring history`: the figures of each cell over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import Json, echo_json, standard_output


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
        typer.Option(help="A key of `sparring table --json`: R@10, disk_bytes.", show_default="the primary measure"),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, a line a version and cell.")] = False,
    as_json: Json = False,
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

    if sum((markdown, csv, as_json)) > 1:
        raise typer.BadParameter("--markdown, --csv and --json exclude each other")
    if committed and len(folders) != 1:
        raise typer.BadParameter(f"--committed: expected one folder, found {len(folders)}")
    versions, skipped = of_git(folders[0]) if committed else of_folders(folders)
    found = lines(versions, measure)
    if not found:
        raise InputError("\n".join(["history: expected a finished cell, found none", *skipped]))
    if csv or as_json:
        for line in skipped:
            typer.echo(printable(line), err=True)
        if csv:
            typer.echo(as_csv(found), nl=False)
        else:
            echo_json(msgspec.to_builtins(found))
        return
    drawn = grids(found, skipped)
    if markdown:
        typer.echo("\n\n".join(block for grid in drawn for block in blocks(grid)) + "\n", nl=False)
    else:
        for grid in drawn:
            draw(grid, standard_output())
