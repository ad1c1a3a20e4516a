"""The figures of each cell over time: a line a version, and how far it is from the one before."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from textwrap import shorten

import msgspec

from bench.analysis.history import SHORT, Version
from bench.instruments import stability
from bench.records.comparability import HARDWARE, hardware_differences
from bench.records.schema import Measurement
from bench.report import costs, doubts, rows
from bench.report.column_names import keys_of
from bench.report.columns import FIELDS, field_of, is_number
from bench.report.model import STATUS_STYLE, Column, Grid, TableCell
from bench.report.numbers import MISSING, four, megabytes, significant, sized
from bench.report.tables.marks import decisions
from bench.report.text import cell

BYTES, P50 = "ledger_bytes", "single_p50_ms"
TIMED = re.compile(r"_(ms|qps|seconds)$")  # keys that are not compared across hardware
CONDITIONS = ("passage_set_sha256", "n_distractors")  # no figure is compared where one of these differs
TIMING = ("k",)  # no time
MARK = "*"  # after a version that a note says more of
DAY, MINUTE = 10, 16  # characters of a date
LONGEST_NAME = 14  # of a version's name, so that a terminal of 80 columns holds the table
LONGEST_REASON = 96  # characters of why a cell failed
WORDS = {"passage_set_sha256": "other passages", "n_distractors": "other synthetic passages", "k": "another k"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """
    A cell in one version: the JSON object and the CSV line of `sparring history`.

    Figures are those that tables show: of a cell that remembers the times of new queries. Each `..._change` is the
    figure less that of the line before that was measured, None where the two cannot be compared.
    """

    date: str  # UTC
    commit: str | None
    dirty: bool
    name: str
    passage_set: str
    retriever: str
    cell_name: str | None
    threads: int
    status: str
    reason: str | None  # why it has no figures; of a cell that was stopped: what was decided
    measure: str | None  # the key of `sparring table --json` that `value` is
    value: float | None
    value_change: float | None
    ledger_bytes: float | None
    ledger_bytes_change: float | None
    single_p50_ms: float | None
    single_p50_ms_change: float | None
    unstable: bool
    remembers: bool  # its times are those of queries that the process had not seen before
    doubtful: tuple[str, ...]  # keys of its figures that something speaks against
    differs: tuple[str, ...]  # hardware and conditions that are not those of the line before


def lines(versions: Sequence[Version], measure: str | None = None) -> list[Line]:
    """
    A line a version and cell: cell after cell, each by date.

    A cell is known by its passage set, its name or else its spelling, and its threads.

    Args:
        versions: the runs, the oldest first.
        measure: a figure by its key in `sparring table --json` or its heading; None: the primary measure of the newest
            suite that has the cell. InputError for one that no cell has.
    """
    series: dict[tuple[str, str, int], list[tuple[Version, Measurement]]] = {}
    for version in versions:
        for m in version.run.measurements:
            series.setdefault((m.passage_set, m.cell_name or m.retriever, m.threads), []).append((version, m))
    if measure is not None and series:
        values = (rows.row(m) for version in versions for m in version.run.measurements)
        figures = dict.fromkeys(key for row in values for key, value in row.items() if is_number(value))
        (measure,) = keys_of([measure], figures, "--measure")
    return [line for one in series.values() for line in _series(one, measure)]


def _series(versions: Sequence[tuple[Version, Measurement]], measure: str | None) -> Iterator[Line]:
    """The lines of one cell."""
    key = measure or rows.primary(versions[-1][0].run) or ""
    before: tuple[Version, Measurement] | None = None  # the last one that was measured
    old: rows.Row = {}  # and its row
    for version, m in versions:
        row = rows.row(m)
        differs = () if before is None else _differs(before, (version, m))
        yield Line(
            date=version.date,
            commit=version.commit,
            dirty=version.dirty,
            name=version.name,
            passage_set=m.passage_set,
            retriever=m.retriever,
            cell_name=m.cell_name or None,
            threads=m.threads,
            status=m.status,
            reason=" ".join(decisions(m)) if m.is_stopped else m.reason or None,
            measure=key or None,
            value=_number(doubts.value(row, key)),
            value_change=_change(key, old, row, differs),
            ledger_bytes=_number(row[BYTES]),
            ledger_bytes_change=_change(BYTES, old, row, differs),
            single_p50_ms=_number(doubts.value(row, P50)),
            single_p50_ms_change=_change(P50, old, row, differs),
            unstable=bool(row["unstable"]),
            remembers=stability.remembers(m.flags),
            doubtful=tuple(one for one in dict.fromkeys((key, BYTES, P50)) if doubts.is_doubtful(row, one)),
            differs=differs,
        )
        if m.status == "ok":
            before, old = (version, m), row


def _differs(before: tuple[Version, Measurement], now: tuple[Version, Measurement]) -> tuple[str, ...]:
    names = [*hardware_differences(before[0].run.environment, now[0].run.environment)]
    names += [name for name in (*CONDITIONS, *TIMING) if getattr(before[1], name) != getattr(now[1], name)]
    return tuple(names)


def _change(key: str, old: rows.Row, new: rows.Row, differs: Sequence[str]) -> float | None:
    was, now = _number(doubts.value(old, key)), _number(doubts.value(new, key))
    against = (*CONDITIONS, *HARDWARE, *TIMING) if TIMED.search(key) else CONDITIONS
    if was is None or now is None or any(name in against for name in differs):
        return None
    return now - was


def _number(value: object) -> float | None:
    return value if is_number(value) else None


def as_csv(found: Sequence[Line]) -> str:
    """CSV, a line a version and cell; empty where not measured."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(Line.__struct_fields__)
    for line in found:
        values = msgspec.structs.asdict(line)
        values |= {name: " ".join(value) for name, value in values.items() if isinstance(value, tuple)}
        writer.writerow(["" if value is None else cell(value) for value in values.values()])
    return file.getvalue()


