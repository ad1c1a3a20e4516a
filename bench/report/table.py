"""
Runs as tables: in a terminal, in Markdown, and for machines.

A terminal and Markdown draw the same grids. A narrow terminal drops the columns that a reader misses least, and says
which.
"""

from __future__ import annotations

import csv as csv_files
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import wrap
from typing import TypeVar

import msgspec
from rich import box
from rich.console import Console
from rich.measure import Measurement as Width
from rich.table import Table
from rich.text import Text

from bench.report import rows as flat
from bench.report.fields import BEST, MISSING, NEVER, Cell, Column, Grid
from bench.report.grid import grids
from bench.report.pivot import Pivot, pivoted
from bench.report.plain import printable
from bench.report.storages import storage_grids
from bench.store import Run

_Part = TypeVar("_Part")
NAME_WIDTH = 32  # of a retriever's name, where the terminal has no room for the whole on one line
HEAD_WIDTH = 18  # of a head that is a sentence
UNRESOLVED = "<1: growth below 1 MiB, which the system's page accounts can not tell from noise."


def _made(runs: Sequence[Run], by_label: bool, pivot: Pivot | None) -> list[Grid]:
    if pivot is None:
        return grids(runs, by_label=by_label)
    return storage_grids(runs) if pivot == Pivot("storage") else [pivoted(runs, pivot)]


# Under the tables


def _legend(shown: Sequence[Grid], *, bold: bool) -> str:
    """What the columns and marks of these tables mean; empty where they have none to explain. bold: bold type shows."""
    heads = {column.head for grid in shown for column in grid.columns}
    cells = [cell for grid in shown for line in grid.lines for cell in line]
    times = [name for name in ("p50", "p95") if f"{name} ms" in heads]
    storages = [name for name in ("ledger", "resident", "disk") if f"{name} MB" in heads]
    are = "are" if len(storages) > 1 else "is"
    sizes = [f"{', '.join(storages)} {are} the storage's (an engine's {are} whole)"] if storages else []
    sizes += ["encoder is what the encoder adds, resident"] if "encoder MB" in heads else []
    said = [f"{', '.join(times)}: service time of one query, text to ids."] if times else []
    said += [f"MB = 10^6 bytes; {', '.join(sizes)}."] if sizes else []
    said += dict.fromkeys(line for grid in shown for line in grid.legend)
    marked = dict.fromkeys(grid.best_of for grid in shown for line in grid.lines for cell in line if cell.style == BEST)
    said += [f"Bold: best of its {' or '.join(marked)}."] if marked and bold else []
    said += ["-: not measured."] if any(cell.text == MISSING for cell in cells) else []
    said += [UNRESOLVED] if any(cell.text == "<1" for cell in cells) else []
    return " ".join(said)


def _closing(runs: Sequence[Run], shown: Sequence[Grid], *, by_label: bool, bold: bool) -> Iterator[str]:
    """The lines under all tables; shown: the tables with the columns that there was room for."""
    if not by_label and (explained := _legend(shown, bold=bold)):
        yield explained
    for name, run in zip(flat.names(runs), runs, strict=True):
        yield (f"{name}: " if len(runs) > 1 else "") + flat.conditions(run)


# In a terminal


def terminal(runs: Sequence[Run], console: Console, *, by_label: bool = False, pivot: Pivot | None = None) -> None:
    """Draw the tables of some runs, as wide as the console allows; pivot: one table of one measure instead."""
    shown = []
    for grid in _made(runs, by_label, pivot):
        console.print(Text(printable(grid.title), "bold"))
        rest: Grid | None = grid
        while rest is not None and rest.columns:
            table, fitted, rest = _fitted(rest, console)
            console.print(table)
            shown.append(fitted)
            if rest is not None and not grid.goes_on:
                heads = ", ".join(printable(column.head) for column in rest.columns if column.drop != NEVER)
                console.print(Text(f"no room for {heads}: widen the terminal, or ask for --markdown or --json", "dim"))
                rest = None
        for note in grid.notes:
            console.print(Text(printable(note), "dim"))
        console.print()
    for line in _closing(runs, shown, by_label=by_label, bold=console.color_system is not None):
        console.print(Text(printable(line), "dim"))


def _fitted(grid: Grid, console: Console) -> tuple[Table, Grid, Grid | None]:
    """The table with as many columns as there is room for, its grid, and a grid of the columns that had none."""
    order = sorted((i for i, c in enumerate(grid.columns) if c.drop), key=lambda i: (grid.columns[i].drop, i))
    keep_one = 1 if grid.goes_on else 0
    attempts = [(len(order), False), *((kept, True) for kept in range(len(order), keep_one - 1, -1))]
    for kept, split in attempts:
        dropped = set(order[kept:])
        fitted = _without(grid, dropped)
        table = _drawn(fitted, split=split)
        unbounded = console.options.update(max_width=10_000)
        if Width.get(console, unbounded, table).maximum <= console.width:
            break
    return table, fitted, _without(grid, set(order) - dropped) if dropped else None


