"""`sparring check`: the rules of the contract, held against adapters."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from functools import partial
from typing import Annotated

import typer

from bench.commands import CELL_FAILED, OK, Json, Plugin, echo_json, registry_with


def check(
    spellings: Annotated[list[str], typer.Argument(help="Encoders, storages, retrievers or analysers, as spelled.")],
    plugin: Plugin = None,
    as_json: Json = False,
) -> None:
    """Hold adapters to the contract: one line a check, exit code 3 where one failed."""
    from bench.report.plain import printable
    from retrievers.conformance import checks
    from retrievers.registry import parse

    registry = registry_with(plugin)
    every = {spelling: checks(partial(parse, spelling, registry)) for spelling in spellings}
    rows = []
    for spelling, found in every.items():
        if not as_json:
            typer.echo(printable(spelling))
        width = max(len(one.name) for one in found)
        ended: Counter[str] = Counter()
        for one in found:
            with contextlib.redirect_stdout(sys.stderr):  # what an adapter prints is none of the answer
                outcome = one.outcome()
            ended[outcome.status] += 1
            row = {"adapter": spelling, "check": one.name, "rule": one.sentence}
            rows.append(row | {"status": outcome.status, "found": outcome.found})
            if not as_json:
                line = f"  {one.name:<{width}}  {outcome.status:<14}  {outcome.found}"
                typer.echo(printable(" ".join(line.splitlines())).rstrip())
        if not as_json:
            typer.echo(f"  {', '.join(f'{count} {status}' for status, count in ended.items())}\n")
    if as_json:
        echo_json(rows)
    raise typer.Exit(CELL_FAILED if any(row["status"] == "failed" for row in rows) else OK)