# For a reader


def grids(found: Sequence[Line], skipped: Sequence[str] = ()) -> list[Grid]:
    """A table a cell; what was skipped, and what the marks mean, as notes of the last. found: at least one line."""
    series: dict[tuple[str, str, int], list[Line]] = {}
    for line in found:
        series.setdefault((line.passage_set, line.cell_name or line.retriever, line.threads), []).append(line)
    of_threads = {line.threads for line in found}
    made = [_grid(one, tell_threads=len(of_threads) > 1) for one in series.values()]
    notes = ["UTC; + after a commit: with uncommitted changes; change: against the line before that was measured"]
    marks = "".join(cell.mark for grid in made for cells in grid.lines for cell in cells)
    if doubts.FLAG_MARK in marks:
        notes.append(f"{doubts.FLAG_MARK}: an unstable time, or one under CPU contention, not to be relied on")
    if doubts.NEW_MARK in marks:
        notes.append(doubts.LEGEND)
    made[-1] = replace(made[-1], notes=(*made[-1].notes, *notes, *skipped))
    return made


def _grid(found: Sequence[Line], *, tell_threads: bool) -> Grid:
    last = found[-1]
    threads = f" (threads={last.threads})" if tell_threads else ""
    name = f"{last.cell_name}: " if last.cell_name else ""
    columns = (
        Column("date", right=False),
        Column("commit", right=False, opens=True),
        Column("version", right=False, opens=True),
        Column("measure" if last.measure is None else field_of(last.measure).column.head, opens=True),
        Column("change", drop=1),
        *([Column("index MB", opens=True), Column("change", drop=2)] if last.measure != BYTES else []),
        *([Column("p50 ms", opens=True), Column("change", drop=3)] if last.measure != P50 else []),
    )
    dates = days([line.date for line in found])
    remarks = ["; ".join(_remarks(*pair)) for pair in zip(found, [None, *found], strict=False)]
    body = [_cells(line, date, MARK if said else "") for line, date, said in zip(found, dates, remarks, strict=True)]
    notes = [f"{MARK} {date}: {said}" for date, said in zip(dates, remarks, strict=True) if said]
    return Grid(f"{last.passage_set}: {name}{last.retriever}{threads}", columns, tuple(body), tuple(notes))


def days(dates: Collection[str]) -> list[str]:
    """Some dates as a reader is shown them: the days, and the minutes where two are of one day."""
    shown = DAY if len({date[:DAY] for date in dates}) == len(dates) else MINUTE
    return [date[:shown].replace("T", " ") for date in dates]


def _cells(line: Line, date: str, mark: str) -> tuple[TableCell, ...]:
    dirty = "+" if line.dirty else ""
    commit = MISSING if line.commit is None else line.commit[:SHORT] + dirty
    key = line.measure or ""
    cells = [
        TableCell(date),
        TableCell(commit, "dim"),
        TableCell(line.name if len(line.name) <= LONGEST_NAME else line.name[: LONGEST_NAME - 3] + "...", mark=mark),
        _figure(line, key, line.value),
        _moved(key, line.value, line.value_change),
    ]
    if key != BYTES:
        cells += [_figure(line, BYTES, line.ledger_bytes), _moved(BYTES, line.ledger_bytes, line.ledger_bytes_change)]
    if key != P50:
        cells += [_figure(line, P50, line.single_p50_ms), _moved(P50, line.single_p50_ms, line.single_p50_ms_change)]
    return tuple(cells)


def _remarks(line: Line, before: Line | None) -> Iterator[str]:
    """What sets a line apart from those above it."""
    hardware = [name for name in line.differs if name in HARDWARE]
    if hardware:
        yield f"other hardware: {', '.join(hardware)}"
    yield from (WORDS[name] for name in line.differs if name in WORDS)
    if before is not None and before.retriever != line.retriever:
        yield f"now {line.retriever}"
    if line.status != "ok":
        yield shorten(line.reason or line.status, LONGEST_REASON, placeholder=" ...")
    elif line.reason is not None:
        yield line.reason


def _figure(line: Line, key: str, value: float | None) -> TableCell:
    if line.status != "ok" and key == line.measure:
        return TableCell(line.status, STATUS_STYLE.get(line.status, "red"))
    mark = doubts.FLAG_MARK if key in line.doubtful else ""
    if line.remembers and key in costs.NEW:
        mark = doubts.NEW_MARK
    return TableCell(MISSING if value is None else written(key, value), mark=mark if value is not None else "")


def written(key: str, value: float) -> str:
    """A figure as the tables write it; a measure with four decimals, since the gate holds it to all of them."""
    known = next((field for field in FIELDS if field.key == key), None)
    if known is not None:
        return known.text(value)
    if key.endswith("_bytes"):
        return megabytes(value)
    return significant(value) if TIMED.search(key) or abs(value) > 1 else four(value)


def _moved(key: str, value: float | None, change: float | None) -> TableCell:
    """A change: of a measure by how much, of bytes by how many, of anything else by what share."""
    if value is None or change is None:
        return TableCell("")
    if change == 0:
        return TableCell("=", "dim")
    if key.endswith("_bytes"):
        return TableCell(("+" if change > 0 else "-") + sized(abs(change)))
    if TIMED.search(key) or abs(value) > 1:
        old = value - change
        return TableCell(f"{change / old:+.1%}" if old else "")
    return TableCell(four(change, "+"))
