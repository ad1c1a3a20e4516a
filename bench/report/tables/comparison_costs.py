"""What pairs of cells cost: time, memory and bytes, as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.analysis.compare import CellPair
from bench.analysis.costs import DRIFT, UNDER_RESOLUTION
from bench.analysis.difference import Difference
from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import MISSING, bounds, megabytes, significant
from bench.report.tables.marks import Marks
from bench.report.tables.pairs import RETRIEVER, VERDICT, left_out, pair_name, verdict_cell, without_empty

FIGURES = {  # of what a pair costs -> its name in a line
    "single_p50_ms": "p50 ms",
    "single_p95_ms": "p95 ms",
    "batch_qps": "batch q/s",
    "new_p50_ms": "new p50 ms",
    "new_p95_ms": "new p95 ms",
    "ledger_bytes": "index size",
    "disk_bytes": "disk",
    "resident_bytes": "resident",
    "encoder_ledger_bytes": "encoder size",
    "encoder_disk_bytes": "encoder disk",
    "encoder_resident_bytes": "encoder resident",
    "peak_search_bytes": "peak search",
    "peak_query_bytes": "peak query",
    "peak_encode_bytes": "peak encode",
    "peak_build_bytes": "peak build",
    "deployment_bytes": "deployment",
}
APART = (
    f"The two runs were measured at different times, which alone can move times by {DRIFT:.0%}: verdicts allow for "
    "that. `sparring gate --ab` measures both at once."
)

WENT_ON = (
    f"Timed at another time than what it is compared with, as the run went on: {{}}. That alone can move times by "
    f"{DRIFT:.0%}: verdicts allow for it; --fresh times all at once."
)


def time_grid(name: str, pairs: Sequence[CellPair], *, together: bool) -> Grid:
    """The times of pairs of cells, old and new, as a table."""
    columns = (Column("old", opens=True), Column("new"), Column("new/old", opens=True))
    grid = _costs(f"{name}: time", pairs, ("latency",), columns, _times)
    if grid.lines and not together:
        return replace(grid, notes=(*grid.notes, APART))
    moved = [str(pair.new.retriever) for pair in pairs if pair.old.timed_at != pair.new.timed_at]
    return replace(grid, notes=(*grid.notes, WENT_ON.format(", ".join(moved)))) if grid.lines and moved else grid


def _times(d: Difference) -> list[TableCell]:
    ratio = d.new / d.old if d.old and d.new is not None else None
    return [TableCell(MISSING if value is None else significant(value)) for value in (d.old, d.new)] + [_ratio(ratio)]


def weight_grid(name: str, pairs: Sequence[CellPair]) -> Grid:
    """The bytes of pairs of cells, old and new, as a table."""
    columns = (Column("old MB", opens=True), Column("new MB"), Column("change", opens=True))
    return _costs(f"{name}: memory and bytes", pairs, ("bytes", "memory"), columns, _bytes)


def _bytes(d: Difference) -> list[TableCell]:
    change = MISSING
    if d.old is not None and d.new is not None:
        exact = f"{d.new - d.old:+,.0f} B" if d.kind == "bytes" else ""
        change = " ".join(filter(None, (exact, f"{d.new / d.old - 1:+.2%}" if d.old else "")))
    return [*(TableCell(MISSING if value is None else megabytes(value)) for value in (d.old, d.new)), TableCell(change)]


def _ratio(value: float | None) -> TableCell:
    return TableCell(MISSING if value is None else f"{value:.3f}")


def _costs(
    title: str,
    pairs: Sequence[CellPair],
    kinds: Sequence[str],
    columns: Sequence[Column],
    figures: Callable[[Difference], list[TableCell]],
) -> Grid:
    """A line a figure that differs, or may; of the others there is a count."""
    marks, lines, same, unresolved = Marks(), [], [], []
    for pair in pairs:
        for d in pair.differences:
            if d.kind not in kinds:
                continue
            if d.verdict == "identical":
                same.append(FIGURES[d.name])
            elif d.why == UNDER_RESOLUTION:
                unresolved.append(FIGURES[d.name])
            else:
                within = TableCell(MISSING if d.interval is None else bounds(d.interval, lambda value: f"{value:.3f}"))
                line = (
                    pair_name(pair),
                    TableCell(FIGURES[d.name]),
                    *figures(d),
                    within,
                    verdict_cell(d.verdict),
                    marks.mark(d.why),
                )
                lines.append(line)
    between = Column("95% interval", drop=2, opens=True)
    whole = (RETRIEVER, Column("", right=False, opens=True), *columns, between, *VERDICT)
    notes = [*marks.notes(), *left_out("identical", same), *left_out("differ by less than 1 MiB", unresolved)]
    return without_empty(Grid(title, whole if lines else (), tuple(lines), tuple(notes)))
