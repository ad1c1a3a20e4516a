"""`sparring table`: the table of one or several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import Json, read_run, standard_output


def table(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, every field.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="The primary measure by the queries' labels.")] = False,
) -> None:
    """Print the table of one or several runs."""
    from bench import store
    from bench.report import table as tables
    from bench.report.agreement import disagreements

    if as_json + markdown + csv > 1:
        raise typer.BadParameter("--json, --markdown and --csv exclude each other")
    if labels and (as_json or csv):
        raise typer.BadParameter("--labels is for a terminal or --markdown: leave it out with --json and --csv")
    read = [read_run(folder) for folder in runs]
    if as_json:
        typer.echo(tables.as_json(read))
    elif csv:
        typer.echo(tables.csv(read), nl=False)
    elif markdown:
        typer.echo(tables.markdown(read, by_label=labels), nl=False)
    else:
        console = standard_output()
        tables.terminal(read, console, by_label=labels)
        for each in read:
            names = {m.passage_set for m in each.measurements}
            disagreements(each, [store.read_set(each.folder, name) for name in names], console)
