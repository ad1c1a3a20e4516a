"""A grid in a terminal: a narrow one drops the columns that a reader misses least, and says which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap
from typing import TypeVar

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement as Width
from rich.table import Table
from rich.text import Text

from bench.records.run_folder import Run
from bench.report.model import NAME_WIDTH, NEVER, Column, Grid, TableCell, broken
from bench.report.render.document import closing, grids_of, heading_of, verdicts_of
from bench.report.text import printable
from bench.report.view import DEFAULT, View

_Part = TypeVar("_Part")
HEAD_WIDTH = 18  # of a head that is a sentence
LEAST_TEXT = 12  # of a column of text, however narrow the terminal is


def table(runs: Sequence[Run], console: Console, view: View = DEFAULT) -> None:
    """Draw the tables of some runs, and the lines under them."""
    shown = [fitted for grid in grids_of(runs, view) for fitted in draw(grid, console)]
    for line in closing(runs, shown, bold=console.color_system is not None):
        console.print(Text(printable(line), "dim"))


def verdict(runs: Sequence[Run], console: Console, view: View = DEFAULT) -> None:
    """Print the verdict on a run, one line or more for each clause; of several runs nothing."""
    for one in verdicts_of(runs, view):
        about = f" ({one.about})" if one.about else ""
        console.print(Text.assemble("\n", (printable(heading_of(one)), "bold"), printable(about)))
        clauses = Table.grid(padding=(0, 1))
        for clause in one.clauses:
            clauses.add_row("-", Text(printable(clause.text)))
        console.print(clauses)


def draw(grid: Grid, console: Console) -> list[Grid]:
    """Draw a grid, as wide as the console allows; returns its parts with the columns that there was room for."""
    shown = []
    console.print(Text(printable(grid.title), "bold"))
    rest: Grid | None = grid
    while rest is not None and rest.columns:
        table, fitted, rest = _fitted(rest, console)
        console.print(table, crop=False)
        shown.append(fitted)
        if rest is not None and not grid.goes_on:
            heads = ", ".join(printable(column.head) for column in rest.columns if column.drop != NEVER)
            remedy = "widen the terminal" if console.is_terminal else f"set COLUMNS to more than {console.width}"
            console.print(Text(f"no room for {heads}: {remedy}, or take another --format", "dim"))
            rest = None
    for note in grid.notes:
        console.print(Text(printable(note), "dim"))
    console.print()
    return shown


def _fitted(grid: Grid, console: Console) -> tuple[Table, Grid, Grid | None]:
    """The table with as many columns as there is room for, its grid, and a grid of the columns that had none."""
    order = sorted((i for i, c in enumerate(grid.columns) if c.drop), key=lambda i: (grid.columns[i].drop, i))
    keep_one = 1 if grid.goes_on else 0
    attempts = [(len(order), False), *((kept, True) for kept in range(len(order), keep_one - 1, -1))]
    for kept, split in attempts:
        dropped = set(order[kept:])
        fitted = _without(grid, dropped)
        table, spare = _drawn(fitted, split=split)
        unbounded = console.options.update(max_width=10_000)
        width = Width.get(console, unbounded, table).maximum
        if width <= console.width:
            break
    else:  # wider than the terminal rather than cut: half a number would be another number
        table.width = max(width - spare, console.width)
    return table, fitted, _without(grid, set(order) - dropped) if dropped else None


def _without(grid: Grid, columns: set[int]) -> Grid:
    def left(items: tuple[_Part, ...]) -> tuple[_Part, ...]:
        return tuple(item for index, item in enumerate(items) if index not in columns)

    return replace(grid, columns=left(grid.columns), lines=tuple(left(line) for line in grid.lines))


def _drawn(shown: Grid, *, split: bool) -> tuple[Table, int]:
    """The table, and by how much the columns of text that may be broken could be narrower."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0, header_style="")
    heads = [Text(_head(column)) for column in shown.columns]
    lines = [
        [_field(column, cell, split=split) for column, cell in zip(shown.columns, line, strict=True)]
        for line in shown.lines
    ]
    spare = 0
    for head, column, *fields in zip(heads, shown.columns, *lines, strict=True):
        if not column.right:
            widest = max(cell_len(line) for text in (head, *fields) for line in text.plain.split("\n"))
            spare += max(0, widest - LEAST_TEXT)
        table.add_column(
            head,
            justify="right" if column.right else "left",
            vertical="top",
            no_wrap=column.right,
            overflow="fold",
        )
    for line in lines:
        table.add_row(*line)
    return table, spare


def _head(column: Column) -> str:
    head = printable(column.head)
    if len(head) > HEAD_WIDTH:
        head = "\n".join(wrap(head, HEAD_WIDTH))
    elif column.right:
        head = re.sub(r"(?<=\w)(?=@)| ", "\n", head)
    return _apart(column, head)


def _apart(column: Column, text: str) -> str:
    return re.sub(r"^", " ", text, flags=re.MULTILINE) if column.opens else text


def _field(column: Column, cell: TableCell, *, split: bool) -> Text:
    shown = " ".join(filter(None, (printable(cell.text) + cell.mark, cell.interval)))
    if split and column.code:
        shown = broken(shown)
    elif split and column.prose:
        shown = "\n".join(wrap(shown, NAME_WIDTH))
    text = Text(_apart(column, shown), cell.style)
    for line in wrap(printable(cell.below), NAME_WIDTH):
        text.append(f"\n  {line}")
    return text
