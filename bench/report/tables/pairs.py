"""What tables of pairs of cells share: what a line is of, its verdict, and which columns say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.analysis.compare import CellPair
from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import MISSING
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
