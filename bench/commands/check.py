"""`sparring check`: the rules of the contract, held against adapters."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import CELL_FAILED, OK, Json, Plugin, completion, echo_json

if TYPE_CHECKING:
    from bench.stage.check_process import CheckRow

UNPROVEN = ("failed", "could not be tried", "not run")
WIDTH = 32  # columns of the longest name of a rule


def check(
    spellings: Annotated[
        list[str],
        typer.Argument(
            metavar="SPELLING...",
            help="Encoders, storages, retrievers or analysers, as spelled.",
            autocompletion=completion.adapters,
        ),
    ],
    plugin: Plugin = None,
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, max=1e6, help="Time for all checks of one adapter.")
    ] = 600,
    as_json: Json = False,
) -> None:
    """
    Hold adapters to the contract, one line per check.

    Each adapter runs in a process of its own.

    Exit code 3 where one failed, or nothing could be tried.
    """
    from bench.stage.check_process import checked

    wanted, rows = list(dict.fromkeys(spellings)), []
    for place, spelling in enumerate(wanted):
        ended: Counter[str] = Counter()
        # The first process makes all of them: what cannot be made is said before any check.
        for row in checked([spelling] if place else wanted, plugin or [], seconds):
            if not as_json:
                _print(row, first=not ended)
            rows.append(row)
            ended[row.status] += 1
        if not as_json:
            if "could not be tried" in ended:
                typer.echo("  could not be tried: not proven")
            typer.echo(f"  {', '.join(f'{count} {status}' for status, count in ended.items())}\n")
    if as_json:
        echo_json(rows)
    raise typer.Exit(CELL_FAILED if any(row.status in UNPROVEN for row in rows) else OK)


def _print(row: CheckRow, *, first: bool) -> None:
    from bench.report.text import printable

    if first:
        typer.echo(printable(row.adapter))
    if row.status != "not run":
        line = f"  {row.check:<{WIDTH}}  {row.status:<14}  {row.found}"
        typer.echo(printable(" ".join(line.splitlines())).rstrip())
