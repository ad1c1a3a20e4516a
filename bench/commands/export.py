"""`sparring export`: hits and judgments for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import read_run


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write the TREC run files into.")],
) -> None:
    """Write each cell's hits as a TREC run file, and each passage set's qrels, for other tools to score."""
    from bench.export import export as export_run
    from bench.report.plain import printable

    for path in export_run(read_run(folder), output):
        typer.echo(printable(str(path)))
