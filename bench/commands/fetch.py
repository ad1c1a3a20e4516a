"""`sparring fetch`: the files of passage sets, downloaded or copied, and verified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import INTERRUPTED, completion


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help="Passage sets, by name or path of their card.", autocompletion=completion.datasets
        ),
    ],
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="URL|FOLDER", help="A mirror, or a folder, instead of the cards' URLs."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="A folder to fill, complete in itself, not the cache.")
    ] = None,
) -> None:
    """
    Fetch the files of passage sets, verified.

    Each is put in place whole and with the hash of its card, or not at all. The same command fetches what is missing.
    """
    from bench.passages.fetch import fetch as fetch_files
    from bench.report.console.progress import shown
    from bench.report.console.safe import SafeConsole
    from bench.report.text import printable

    with shown(SafeConsole(stderr=True), "bytes") as progress:
        try:
            found = fetch_files(names, origin=origin, to=to, progress=progress)
        except KeyboardInterrupt:
            progress.says("stopped; the same command fetches what is missing")
            raise typer.Exit(INTERRUPTED) from None
    for path in found.values():
        typer.echo(printable(str(path)))
