"""The primary measure by what the queries test."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.columns import Field
from bench.report.model import Column, Grid
from bench.report.numbers import share
from bench.report.rows import Row, primary
from bench.report.tables.lines import RunCell, heading, lines_of, name_cell
from bench.report.tables.marks import add_remarks, decisions, no_best


def label_grid(cells: Sequence[RunCell], *, several: bool) -> Grid:
    """The table of one passage set: a column a label, with its number of queries."""
    counts = {label: n for _, _, m in cells for label, n in (m.label_counts or {}).items()}
    if not counts:
        return Grid(f"{heading(cells)}: its queries have no labels", (), ())
    primaries = [primary(run) or "" for _, run, _ in cells]
    rows: list[Row] = [
        {"status": m.status, "stopped": m.is_stopped}
        | {f"label {label}": means.get(name) for label, means in (m.quality_by_label or {}).items()}
        for (_, _, m), name in zip(cells, primaries, strict=True)
    ]
    fields = [
        Field(f"label {label}", Column(f"{label} ({n:,})", drop=1, opens=True), share, "high", quality=True)
        for label, n in sorted(counts.items())
    ]
    named = [name_cell(m, m.retriever, m.status) for _, _, m in cells]
    columns, lines = lines_of(cells, "retriever", named, fields, rows, several=several, apart=False)
    notes = [*add_remarks(cells, columns, lines, decisions), *no_best(fields, [m for _, _, m in cells])]
    title = f"{heading(cells)}: {' / '.join(dict.fromkeys(primaries))} by label (queries)"
    return Grid(title, tuple(columns), tuple(map(tuple, lines)), tuple(notes), goes_on=True)
