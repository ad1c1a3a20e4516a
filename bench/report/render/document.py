"""What every format of a table has: its grids, and the lines under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.records.run_folder import Run
from bench.report import doubts
from bench.report.conditions import conditions
from bench.report.model import BEST, TIED, Grid
from bench.report.numbers import MISSING
from bench.report.rows import names
from bench.report.tables.cells import grids
from bench.report.tables.pivot import pivoted
from bench.report.tables.published import published_grids
from bench.report.tables.storages import storage_grids
from bench.report.verdict.run import SetVerdict, verdict
from bench.report.view import Pivot, View

TIES = "Italic: not told apart from the best (95 % interval of the paired difference, queries drawn by cluster)."
UNRESOLVED = "<1: growth below 1 MiB, which page accounts cannot resolve."


def grids_of(runs: Sequence[Run], view: View) -> list[Grid]:
    """The tables of some runs."""
    if view.published:
        return published_grids(runs)
    if view.pivot is None:
        return grids(runs, view)
    if view.pivot == Pivot("storage"):
        return storage_grids(runs)
    return [pivoted(runs, view.pivot, intervals=view.intervals)]


def verdicts_of(runs: Sequence[Run], view: View) -> list[SetVerdict]:
    """What stands in words beside a table: the verdict on a run, where all that it measured is shown, else nothing."""
    if len(runs) != 1 or not (view.is_default or view.wide):
        return []
    return [one for one in verdict(runs[0], view.prices) if one.clauses]


def heading_of(one: SetVerdict) -> str:
    """What a verdict is on, without its measure and queries."""
    return f"Verdict on {one.passage_set or 'all sets'}"


def closing(runs: Sequence[Run], shown: Sequence[Grid], *, bold: bool) -> Iterator[str]:
    """The lines under all tables. shown: the tables with the columns that there was room for; bold: bold type shows."""
    has_engines = any(m.encoder is None for run in runs for m in run.measurements)
    if explained := " ".join(_legend(shown, bold=bold, has_engines=has_engines)):
        yield explained
    for name, run in zip(names(runs), runs, strict=True):
        yield (f"{name}: " if len(runs) > 1 else "") + conditions(run)


def _legend(shown: Sequence[Grid], *, bold: bool, has_engines: bool) -> Iterator[str]:
    """What the columns and marks of these tables mean, a sentence each; nothing where they have none to explain."""
    heads: dict[str, dict[str, None]] = {}  # by what they mean
    columns = [column for grid in shown for column in (*grid.columns, *filter(None, [grid.figures]))]
    for column in columns:
        if column.meaning:
            heads.setdefault(column.meaning, {})[column.head] = None
    yield from (f"{', '.join(named)}: {meaning}." for meaning, named in heads.items())
    if any(column.head.endswith(" MB") for column in columns):
        yield "MB: 10^6 bytes" + ("; of an engine all that it holds." if has_engines else ".")
    yield from dict.fromkeys(line for grid in shown for line in grid.legend)
    cells = [(grid, cell) for grid in shown for line in grid.lines for cell in line]
    best = dict.fromkeys(grid.best_of for grid, cell in cells if cell.style == BEST)
    is_doubted = any(cell.mark.startswith((doubts.NEW_MARK, doubts.FLAG_MARK)) for _, cell in cells)
    if best and bold:
        yield f"Bold: best of its {' or '.join(best)}{', where nothing speaks against it' if is_doubted else ''}."
    if bold and any(cell.style == TIED for _, cell in cells):
        yield TIES
    if any(cell.mark.startswith(doubts.NEW_MARK) for _, cell in cells):
        yield doubts.LEGEND
    if any(cell.text == MISSING for _, cell in cells):
        published = any(column.head == "published" for grid in shown for column in grid.columns)
        yield "-: not measured" + ("; beside a floor: nothing was published." if published else ".")
    if any(cell.text == "<1" for _, cell in cells):
        yield UNRESOLVED
