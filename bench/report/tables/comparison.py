"""What a comparison says: titles, columns, lines and notes, not how they look."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.compare import CellPair, Comparison
from bench.analysis.costs import SAME_MEMORY, SAME_TIME
from bench.instruments.latency import ROUNDS
from bench.records.schema import Measurement
from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import MISSING, share, without_zero
from bench.report.tables.comparison_costs import time_grid, weight_grid
from bench.report.tables.comparison_sets import sets_grid
from bench.report.tables.comparison_stopping import stopping_grid
from bench.report.tables.comparison_strata import strata_grid
from bench.report.tables.environments import environments
from bench.report.tables.lines import shortened
from bench.report.tables.marks import Marks
from bench.report.tables.pairs import (
    EMPTY,
    QUALITY,
    RETRIEVER,
    VERDICT,
    left_out,
    pair_name,
    quality_cells,
    verdict_cell,
    without_empty,
)
from bench.statistics.paired import ALPHA, Margins

AGREEMENT = (Column("same top", drop=10, opens=True), Column("overlap@10", drop=9))


def grids(comparison: Comparison, *, together: bool) -> list[Grid]:
    """
    What differs in the environments, then of each passage set quality, time, and memory and bytes; then what they say
    together.

    together: both were measured in one run.
    """
    found = [] if together else [environments(comparison)]
    found.append(Grid("How queries hang together", (), (), comparison.notes))
    for name in dict.fromkeys(pair.passage_set for pair in comparison.pairs):
        pairs = [pair for pair in comparison.pairs if pair.passage_set == name]
        primary = next((d.name for pair in pairs for d in pair.differences if d.primary), None)
        found += [
            _primary(name, primary, pairs),
            strata_grid(name, pairs),
            _exploratory(name, pairs),
            time_grid(name, pairs, together=together),
            weight_grid(name, pairs),
            stopping_grid(name, pairs),
        ]
    return [grid for grid in (*found, sets_grid(comparison.over_sets), _alone(comparison)) if grid.lines or grid.notes]


def closing(margins: Margins) -> list[str]:
    """How the tables are read."""
    loss = margins.non_inferior
    accepted = "" if loss is None else f"non-inferior: it lies above -{share(loss)}; "
    alpha = without_zero(f"{ALPHA:g}")
    quality = (
        f"Quality: equivalent: the 95 % interval lies within ±{share(margins.equivalent)}; better, worse: it excludes "
        f"0, and p Holm and its own p, adjusted alike, are below {alpha}; {accepted}undecided: none of these. p: sign "
        "flips of whole clusters; p Holm: adjusted for all retrievers that are compared on the measure; W/T/L: queries "
        "won, tied and lost; effect: mean difference over its standard deviation; detectable: what would be found in "
        "80 % of cases, unknown where few clusters differ."
    )
    costs = (
        "Time and memory: the 95 % interval of new / old; equivalent: it lies within "
        f"{SAME_TIME:.0%} (memory {SAME_MEMORY:.0%}); undecided also where there are "
        f"fewer than {ROUNDS} rounds. Bytes are exact. It decides nothing: `sparring gate` does."
    )
    return [quality, costs]


def _primary(name: str, measure: str | None, pairs: Sequence[CellPair]) -> Grid:
    """The primary measure of each pair, and how far its hits are the same ones."""
    marks = Marks()
    lines = tuple((pair_name(pair), *_primary_cells(pair, marks)) for pair in pairs)
    columns = (RETRIEVER, *QUALITY, *AGREEMENT, *VERDICT)
    what = f"{measure}, the primary measure" if measure else "agreement, not quality"
    title = name if all(pair.problem for pair in pairs) else f"{name}: {what}"
    return without_empty(Grid(title, columns, lines, tuple(map(shortened, marks.notes()))))


def _primary_cells(pair: CellPair, marks: Marks) -> list[TableCell]:
    """The fields of QUALITY, AGREEMENT and VERDICT."""
    if pair.problem:
        return [*[EMPTY] * len(QUALITY + AGREEMENT), verdict_cell("not compared"), marks.mark(pair.problem)]
    agreement = [TableCell(MISSING if value is None else share(value)) for value in (pair.same_top, pair.overlap)]
    d = next((d for d in pair.differences if d.primary), None)
    if d is None:
        return [*[EMPTY] * len(QUALITY), *agreement, verdict_cell(""), marks.mark("")]
    return [*quality_cells(d), *agreement, verdict_cell(d.verdict), marks.mark(d.why)]


def _exploratory(name: str, pairs: Sequence[CellPair]) -> Grid:
    marks, lines, same = Marks(), [], []
    for pair in pairs:
        for d in pair.differences:
            if d.kind != "quality" or d.primary:
                continue
            if d.verdict == "identical":
                same.append(d.name)
            else:
                figures = (TableCell(d.name), *quality_cells(d), verdict_cell(d.verdict), marks.mark(d.why))
                lines.append((pair_name(pair), *figures))
    columns = (RETRIEVER, Column("measure", right=False, opens=True), *QUALITY, *VERDICT)
    notes = [*marks.notes(), *left_out("identical", same)]
    grid = Grid(f"{name}: other measures, exploratory", columns if lines else (), tuple(lines), tuple(notes))
    return without_empty(grid)


def _alone(comparison: Comparison) -> Grid:
    def line(what: str, m: Measurement) -> str:
        return f"only in the {what} run: {m.passage_set}: {m.retriever}"

    notes = [line("old", m) for m in comparison.only_old] + [line("new", m) for m in comparison.only_new]
    return Grid("Not compared", (), (), tuple(notes))
