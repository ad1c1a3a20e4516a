"""A plan, for a reader; and, after a run, how near what was predicted came."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.progress import Range
from bench.records.schema import Measurement
from bench.report.model import STATUS_STYLE
from bench.report.numbers import MISSING, between, megabytes
from bench.report.tables.lines import shortened
from bench.report.text import printable
from bench.run.plan import PlannedCell, PlannedSet

TOLERANCE = 0.02  # of what was weighed: so near a ledger that is counted is predicted
LEGEND = (
    "index MB: index size (exact), before it is built; peak MB: while it is built, beside the vectors; MB: 10^6 bytes. "
    "~: an estimate, either from a share of the passages or of a storage whose bytes depend on more than their number."
)
KNOWN = {"cached": "in the cache", "counted": "counted", "predicted": "predicted from a share"}


def print_plan(planned: Sequence[PlannedSet], console: Console) -> None:
    """A table a passage set, what its encoders will do, and what all comes to."""
    for one in planned:
        title = f"{one.passage_set}: {one.n_passages:,} passages, {one.n_queries:,} queries"
        console.print(Text(printable(title), "bold"))
        console.print(_table(one.cells))
        for line in _encoders(one):
            console.print(Text(printable(line), "dim"), soft_wrap=True)
        console.print(Text(printable(_total([one])), "bold"), soft_wrap=True)
        console.print()
    if len(planned) > 1:
        console.print(Text(f"all passage sets: {_total(planned)}", "bold"), soft_wrap=True)
    console.print(Text(LEGEND, "dim"))


def _table(cells: Sequence[PlannedCell]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="")
    table.add_column("retriever", overflow="fold")
    for head in ("index MB", "peak MB", "time"):
        table.add_column(head, justify="right", no_wrap=True)
    several = len({cell.threads for cell in cells}) > 1
    for cell in cells:
        name = Text(printable(cell.retriever) + (f" (threads={cell.threads})" if several else ""))
        if cell.status is not None:
            said = f"{cell.status}: {shortened(cell.reason or '')}"
            name.append(f"\n  {printable(said)}", STATUS_STYLE.get(cell.status, "red"))
        for warning in cell.warnings:
            name.append(f"\n  {printable(warning)}", "yellow")
        table.add_row(name, _ledger(cell), _megabytes(cell.peak_build_bytes), _time(cell.seconds, cell.seconds_range))
    return table


def _ledger(cell: PlannedCell) -> str:
    about = "" if cell.counted or cell.predicted_bytes is None else "~"
    return about + _megabytes(cell.predicted_bytes)


def _megabytes(nbytes: int | None) -> str:
    return MISSING if nbytes is None else megabytes(nbytes)


def _time(seconds: float | None, bounds: tuple[float, float | None] | None) -> str:
    return MISSING if bounds is None else between(Range(bounds[0], seconds, bounds[1]))


def _encoders(one: PlannedSet) -> list[str]:
    """One line an encoder: its matrix, how its size is known, its time and its peak."""
    lines = []
    for cell in {cell.encoder: cell for cell in one.cells if cell.encoder_seconds_range is not None}.values():
        size = "" if cell.dims is None else f"{cell.dims:,} dims"
        size += "" if cell.nonzeros is None else f", {cell.nonzeros:,} non-zeros"
        known = "" if cell.shape is None else f" ({KNOWN[cell.shape]})"
        taken = f"; passages and queries encoded in {_time(cell.encoder_seconds, cell.encoder_seconds_range)}"
        peak = "" if cell.peak_encode_bytes is None else f", peak {megabytes(cell.peak_encode_bytes)} MB"
        lines.append(f"{cell.encoder}: {size}{known}{taken}{peak}")
    return lines


def _total(planned: Sequence[PlannedSet]) -> str:
    cells = [cell for one in planned for cell in one.cells]
    refused: dict[str, int] = {}
    for cell in cells:
        if cell.status is not None:
            refused[cell.status] = refused.get(cell.status, 0) + 1
    warned = sum(bool(cell.warnings) for cell in cells)
    not_run = "".join(f", {count} {status}" for status, count in refused.items())
    not_run += f", {warned} perhaps over the limits" if warned else ""
    weight = megabytes(sum(one.predicted_bytes for one in planned))
    seconds = Range.total(one.seconds for one in planned)
    about = "time: " if seconds.likely is None else "about "
    return f"{len(cells)} cells{not_run}; indexes {weight} MB in all; {about}{between(seconds)}"


def bytes_predicted(measurements: Sequence[Measurement]) -> str | None:
    """
    How many index sizes were predicted within 2 %, and which was furthest off, unless all were.

    None where none was both predicted and weighed.
    """
    found = [
        (m, m.predicted_bytes, weighed)
        for m in measurements
        if m.predicted_bytes is not None
        and m.storage_weight is not None
        and (weighed := m.storage_weight.ledger_bytes) is not None
    ]
    if not found:
        return None
    off = [(told - weighed) / max(weighed, 1) for _, told, weighed in found]
    within = sum(abs(each) <= TOLERANCE for each in off)
    if within == len(found):
        return f"all index sizes ({within}) were predicted {f'within {TOLERANCE:.0%}' if any(off) else 'to the byte'}"
    furthest = max(range(len(off)), key=lambda i: abs(off[i]))
    m, told, weighed = found[furthest]
    of_it = f"{m.passage_set}: {m.retriever}, predicted {told:,} bytes, weighed {weighed:,} ({off[furthest]:+.1%})"
    return f"{within} of {len(found)} index sizes were predicted within {TOLERANCE:.0%}; furthest off: {of_it}"
