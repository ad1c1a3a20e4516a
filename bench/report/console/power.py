"""What planned queries can show, for a reader."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.analysis.planned_power import PlannedPower
from bench.report.numbers import MISSING, four, share, whole
from bench.report.text import printable
from bench.statistics.intervals import FEW

LEGEND = (
    "per measure: the smallest mean difference that these queries find with 80 % power, two-sided (Bloom 1995). sd: "
    "standard deviation of the primary measure's paired differences; alike: correlation of two queries of one cluster. "
    "Several comparisons: 5 % is divided by how many (Bonferroni); Holm's adjustment, which `compare` makes, finds as "
    "much or more."
)
ASSUMED = (
    "assumed: three of four real sets vary less (bench/analysis/assumed_spreads.py names them). Better is the spread "
    "of an earlier run: --pilot RUN."
)


def print_power(rows: Sequence[PlannedPower], console: Console) -> None:
    """A table a passage set: a line for each spread, a column for each measure."""
    for _, found in itertools.groupby(rows, key=lambda row: row.passage_set):
        of_set = list(found)
        console.print(Text(printable(_heading(of_set[0])), "bold"), soft_wrap=True)
        console.print(_table(of_set))
        console.print()
    notes = [LEGEND]
    if any(row.few for row in rows):
        notes.append(f"~: fewer than {FEW} queries are expected to differ; the figure is approximate.")
    if any(row.assumed for row in rows):
        notes.append(ASSUMED)
    for note in notes:
        console.print(Text(note, "dim"))


def _heading(row: PlannedPower) -> str:
    clusters = "each its own cluster"
    if row.n_clusters < row.n_queries:
        clusters = f"in {row.n_clusters:,} clusters" + (f" ({row.clustered_by}s)" if row.clustered_by else "")
    compared = "one comparison, at 5 %"
    if row.n_compared > 1:
        compared = f"{row.n_compared} comparisons, each at 5 % / {row.n_compared}"
    return f"{row.passage_set}: {row.n_queries:,} judged queries, {clusters}; {compared}"


def _table(rows: Sequence[PlannedPower]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="")
    table.add_column("spread", overflow="fold")
    measures = list(dict.fromkeys(row.measure for row in rows))
    heads = ("sd", "alike", *measures, f"queries for {share(rows[0].difference)} of {measures[0]}")
    for head in heads:
        table.add_column(head, justify="right")
    for pair, found in itertools.groupby(rows, key=lambda row: row.pair):
        of_pair = list(found)
        first = of_pair[0]
        needed = MISSING if first.n_queries_needed is None else whole(first.n_queries_needed)
        table.add_row(
            Text(printable(f"assumed: {pair}" if first.assumed else pair)),
            four(first.deviation),
            four(first.correlation) if first.n_clusters < first.n_queries else MISSING,
            *(("~" if row.few and row.detectable is not None else "") + four(row.detectable) for row in of_pair),
            needed,
        )
    return table
