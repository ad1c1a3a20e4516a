"""What a comparison says of where its queries could have been left off."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.compare import CellPair
from bench.analysis.difference import Stopping
from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import bounds, four, share, whole
from bench.report.tables.pairs import RETRIEVER, pair_name, verdict_cell
from bench.statistics.paired import ALPHA

COLUMNS = (
    RETRIEVER,
    Column("queries asked", opens=True),
    Column("share"),
    Column("look", drop=2, opens=True),
    Column("difference", opens=True),
    Column("bounds", drop=1),
    Column("", right=False, opens=True),
)


def stopping_grid(name: str, pairs: Sequence[CellPair]) -> Grid:
    """One line for each pair of one passage set; none where it is not asked for, or nothing is to be decided."""
    known = [(pair, pair.stopping) for pair in pairs if pair.stopping]
    if not known:
        return Grid(name, (), ())
    (pair, first), *_ = known
    measure = next(d.name for d in pair.differences if d.primary)
    among = f" over {first.n_retrievers} retrievers" if first.n_retrievers > 1 else ""
    note = (
        f"Clusters in random order, seed {first.seed}; the bounds hold at all looks together, and err in at most "
        f"{ALPHA:.0%}{among}. undecided: all queries would have been asked."
    )
    lines = tuple(_line(pair, stopping) for pair, stopping in known)
    return Grid(f"{name}: when {measure} would have been decided", COLUMNS, lines, (note,))


def _line(pair: CellPair, stopping: Stopping) -> tuple[TableCell, ...]:
    stop = stopping.stop
    texts = (
        f"{whole(stop.n_queries)} of {whole(stop.total)}",
        share(stop.share),
        f"{stop.n_looks} of {stop.planned_looks}",
        four(stop.difference, "+"),
        bounds(stop.interval, lambda value: four(value, "+")),
    )
    return (pair_name(pair), *map(TableCell, texts), verdict_cell(stop.verdict))
