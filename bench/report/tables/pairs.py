"""What tables of pairs of cells share: what a line is of, its verdict, and which columns say nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bench.analysis.compare import CellPair
from bench.analysis.difference import Difference
from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import MISSING, bounds, four, without_zero
from bench.report.tables.lines import counted

VERDICT_STYLE = {
    "identical": "dim",
    "better": "green",
    "non-inferior": "green",
    "worse": "bold red",
    "undecided": "yellow",
    "not compared": "yellow",
}
RETRIEVER = Column("retriever", right=False, code=True)
VERDICT = (Column("", right=False, opens=True), Column("", opens=True))  # and the letter of why
QUALITY = (
    Column("old", opens=True),
    Column("new"),
    Column("difference", opens=True),
    Column("95% interval", drop=3, opens=True),
    Column("p", drop=5, opens=True),
    Column("p Holm", drop=4, opens=True),
    Column("W/T/L", drop=6, opens=True),
    Column("effect", drop=7, opens=True),
    Column("detectable", drop=8, opens=True),
)
EMPTY = TableCell(MISSING, "dim")
ROUNDING = 1e-6  # of a count of the fourth decimals


def pair_name(pair: CellPair) -> TableCell:
    """The retriever of a pair; below it what it is now, where it is spelled otherwise, and threads but one."""
    old, new = pair.old, pair.new
    said = [f"now {new.retriever}"] if old.retriever != new.retriever else []
    if (old.threads, new.threads) != (1, 1):
        said.append(" -> ".join(dict.fromkeys((str(old.threads), str(new.threads)))) + " threads")
    return TableCell(old.retriever, below=", ".join(said))


def verdict_cell(verdict: str) -> TableCell:
    """A verdict, coloured by what it says."""
    return TableCell(verdict, VERDICT_STYLE.get(verdict, ""))


def quality_cells(d: Difference) -> list[TableCell]:
    """The fields of QUALITY."""
    said = d.paired
    if said is None:
        if d.interval is None or d.old is None or d.new is None:
            return [TableCell(four(d.old)), TableCell(four(d.new)), *[EMPTY] * len(QUALITY[2:])]
        difference, around = four(d.new - d.old, "+"), bounds(d.interval, lambda value: four(value, "+"))
        return [*map(TableCell, (four(d.old), four(d.new), difference, around)), *[EMPTY] * len(QUALITY[4:])]
    return [
        TableCell(four(d.old)),
        TableCell(four(d.new)),
        TableCell(four(said.difference, "+") if said.difference else "0"),
        TableCell(MISSING if d.interval is None else bounds(d.interval, lambda value: four(value, "+"))),
        TableCell(p_cell(d.p, is_least=said.p_is_least)),
        TableCell(p_cell(d.p_holm, is_least=said.p_is_least)),
        TableCell(f"{said.wins}/{said.ties}/{said.losses}"),
        TableCell(MISSING if said.effect is None else without_zero(f"{said.effect:+.2f}")),
        TableCell(four(said.detectable)),
    ]


def p_cell(value: float | None, *, is_least: bool) -> str:
    """A p; where no drawn pattern of signs lies as far out it is below what is printed."""
    if value is None or value >= 1 or not is_least:
        return four(value)
    return f"<{four(math.ceil(value * 1e4 - ROUNDING) / 1e4)}"


def left_out(what: str, names: Sequence[str]) -> list[str]:
    """Which figures have no line, and how often."""
    return [f"{what}: {counted(names)}"] if names else []


def without_empty(grid: Grid) -> Grid:
    """Without the columns in which no line has anything."""
    kept = [
        index
        for index, column in enumerate(grid.columns)
        if column == RETRIEVER or any(line[index].text not in ("", MISSING) for line in grid.lines)
    ]
    columns = tuple(grid.columns[index] for index in kept)
    return replace(grid, columns=columns, lines=tuple(tuple(line[index] for index in kept) for line in grid.lines))
