"""`sparring check`: the rules of the contract, held against adapters."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from bench.commands import CELL_FAILED, OK, Json, Plugin, echo_json

UNPROVEN = ("failed", "could not be tried", "not run")


def check(
    spellings: Annotated[list[str], typer.Argument(help="Encoders, storages, retrievers or analysers, as spelled.")],
    plugin: Plugin = None,
    seconds: Annotated[float, typer.Option(min=1, max=1e6, help="Time for all checks of one adapter.")] = 600,
    as_json: Json = False,
) -> None:
    """
    Hold adapters to the contract, one line a check.

    Exit code 3 where one failed, or nothing could be tried.
    """
    from dataclasses import asdict

    from bench.report.text import printable
    from retrievers.conformance.check_process import Apart

    rows = []
    with Apart(list(dict.fromkeys(spellings)), plugin or [], seconds) as apart:
        for spelling, rules in apart.rules.items():
            if not as_json:
                typer.echo(printable(spelling))
            width = max(map(len, rules))
            ended: Counter[str] = Counter()
            for row in apart.rows(spelling):
                rows.append(row)
                ended[row.status] += 1
                if not as_json and row.status != "not run":
                    line = f"  {row.check:<{width}}  {row.status:<14}  {row.found}"
                    typer.echo(printable(" ".join(line.splitlines())).rstrip())
            if not as_json:
                if "could not be tried" in ended:
                    typer.echo("  could not be tried: not proven")
                typer.echo(f"  {', '.join(f'{count} {status}' for status, count in ended.items())}\n")
    if as_json:
        echo_json([asdict(row) for row in rows])
    raise typer.Exit(CELL_FAILED if any(row.status in UNPROVEN for row in rows) else OK)
