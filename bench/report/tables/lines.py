"""What tables of cells share: the heading of a passage set, and the lines of its cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import doubts
from bench.report.columns import EXACT, Field, best_of, text_of
from bench.report.model import BEST, STATUS_STYLE, Column, TableCell
from bench.report.numbers import MISSING
from bench.report.rows import Row

OF_ENCODING = ("encode_seconds", "index_seconds")  # what encoding the passages is part of
REASON = 200  # characters of the reason of a cell that failed; the record holds it whole

RunCell: TypeAlias = tuple[str, Run, Measurement]  # the name of its run, its run, and what was measured


def heading(cells: Sequence[RunCell]) -> str:
    """Name, counts and language of a passage set. A cell that failed does not know how many queries are judged."""
    m = next((m for _, _, m in cells if m.status == "ok"), cells[0][2])
    merged = f" of {m.facts['n_documents']:,} documents" if "n_documents" in m.facts else ""
    merged += f" ({m.n_merged:,} equal ones merged)" if m.n_merged else ""
    merged += f" ({m.n_distractors:,} of them synthetic)" if m.n_distractors else ""
    return f"{m.passage_set}: {m.n_passages:,} passages{merged}, {m.n_queries:,} queries{_judged(m)}, {m.language}"


def _judged(m: Measurement) -> str:
    """How many queries are judged, where that are not all of them."""
    if m.status != "ok" or m.n_judged == m.n_queries:
        return ""
    if m.n_judged:
        return f" ({m.n_judged:,} judged)"
    return "" if m.n_distractors else " (no judgments)"


def name_cell(m: Measurement, name: str, why: str) -> TableCell:
    """What a line is of, and below it why it has no numbers, where the cell did not end well."""
    return TableCell(name) if m.status == "ok" else TableCell(name, STATUS_STYLE.get(m.status, "red"), why)


def names_of(cells: Sequence[RunCell]) -> list[str]:
    """What each cell is called: with its run, its threads and its passage set where they tell it from another."""
    has_runs = len({name for name, _, _ in cells}) > 1
    has_threads, has_sets = (len({getattr(m, key) for _, _, m in cells}) > 1 for key in ("threads", "passage_set"))
    return [
        (f"{name}: " if has_runs else "")
        + m.retriever
        + (f", threads {m.threads}" if has_threads else "")
        + (f" on {m.passage_set}" if has_sets else "")
        for name, _, m in cells
    ]


def shortened(reason: str) -> str:
    """A reason on one line, as long as a reader takes."""
    line = " ".join(reason.split())
    return line if len(line) <= REASON else f"{line[: REASON - 1]}…"


def failures(cells: Sequence[RunCell], *, several: bool) -> list[str]:
    """Why cells have no numbers: a note a reason, with all cells that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for name, _, m in cells:
        if m.status != "ok":
            said = ": ".join(filter(None, (m.status, shortened(m.reason))))
            by_reason.setdefault(said, []).append(f"{name}: {m.retriever}" if several else m.retriever)
    return [f"{counted(names)}: {said}" for said, names in by_reason.items()]


def counted(names: Sequence[str]) -> str:
    """Each name once, and how often where it is there several times."""
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in Counter(names).items())


def hardware_note(differing: str) -> list[str]:
    """What to say of times where `rows.hardware` differs; nothing where it does not."""
    said = f"hardware differs ({differing}): times are not compared across runs, the best is marked within each"
    return [said] if differing else []


def with_reuse(fields: Sequence[Field], runs: Iterable[Run]) -> list[Field]:
    """The fields; where vectors came from the cache, those that encoding is part of say what they are of these."""
    if not any(m.reused_matrix for run in runs for m in run.measurements):
        return list(fields)
    said = "; of vectors from the cache as measured when they were made"
    return [
        replace(field, column=replace(field.column, meaning=field.column.meaning + said))
        if field.key in OF_ENCODING
        else field
        for field in fields
    ]


def lines_of(
    cells: Sequence[RunCell],
    head: str,
    named: Sequence[TableCell],
    fields: Sequence[Field],
    rows: Sequence[Row],
    *,
    several: bool,
    apart: bool,
) -> tuple[list[Column], list[list[TableCell]]]:
    """Columns and lines: under `head` what a line is of, then its fields; apart: see `best_of`, each run a group."""
    columns = [*([Column("run", right=False)] if several else []), Column(head, right=False, code=True)]
    columns += [field.column for field in fields]
    lines = [[*([TableCell(name)] if several else []), cell] for (name, _, _), cell in zip(cells, named, strict=True)]
    for field in fields:
        groups = [name if field.time and apart else "" for name, _, _ in cells]
        for line, row, is_best in zip(lines, rows, best_of(field, rows, groups), strict=True):
            line.append(_figure(field, row, is_best=is_best))
    return columns, lines


def _figure(field: Field, row: Row, *, is_best: bool) -> TableCell:
    if field.key == EXACT and row["exact"] and row["status"] == "ok" and row[EXACT] is None:
        return TableCell("exact", "dim")  # what the others are held to
    text = text_of(field, row)
    if is_best:
        return TableCell(text, BEST)
    return TableCell(text, "dim" if text == MISSING else "", mark=doubts.mark(row, field.key))
