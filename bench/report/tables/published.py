"""Ours against figures from outside, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records.run_folder import Run
from bench.report.model import STOPPED, Column, Grid, TableCell
from bench.report.numbers import MISSING, four
from bench.report.published import Figure, figures
from bench.report.tables.marks import Marks

VERDICT_STYLE = {"ok": "green", "missed": "bold red", "not run": "yellow", STOPPED: "yellow"}


def published_grids(runs: Sequence[Run]) -> list[Grid]:
    """One table of all figures, their sources as notes; none where the suites name no figure."""
    found, several = figures(runs), len(runs) > 1
    marks = Marks()
    lines = tuple(_line(figure, marks, several=several) for figure in found)
    columns = (
        *([Column("run", right=False)] if several else []),
        Column("set", right=False),
        Column("retriever", right=False, code=True, opens=True),
        Column("measure", right=False, opens=True),
        Column("ours"),
        Column("published"),
        Column("difference", drop=2),
        Column("allowed", drop=1),
        Column("", right=False, opens=True),
        Column("", opens=True),
    )
    return [Grid("Against published figures", columns, lines, tuple(marks.notes()))] if found else []


def _line(figure: Figure, marks: Marks, *, several: bool) -> tuple[TableCell, ...]:
    p = figure.published
    allowed = [f"±{p.within:g}"] if p.within is not None else []
    allowed += [f"≥ {p.at_least:g}"] if p.at_least is not None else []
    named = (*([figure.run] if several else []), p.passage_set, p.retriever, p.measure)
    numbers = (four(figure.ours), four(p.value), four(figure.difference, "+"), ", ".join(allowed) or MISSING)
    verdict = TableCell(figure.verdict, VERDICT_STYLE.get(figure.verdict, ""))
    return (*map(TableCell, (*named, *numbers)), verdict, marks.mark(p.source))
