"""`sparring show`: one query of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import JsonObject, Plugin, completion, echo_json, read_run, registry_with, standard_output


def show(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The id of a query.")],
    passages: Annotated[
        str | None,
        typer.Option(
            metavar="SET",
            help="The passage set, where several have the query.",
            autocompletion=completion.datasets,
        ),
    ] = None,
    top: Annotated[int, typer.Option("-k", "--top", metavar="N", min=1, help="Passages of each retriever.")] = 5,
    as_json: JsonObject = False,
    plugin: Plugin = None,
) -> None:
    """
    Show one query: what each retriever found, and why.

    What is relevant is marked; below a hit of a sparse retriever stand the words that matched, with their weights.
    """
    from bench.analysis import show as showing
    from bench.report.console.query import print_query

    run = read_run(folder)
    shown = showing.show(run, query, registry_with(plugin), passage_set=passages, k=top)
    if as_json:
        echo_json(showing.plain(shown))
    else:
        print_query(shown, standard_output())
