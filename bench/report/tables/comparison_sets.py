"""What a comparison says over several passage sets."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.difference import OverSets
from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import MISSING, bounds, four
from bench.report.tables.marks import Marks
from bench.report.tables.pairs import RETRIEVER, VERDICT, left_out, p_cell, verdict_cell, without_empty
from bench.statistics.over_sets import FEWEST_SETS
from bench.statistics.paired import Interval

FIGURES = (
    Column("sets", opens=True),
    Column("old", opens=True),
    Column("new"),
    Column("difference", opens=True),
    Column("95% interval", drop=3, opens=True),
    Column("as a sample", drop=7, opens=True),
    Column("p", drop=5, opens=True),
    Column("p Holm", drop=4, opens=True),
    Column("sets W/T/L", drop=6, opens=True),
)
THESE = "95% interval: of the mean over these very sets, each counted alike; W/T/L: sets by the sign of the difference"
SAMPLE = f"as a sample: of the mean over all sets that these are a sample of; with {FEWEST_SETS} sets or more"


def sets_grid(found: Sequence[OverSets]) -> Grid:
    """One line a retriever and measure: the mean over the passage sets of what differs; empty where there is none."""
    marks, lines, same = Marks(), [], []
    for one in found:
        if one.verdict == "identical":
            same.append(one.measure)
            continue
        lacking = f"not in the mean, since not compared: {', '.join(one.left_out)}" if one.left_out else ""
        below = f"now {one.new}" if one.old != one.new else ""
        why = marks.mark("; ".join(filter(None, (one.why, lacking))))
        name = TableCell(one.old, below=below), TableCell(one.measure)
        lines.append((*name, *_figures(one), verdict_cell(one.verdict), why))
    exploratory = any(not one.primary for one in found) and any(one.primary for one in found)
    notes = [*marks.notes(), *left_out("identical", same)]
    if lines:
        is_sampled = any(one.mean.interval_of_sample is not None for one in found)
        notes += [THESE, *([SAMPLE] if is_sampled else [])]
        notes += ["all but the primary measure are exploratory"] if exploratory else []
    columns = (RETRIEVER, Column("measure", right=False, opens=True), *FIGURES, *VERDICT) if lines else ()
    return without_empty(Grid("Mean over passage sets", columns, tuple(lines), tuple(notes)))


def _figures(one: OverSets) -> list[TableCell]:
    """The fields of FIGURES."""
    mean = one.mean
    return [
        TableCell(f"{mean.n_sets}"),
        TableCell(four(mean.old)),
        TableCell(four(mean.new)),
        TableCell(four(mean.difference, "+") if mean.difference else "0"),
        TableCell(_bounds(mean.interval)),
        TableCell(_bounds(mean.interval_of_sample)),
        TableCell(p_cell(mean.p, is_least=mean.p_is_least)),
        TableCell(p_cell(one.p_holm, is_least=mean.p_is_least)),
        TableCell(f"{mean.wins}/{mean.ties}/{mean.losses}"),
    ]


def _bounds(interval: Interval | None) -> str:
    return MISSING if interval is None else bounds(interval, lambda value: four(value, "+"))
