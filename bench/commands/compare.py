"""`sparring compare`: two runs, or two retrievers, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bench.commands import JsonObject, chosen_format, echo_json, one_of, read_run, standard_output

if TYPE_CHECKING:
    from bench.analysis.strata import By

FORMATS = ("terminal", "markdown", "json")
STRATA = ("label", "length", "overlap")

NonInferior = Annotated[
    float | None,
    typer.Option("--non-inferior", metavar="X", min=0, help="Of a measure: a loss below it is accepted, as .005."),
]
Strata = Annotated[
    str | None,
    one_of(
        "--by",
        STRATA,
        "Strata of queries: by label; in thirds by their words, or by the share of these, weighted by idf, that a "
        "relevant passage has, and how much of the gap goes with it.",
    ),
]
Measure = Annotated[
    str | None,
    typer.Option(
        "--measure", metavar="MEASURE", help="What --by compares.", show_default="the suite's primary measure"
    ),
]
Sequential = Annotated[
    bool, typer.Option("--sequential", help="Say after which share of the queries it would have been decided.")
]
Pair = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--retrievers",
        metavar="OLD NEW",
        help="One retriever against another: of one run, or the first of the old run and the second of the new.",
    ),
]
Margin = Annotated[float, typer.Option(metavar="X", min=0, help="Of a measure: the smallest difference that matters.")]


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="OLD [NEW]", help="Run folders: the old one, the new one.")],
    retrievers: Pair = None,
    margin: Margin = 0.01,
    non_inferior: NonInferior = None,
    by: Strata = None,
    measure: Measure = None,
    sequential: Sequential = False,
    queries: Annotated[int, typer.Option(metavar="N", min=0, help="Queries that changed most, of each cell.")] = 5,
    format_name: Annotated[
        str | None, one_of("--format", FORMATS, "By default terminal; markdown has no text of a collection.")
    ] = None,
    json: JsonObject = False,
    markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False,
) -> None:
    """
    Compare two runs, or two retrievers: by how much they differ.

    It decides nothing (`sparring gate` does): what cannot be compared is named, and the rest is compared.
    """
    from bench.analysis import compare as comparing
    from bench.analysis.changed_queries import changes
    from bench.analysis.difference import together
    from bench.analysis.several_sets import with_means
    from bench.analysis.stopping import with_stopping
    from bench.analysis.strata import stratified
    from bench.report.render import comparison
    from bench.statistics.paired import Margins

    margins = Margins(margin, non_inferior)
    name = chosen_format(format_name, {"markdown": markdown, "json": json}, "terminal")
    if len(runs) > 2 or (len(runs) == 1 and retrievers is None):
        raise _not_two(len(runs))
    if measure is not None and by is None:
        raise typer.BadParameter(f"--measure: expected --by, found none: --by {STRATA[0]} --measure {measure}")
    old, new = (read_run(folder) for folder in (runs[0], runs[-1]))
    if retrievers is None:
        found = comparing.compare(old, new, margins=margins)
    else:
        found = comparing.of_retrievers(old, new, *retrievers, margins=margins)
    found = with_means(old, new, found, margins=margins)
    if by is not None:
        found = stratified(old, new, found, cast("By", by), measure=measure, margins=margins)
    if sequential:
        found = with_stopping(old, new, found, margins=margins)
    changed = [changes(old, new, pair, queries) for pair in found.pairs] if queries else []
    if name == "json":
        echo_json(comparison.plain(found, changed))
    elif name == "markdown":
        typer.echo(comparison.markdown(found, changed, margins=margins, together=together(old, new)), nl=False)
    else:
        comparison.terminal(found, changed, standard_output(), margins=margins, together=together(old, new))


def _not_two(n_runs: int) -> typer.BadParameter:
    return typer.BadParameter(
        f"expected two runs, or one with --retrievers OLD NEW, found {n_runs}: "
        "sparring compare results/before results/after"
    )
