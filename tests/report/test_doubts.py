"""What tables make of figures that something speaks against: new queries in their place, marks, no bold type."""

from __future__ import annotations

import csv
import io
import json

import pytest

from bench.records.schema import Latency
from bench.report import model
from bench.report.render import csv as csv_format
from bench.report.render import html, latex, markdown
from bench.report.render import json as json_format
from bench.report.tables.cells import grids
from bench.report.tables.pivot import pivoted
from bench.report.tables.storages import storage_grids
from bench.report.view import DEFAULT, Pivot, View
from tests.helpers.records import latency, measurement, run_of
from tests.helpers.tables import WIDE

REMEMBERS = "remembers: new queries take 173 times as long"
CONTENTION = "contention: CPU wait in 40% of the timed loops: other work ran on the machine"
LIAR = measurement(
    retriever="Liar()",
    single=latency(0.0115, 0.02),
    new=Latency(p50=2.0, p95=2.5, p99=None, cold=None, p50_interval=(1.9, 2.1)),
    batch_qps=90_000.0,
    flags=(REMEMBERS,),
)
HONEST = measurement(retriever="Honest()", single=latency(3.0, 4.0), new=latency(3.1, 4.1), batch_qps=300.0)
QUICK = measurement(retriever="Quick()", single=latency(2.5, 9.0), new=latency(2.6, 9.0), batch_qps=100.0)
FASTEST = measurement(retriever="Fastest()", single=latency(0.001, 0.002))
DISTURBED = measurement(
    retriever="Disturbed()",
    single=latency(1.0, 1.5),
    batch_qps=900.0,
    figure_flags={"single_p95_ms": CONTENTION, "batch_qps": CONTENTION},
)


def column(head: str, *cells, view: View = WIDE) -> list[tuple[str, str, str]]:
    """(text, mark, style) of each cell's figure under a head."""
    (grid,) = grids([run_of(*cells)], view)
    at = [one.head for one in grid.columns].index(head)
    return [(line[at].text, line[at].mark, line[at].style) for line in grid.lines]


class TestWhatRemembers:
    def test_new_queries_are_shown(self):
        """
        The time that a user's next query takes stands in the table, with a mark; where it reads best, none is in bold.
        """
        assert [("2.00", "‡", ""), ("3.00", "", ""), ("2.50", "", "")] == column("p50 ms", LIAR, HONEST, QUICK)
        assert [("2.50", "‡", ""), ("4.00", "", ""), ("9.00", "", "")] == column("p95 ms", LIAR, HONEST, QUICK)
        assert ["", model.BEST] == [style for _, _, style in column("p50 ms", LIAR, FASTEST)]

    def test_no_time_of_repeated_queries_is_the_best(self):
        """
        What has no counterpart of new queries keeps its figure, and is not in bold either.
        """
        found = column("batch q/s", LIAR, HONEST, QUICK)

        assert ["", "", ""] == [style for _, _, style in found]

    def test_the_footnotes_say_so(self):
        """
        The cell's flag is a footnote, and the mark is explained; a table without it explains nothing.
        """
        text = markdown.table([run_of(LIAR, HONEST)])

        assert "| 2.00‡ |" in text
        assert f"- a: {REMEMBERS}" in text
        assert "‡: of queries that the process had not seen before" in text
        assert "‡" not in markdown.table([run_of(HONEST)])

    def test_its_interval_is_that_of_new_queries(self):
        """
        The interval beside a time of new queries is that of new queries.
        """
        (grid,) = grids([run_of(LIAR)], View(columns=("single_p50_ms",), intervals=True))

        assert ("2.00", "‡", "[1.90, 2.10]") == tuple(
            getattr(grid.lines[0][1], name) for name in ("text", "mark", "interval")
        )

    def test_without_new_queries_there_is_no_time(self):
        """
        Where new queries were not timed a cell that remembers has no time: that of repeated ones would be a lie.
        """
        untimed = measurement(single=latency(0.01), flags=(REMEMBERS,))

        assert ("-", "", "dim") == column("p50 ms", untimed, HONEST)[0]

    def test_programs_get_both(self):
        """
        JSON and CSV have each figure under its own key, whatever a table shows.
        """
        run = run_of(LIAR)

        (row,) = json.loads(json_format.table([run]))
        (line,) = csv.DictReader(io.StringIO(csv_format.table([run])))

        assert (0.0115, 2.0, 2.5, 1.9) == tuple(
            row[key] for key in ("single_p50_ms", "new_p50_ms", "new_p95_ms", "new_p50_low_ms")
        )
        assert ("0.0115", "2.0") == (line["single_p50_ms"], line["new_p50_ms"])

    @pytest.mark.parametrize("axis", ["retriever", "run"])
    def test_pivots(self, axis):
        """
        A table of one figure shows and marks it as any other, and explains the mark.
        """
        run = run_of(LIAR, HONEST, QUICK)

        grid = pivoted([run], Pivot(axis, "single_p50_ms"))

        figures = {cell.text: (cell.mark, cell.style) for line in grid.lines for cell in line}
        assert ("‡", "") == figures["2.00"]
        assert "‡: of queries" in markdown.table([run], View(pivot=Pivot(axis, "single_p50_ms")))


