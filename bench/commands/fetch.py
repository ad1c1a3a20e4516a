"""`sparring fetch`: the files of passage sets, downloaded or copied, and verified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import INTERRUPTED


def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Passage sets, by name or path of their card.")],
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="URL|FOLDER", help="A mirror, or a folder, instead of the cards' URLs."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="A folder to fill, complete in itself, not the cache.")
    ] = None,
) -> None:
    """
    Bring the files of passage sets to hand, verified.

    Each has the hash of its card, or is not kept. What was stopped goes on when the same command is given again.
    """
    from rich.console import Console

    from bench.passages.fetch import fetch as fetch_files
    from bench.report.console.downloads import shown
    from bench.report.text import printable

    with shown(Console(stderr=True)) as progress:
        try:
            found = fetch_files(names, origin=origin, to=to, progress=progress)
        except KeyboardInterrupt:
            progress.says("stopped; the same command goes on from here")
            raise typer.Exit(INTERRUPTED) from None
    for path in found.values():
        typer.echo(printable(str(path)))
