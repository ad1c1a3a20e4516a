"""The parts of a table: its fields and columns, how numbers are written, and which of them is best."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bench.report.rows import Row

MISSING = "-"
SATURATED = "saturated"
BEST = "bold green"
TIED = "italic"  # not told apart from the best
STATUS_STYLE = {"over-budget": "yellow", "unsupported": "yellow"}  # refused, not broken
NAME_WIDTH = 32  # of a retriever's name, where there is no room for the whole on one line
NEVER = 0  # how soon a column is dropped: never; of the others the highest goes first


class Cell(NamedTuple):
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


@dataclass(frozen=True)
class Grid:
    """One table: what it says, not how it looks."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    goes_on: bool = False  # columns without room follow in a table of their own
    best_of: Literal["column", "line"] = "column"  # where the best is marked
    legend: tuple[str, ...] = ()  # what its columns mean, told once under all tables


# Names and numbers


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


def significant(value: float) -> str:
    """Three significant digits, at most four decimals: 0.0412, 3.98, 123, 12,300."""
    rounded = float(f"{value:.3g}")
    if 0 < abs(rounded) < 5e-5:
        return "<0.0001"
    decimals = next((d for d, least in enumerate((100, 10, 1, 0.1)) if abs(rounded) >= least), 4)
    return f"{rounded:,.{decimals}f}" if rounded else "0"


def megabytes(value: float) -> str:
    """Bytes as MB (10^6), three significant digits."""
    return significant(value / 1e6)


def sized(value: float) -> str:
    """Bytes in the unit that suits them, three significant digits: 12.3 GB, 404 MB, 1.50 kB, 12 B."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if round(value / scale, 3) >= 1:
            return f"{significant(value / scale)} {unit}"
    return f"{value:.0f} B"


def share(value: float) -> str:
    """A measure between 0 and 1, three decimals without the leading zero: .645, 1.000."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.3f}")


def bounds(interval: tuple[float, float], text: Callable[[float], str]) -> str:
    """An interval, its ends written as its value is: [.701, .785]."""
    return f"[{text(interval[0])}, {text(interval[1])}]"


def four(value: float | None, sign: str = "") -> str:
    """Four decimals without the leading zero, as figures are published: .6451, +.0012."""
    return MISSING if value is None else re.sub(r"^([+-]?)0\.", r"\1.", f"{value:{sign}.4f}")


# Columns of rows


@dataclass(frozen=True)
class Field:
    """A column that is made from one key of the rows."""

    key: str
    column: Column
    text: Callable[[float], str]
    better: Literal["high", "low"] | None
    time: bool = False  # not compared across hardware
    unresolved: str = ""  # the key that tells whether the value is below what can be told from noise
    saturated: str = ""  # the key that tells that there is no value since queries came faster than they were answered
    among: str = ""  # the key that tells which rows are compared; empty: all


def whole(value: float) -> str:
    """A count: 12,345."""
    return f"{value:,.0f}"


def change(value: float) -> str:
    """A share by which something is more or less: +7%."""
    return f"{value:+.0%}"


THREADS = Field("threads", Column("threads", opens=True), whole, None)  # shown where cells differ in them
FIELDS = (
    Field("single_p50_ms", Column("p50 ms", opens=True), significant, "low", time=True),
    Field("single_p95_ms", Column("p95 ms", drop=4), significant, "low", time=True),
    Field("encode_p50_ms", Column("encode ms", drop=9), significant, "low", time=True),
    Field("search_p50_ms", Column("search ms", drop=8), significant, "low", time=True),
    Field("joint_gap", Column("joint gap", drop=10), change, None, time=True),
    Field("batch_qps", Column("batch q/s", drop=2), significant, "high", time=True),
    Field("rate_offered_qps", Column("offered q/s", drop=9, opens=True), significant, None, time=True),
    Field("rate_p50_ms", Column("loaded p50", drop=3), significant, "low", time=True, saturated="rate_saturated"),
    Field("rate_p95_ms", Column("loaded p95", drop=4), significant, "low", time=True, saturated="rate_saturated"),
    Field("ledger_bytes", Column("ledger MB", opens=True), megabytes, "low"),
    Field("resident_bytes", Column("resident MB", drop=3), megabytes, "low", unresolved="resident_under_resolution"),
    Field("disk_bytes", Column("disk MB", drop=6), megabytes, "low"),
    Field(
        "encoder_resident_bytes",
        Column("encoder MB", drop=5),
        megabytes,
        "low",
        unresolved="encoder_resident_under_resolution",
    ),
    Field("overlap_with_exact", Column("overlap exact", drop=7, opens=True), share, None),
)


def best_of(field: Field, rows: Sequence[Row], groups: Sequence[str]) -> list[bool]:
    """Which rows hold the best of a column within their group; those that read equal share it, all equal: none."""
    marked = [False] * len(rows)
    if field.better is None:
        return marked
    for group in set(groups):
        measured = {
            index: (value, text_of(field, row))
            for index, row in enumerate(rows)
            if groups[index] == group and row["status"] == "ok" and isinstance(value := row.get(field.key), int | float)
            if not field.among or row[field.among]
        }
        texts = {text for _, text in measured.values()}
        if len(texts) > 1:
            best = (max if field.better == "high" else min)(measured.values(), key=lambda pair: pair[0])[1]
            for index, (_, text) in measured.items():
                marked[index] = text == best
    return marked


def text_of(field: Field, row: Row) -> str:
    value = row.get(field.key)
    if not isinstance(value, int | float):
        return SATURATED if field.saturated and row[field.saturated] else MISSING
    return "<1" if field.unresolved and row[field.unresolved] else field.text(value)
