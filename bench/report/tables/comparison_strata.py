"""What a comparison says of the queries of each stratum."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.compare import CellPair
from bench.report.model import Column, Grid, TableCell
from bench.report.overlap_words import noted, share_said
from bench.report.tables.lines import counted, shortened
from bench.report.tables.marks import Marks
from bench.report.tables.pairs import QUALITY, RETRIEVER, VERDICT, pair_name, quality_cells, verdict_cell, without_empty

BY = {"label": "label", "length": "length in words", "overlap": "word overlap with what is relevant, weighted by idf"}
FAMILY = "p Holm: adjusted for all strata of all retrievers on this set; every stratum is exploratory"


def strata_grid(name: str, pairs: Sequence[CellPair]) -> Grid:
    """One line a stratum of each pair of one passage set; why there are none, where there are none."""
    marks, lines, columns = Marks(), [], (RETRIEVER, Column("stratum", right=False, opens=True), Column("queries"))
    for pair in pairs:
        for stratum in pair.strata:
            d = stratum.difference
            n_queries = 0 if d.paired is None else d.paired.n_queries
            figures = [TableCell(stratum.name), TableCell(f"{n_queries:,}"), *quality_cells(d), verdict_cell(d.verdict)]
            lines.append((pair_name(pair), *figures, marks.mark(d.why)))
    said = [pair.strata_said for pair in pairs if pair.strata_said]
    notes = [*marks.notes(), *([shortened(counted(said))] if said else []), *([FAMILY] if lines else [])]
    notes += _shares(pairs)
    shown = next((stratum for pair in pairs for stratum in pair.strata), None)
    title = f"{name}: by stratum" if shown is None else f"{name}: {shown.difference.name} by {BY[shown.by]}"
    return without_empty(Grid(title, (*columns, *QUALITY, *VERDICT) if lines else (), tuple(lines), tuple(notes)))


def _shares(pairs: Sequence[CellPair]) -> list[str]:
    """How much of the gap of each pair goes with word overlap, and below them what that is not."""
    shares = [(pair, pair.overlap_share) for pair in pairs if pair.overlap_share is not None]
    said = [
        f"{' -> '.join(dict.fromkeys((pair.old.retriever, pair.new.retriever)))}: {share_said(share)}"
        for pair, share in shares
    ]
    return [*said, *noted(share for _, share in shares)]
