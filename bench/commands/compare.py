"""`sparring compare`: two runs, or two retrievers, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import echo_json, read_run, standard_output


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="OLD [NEW]", help="Run folders: the old one, the new one.")],
    retrievers: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--retrievers",
            metavar="OLD NEW",
            help="One retriever against another: of one run, or the first of the old run and the second of the new.",
        ),
    ] = None,
    margin: Annotated[float, typer.Option(min=0, help="Of a measure: the smallest difference that matters.")] = 0.01,
    queries: Annotated[int, typer.Option(min=0, help="Queries that changed most, of each cell.")] = 5,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown, without any text of a collection.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """
    Compare two runs, or two retrievers: by how much they differ.

    It decides nothing (`sparring gate` does): what cannot be compared is named, and the rest is compared.
    """
    from bench.analysis.changed_queries import changes
    from bench.analysis.compare import compare as of_runs
    from bench.analysis.compare import of_retrievers
    from bench.analysis.difference import together
    from bench.report.render import comparison

    if as_json and markdown:
        raise typer.BadParameter("--json and --markdown exclude each other")
    if len(runs) > 2 or (len(runs) == 1 and retrievers is None):
        raise typer.BadParameter(
            f"expected two runs, or one with --retrievers OLD NEW, found {len(runs)}: "
            "sparring compare results/before results/after"
        )
    old, new = (read_run(folder) for folder in (runs[0], runs[-1]))
    one_run = together(old, new)
    if retrievers is None:
        found = of_runs(old, new, margin=margin)
    else:
        found = of_retrievers(old, new, *retrievers, margin=margin)
    changed = [changes(old, new, pair, queries) for pair in found.pairs] if queries else []
    if as_json:
        echo_json(comparison.plain(found, changed))
    elif markdown:
        typer.echo(comparison.markdown(found, changed, margin=margin, together=one_run), nl=False)
    else:
        comparison.terminal(found, changed, standard_output(), margin=margin, together=one_run)