class TestFigureFlags:
    def test_one_figure_is_flagged(self):
        """
        A flag of one figure marks that one: it is not in bold, nor is the second for that; its others stay clean.
        """
        assert [("1.50", "~", ""), ("4.00", "", "")] == column("p95 ms", DISTURBED, HONEST, QUICK)[:2]
        assert [("900", "~", ""), ("300", "", "")] == column("batch q/s", DISTURBED, HONEST, QUICK)[:2]
        assert ("1.00", "", model.BEST) == column("p50 ms", DISTURBED, HONEST)[0]

    def test_a_footnote_a_kind(self):
        """
        Sentences of one kind are one footnote where a figure that they speak against is shown, and none elsewhere.
        """
        other = {"batch_qps": CONTENTION.replace("40%", "9%")}
        several = run_of(DISTURBED, measurement(retriever="B()", batch_qps=8.0, figure_flags=other), HONEST)

        found = [
            [note for note in grid.notes if note.startswith("~")]
            for run, view in ((run_of(DISTURBED, HONEST), WIDE), (several, WIDE), (several, DEFAULT))
            for grid in grids([run], view)
        ]

        assert [[f"~: {CONTENTION}"], ["~: CPU contention: 2 of 3 cells; --json has each"], []] == found

    def test_storages(self):
        """
        The table of storages marks them too.
        """
        flags = {"search_p95_ms": CONTENTION}
        disturbed = measurement(search=latency(1.0, 2.0), figure_flags=flags, exact=True)
        calm = measurement(storage="Flat()", search=latency(2.0, 3.0), exact=True)

        (grid,) = storage_grids([run_of(disturbed, calm)])

        at = [one.head for one in grid.columns].index("search p95 ms")
        assert [("2.00", "~", ""), ("3.00", "", "")] == [
            (line[at].text, line[at].mark, line[at].style) for line in grid.lines
        ]
        assert f"~: {CONTENTION}" in grid.notes

    def test_a_pivot_counts_cells(self):
        """
        A table of one figure has the footnote of the cells that it shows.
        """
        grid = pivoted([run_of(DISTURBED, HONEST)], Pivot("retriever", "batch_qps"))

        assert (f"~: {CONTENTION}",) == grid.notes

    def test_programs_get_them_by_key(self):
        """
        JSON has an object of them, CSV one field.
        """
        run = run_of(DISTURBED)

        (row,) = json.loads(json_format.table([run]))
        (line,) = csv.DictReader(io.StringIO(csv_format.table([run])))

        assert {"single_p95_ms": CONTENTION, "batch_qps": CONTENTION} == row["figure_flags"]
        assert f"single_p95_ms: {CONTENTION}; batch_qps: {CONTENTION}" == line["figure_flags"]
        assert ([], False) == (row["flags"], row["unstable"])


@pytest.mark.parametrize("flag", ["unstable: it jumps", "threads: 2 at work, 1 declared"])
def test_flagged_times_are_never_in_bold(flag):
    """
    Where a flag speaks against all times of a cell and one of them reads best, none is in bold; its bytes may be.
    """
    flagged = measurement(retriever="A()", single=latency(1.0), flags=(flag,), deployment_bytes=1_000_000)
    calm = [
        measurement(retriever=name, single=latency(ms), deployment_bytes=2_000_000)
        for name, ms in (("B()", 2.0), ("C()", 3.0))
    ]

    assert ["", "", ""] == [style for _, _, style in column("p50 ms", flagged, *calm)]
    assert [model.BEST, "", ""] == [style for _, _, style in column("deployment MB", flagged, *calm)]


def test_the_legend_says_what_bold_leaves_out():
    """
    Beside marked figures the legend says why a column may have none in bold.
    """
    found = markdown.table([run_of(LIAR, HONEST, FASTEST)])

    assert "Bold: best of its column, where nothing speaks against it." in found
    assert "Bold: best of its column." in markdown.table([run_of(HONEST, QUICK)])


def test_marks_in_every_format():
    """
    LaTeX and HTML raise the marks, Markdown escapes what is its own; nothing else changes.
    """
    run = run_of(LIAR, DISTURBED)

    assert r"2.00\rlap{\textsuperscript{\ddag{}}}" in latex.table([run], WIDE)
    assert r"1.50\rlap{\textsuperscript{\textasciitilde{}}}" in latex.table([run], WIDE)
    assert "2.00<sup>‡</sup>" in html.table([run], WIDE)
    assert r"| 1.50\~ |" in markdown.table([run], WIDE)
