"""`sparring explain`: the provenance of a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import JsonObject, echo_json, read_run, standard_output


def explain(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    cell: Annotated[
        str, typer.Argument(metavar="CELL", help="A retriever as the table spells it, or 'SET: RETRIEVER'.")
    ],
    as_json: JsonObject = False,
) -> None:
    """
    Tell the provenance of a cell.

    The command that makes it again, conditions, hashes, samples and flags.
    """
    from bench.analysis.explain import explanation_of
    from bench.records.lookup import find_cell
    from bench.report.console.explanation import print_explanation

    run = read_run(folder)
    explanation = explanation_of(run, find_cell(run, cell))
    if as_json:
        echo_json(explanation._asdict())
    else:
        print_explanation(explanation, standard_output())
