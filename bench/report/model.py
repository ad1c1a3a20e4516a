"""A table as values: its cells, columns and lines, whatever it is drawn as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

BEST = "bold green"
TIED = "italic"  # not told apart from the best
STOPPED = "stopped"  # in place of a measure: the cell was decided before its last query
STATUS_STYLE = {"over-budget": "yellow", "unsupported": "yellow", STOPPED: "yellow"}  # by design, not broken
NAME_WIDTH = 32  # of a retriever's name, where there is no room for the whole on one line
NEVER = 0  # how soon a column is dropped: never; of the others the highest goes first


class TableCell(NamedTuple):
    """One field of a table."""

    text: str
    style: str = ""  # of rich
    below: str = ""  # a second line: why the others are empty
    mark: str = ""  # after the text: a dagger
    interval: str = ""  # after both: [.701, .785]


@dataclass(frozen=True)
class Column:
    """The head of a column, and how it is drawn."""

    head: str  # a terminal breaks it at its space, or before its @
    right: bool = True
    drop: int = NEVER
    opens: bool = False  # a group of columns: stands a little apart
    code: bool = False  # holds spellings
    prose: bool = False  # holds text, over several lines where there is no room
    meaning: str = ""  # what its figures are, told once under all tables


@dataclass(frozen=True)
class Grid:
    """One table: what it says, not how it looks."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[TableCell, ...], ...]
    notes: tuple[str, ...] = ()
    goes_on: bool = False  # columns without room follow in a table of their own
    best_of: Literal["column", "line"] = "column"  # where the best is marked
    figures: Column | None = None  # what the figures are, where the heads say something else
    legend: tuple[str, ...] = ()  # what else there is to explain, told once under all tables


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