def _without(grid: Grid, columns: set[int]) -> Grid:
    def left(items: tuple[_Part, ...]) -> tuple[_Part, ...]:
        return tuple(item for index, item in enumerate(items) if index not in columns)

    return replace(grid, columns=left(grid.columns), lines=tuple(left(line) for line in grid.lines))


def _drawn(shown: Grid, *, split: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0, header_style="")
    for column in shown.columns:
        table.add_column(
            Text(_head(column)),
            justify="right" if column.right else "left",
            vertical="top",
            no_wrap=column.right,
            overflow="fold",
        )
    for line in shown.lines:
        table.add_row(*(_field(column, cell, split=split) for column, cell in zip(shown.columns, line, strict=True)))
    return table


def _head(column: Column) -> str:
    head = printable(column.head)
    if len(head) > HEAD_WIDTH:
        head = "\n".join(wrap(head, HEAD_WIDTH))
    elif column.right:
        head = re.sub(r"(?<=\w)(?=@)| ", "\n", head)
    return _apart(column, head)


def _apart(column: Column, text: str) -> str:
    return re.sub(r"^", " ", text, flags=re.MULTILINE) if column.opens else text


def _field(column: Column, cell: Cell, *, split: bool) -> Text:
    shown = printable(cell.text)
    text = Text(_apart(column, broken(shown) if split and column.code else shown), cell.style)
    for line in wrap(printable(cell.below), NAME_WIDTH):
        text.append(f"\n  {line}")
    return text


def broken(spelling: str) -> str:
    """A retriever's name on lines of at most NAME_WIDTH, the storage on its own."""
    if len(spelling) <= NAME_WIDTH:
        return spelling
    pairing = (at.start() for at in re.finditer(" @ ", spelling))
    outer = next((at for at in pairing if spelling.count("(", 0, at) == spelling.count(")", 0, at)), len(spelling))
    lines = []
    for part in (spelling[:outer], spelling[outer:].replace(" @ ", "  @ ", 1)):
        line = ""
        for piece in re.split(r"(?<=[,@(])(?=[ \w])", part):
            if line.strip() and len(line) + len(piece) > NAME_WIDTH:
                lines.append(line)
                line = "    " + piece.lstrip()
            else:
                line += piece
        lines.append(line)
    return "\n".join(line for line in lines if line)


# In Markdown, and for machines


def markdown(runs: Sequence[Run], *, by_label: bool = False, pivot: Pivot | None = None) -> str:
    """The same tables in Markdown (GitHub's), every column that has a value."""
    drawn = _made(runs, by_label, pivot)
    blocks = []
    for grid in drawn:
        blocks.append(f"**{_escaped(grid.title)}**")
        if grid.columns:
            head = [_escaped(column.head) for column in grid.columns]
            rule = ["---:" if column.right else "---" for column in grid.columns]
            body = [[_marked(c, cell) for c, cell in zip(grid.columns, line, strict=True)] for line in grid.lines]
            blocks.append("\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *body)))
        if grid.notes:
            blocks.append("\n".join(f"- {_escaped(note)}" for note in grid.notes))
    blocks += [_escaped(line) for line in _closing(runs, drawn, by_label=by_label, bold=True)]
    return "\n\n".join(blocks) + "\n"


def _marked(column: Column, cell: Cell) -> str:
    text = _escaped(cell.text)
    if column.code:
        text = f"`{printable(cell.text)}`".replace("|", "\\|")
    elif cell.style == BEST:
        text = f"**{text}**"
    return f"{text} ({_escaped(cell.below)})" if cell.below else text


def _escaped(text: str) -> str:
    return re.sub(r"([|\\`*_<>])", r"\\\1", " ".join(printable(text).split()))


def csv(runs: Sequence[Run]) -> str:
    """One line a cell under one line of keys; empty where not measured, several values of one field joined by `; `."""
    rows = flat.rows(runs)
    keys = dict.fromkeys(key for row in rows for key in row)
    file = io.StringIO()
    writer = csv_files.DictWriter(file, list(keys), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "; ".join(value) if isinstance(value, list) else value for key, value in row.items()})
    return file.getvalue()


def as_json(runs: Sequence[Run]) -> str:
    """One JSON array, one object a cell (`bench.report.rows.row`); null where not measured."""
    return msgspec.json.format(msgspec.json.encode(flat.rows(runs)), indent=2).decode()
