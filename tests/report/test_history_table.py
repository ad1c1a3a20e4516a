"""What is told of each cell over time, as a reader and a machine get it."""

from __future__ import annotations

import csv
import functools
import io
import json

import pytest

from bench.commands.history import history
from bench.errors import InputError
from bench.records import run_folder
from bench.records.decision import Decision
from bench.report.tables import history as timeline
from tests.helpers import command
from tests.helpers.histories import cell, commit, version, write
from tests.helpers.histories import repository as repository_in
from tests.helpers.records import failed, latency


@pytest.fixture
def repository(tmp_path):
    return repository_in(tmp_path / "repository")


call = functools.partial(command.call, history)


class TestLines:
    def test_changes(self):
        """
        Each line tells how far it is from the one before: .5 to .6, 1,000 to 900 bytes, 2 to 3 ms.
        """
        first, second = timeline.lines([version(1, cell(0.5)), version(2, cell(0.6, 900, 3.0))])

        assert (None, None, None) == (first.value_change, first.ledger_bytes_change, first.single_p50_ms_change)
        assert ("nDCG@10", 0.6, pytest.approx(0.1)) == (second.measure, second.value, second.value_change)
        assert (900, -100) == (second.ledger_bytes, second.ledger_bytes_change)
        assert (3.0, 1.0) == (second.single_p50_ms, second.single_p50_ms_change)

    def test_other_hardware(self):
        """
        Where the hardware changes the line is marked, and times are not compared; quality and bytes are.
        """
        _, second = timeline.lines([version(1, cell()), version(2, cell(0.6, 900, 9.0), cpu="Another")])

        assert ("cpu",) == second.differs
        assert (9.0, None) == (second.single_p50_ms, second.single_p50_ms_change)
        assert -100 == second.ledger_bytes_change

    def test_other_passages(self):
        """
        On other passages under the same name nothing is compared.
        """
        _, second = timeline.lines([version(1, cell()), version(2, cell(0.6, passage_set_sha256="11"))])

        assert ("passage_set_sha256",) == second.differs
        assert (None, None, None) == (second.value_change, second.ledger_bytes_change, second.single_p50_ms_change)

    def test_a_failure_between(self):
        """
        A cell that failed has a line without figures; the next one is held to the last that was measured.
        """
        broken = failed(storage_weight=None, single=None)

        _, second, third = timeline.lines([version(1, cell(0.5)), version(2, broken), version(3, cell(0.7))])

        assert ("failed", "it broke", None, None) == (second.status, second.reason, second.value, second.value_change)
        assert pytest.approx(0.2) == third.value_change

    def test_a_cell_that_was_stopped(self):
        """
        A cell that was stopped has no measure, and a remark says what was decided, and after how many queries.
        """
        known = {"baseline": "A()", "measure": "nDCG@10", "n_looks": 1, "planned_looks": 3, "level": 0.975}
        better = Decision(**known, verdict="better", n_asked=20, difference=0.4, interval=(0.2, 0.6))

        found = timeline.lines([version(1, cell(0.5)), version(2, cell(quality=None, decision=better))])
        (grid,) = timeline.grids(found)

        assert ("ok", None) == (found[1].status, found[1].value)
        assert found[1].reason.startswith("better, decided after 20 of 495 judged queries: ")
        assert f"* 2026-01-02: {found[1].reason}" in grid.notes

    def test_cells(self):
        """
        Cells are known by passage set, name or else spelling, and threads; a version may lack any.
        """
        versions = [
            version(1, cell(), cell(cell_name="mine", retriever="X()")),
            version(2, cell(cell_name="mine", retriever="X(k=2)"), cell(threads=2)),
        ]

        found = [(line.name, line.cell_name or line.retriever, line.threads) for line in timeline.lines(versions)]

        assert [
            ("v1", "BM25() @ CSR()", 1),
            ("v1", "mine", 1),
            ("v2", "mine", 1),
            ("v2", "BM25() @ CSR()", 2),
        ] == found

    def test_the_measure(self):
        """
        The newest suite's primary measure is told of every version, or any key or heading that a table has.
        """
        both = {"nDCG@10": 0.5, "R@10": 0.25}
        versions = [version(1, cell(quality=both)), version(2, cell(quality=both), primary="R@10")]

        assert [("R@10", 0.25)] * 2 == [(line.measure, line.value) for line in timeline.lines(versions)]
        for name in ("ledger_bytes", "index MB"):
            assert [("ledger_bytes", 1000)] * 2 == [(one.measure, one.value) for one in timeline.lines(versions, name)]
        with pytest.raises(
            InputError, match=r"--measure: expected .*, found 'MRR'\. There are:\n  quality: nDCG@10, R@10\n"
        ):
            timeline.lines(versions, "MRR")

    def test_a_time_as_the_measure(self):
        """
        A time that was asked for is not compared across hardware either.
        """
        versions = [
            version(1, cell()),
            version(2, cell(p50=9.0), cpu="Another"),
            version(3, cell(p50=8.0), cpu="Another"),
        ]

        assert [None, None, -1.0] == [line.value_change for line in timeline.lines(versions, "single_p50_ms")]


class TestCommand:
    def test_a_table(self, tmp_path):
        """
        A table a cell: a line a version, its change, a mark where the hardware changed, what was skipped below.
        """
        write(tmp_path / "a", cell(0.5, 1_000_000, 2.0), made="2026-01-01T00:00:00+00:00")
        write(tmp_path / "b", cell(0.5, 1_000_104, 3.0), made="2026-01-02T00:00:00+00:00", dirty=True)
        write(tmp_path / "c", cell(0.4996, 1_000_104, 3.0), made="2026-01-03T00:00:00+00:00", cpu="Another")
        (write(tmp_path / "d", cell()) / run_folder.RUN).write_text("{}")

        said = call(tmp_path).stdout.splitlines()

        assert "primer: BM25() @ CSR()" == said[0]
        shown = [" ".join(line.split()) for line in said]
        assert "2026-01-01 01234567 a .5000 1.00 2.00" in shown
        assert "2026-01-02 01234567+ b .5000 = 1.00 +104 B 3.00 +50.0%" in shown
        assert "2026-01-03 01234567 c* .4996 -.0004 1.00 = 3.00" in shown
        assert "* 2026-01-03: other hardware: cpu" in shown
        assert any(line.startswith("skipped: ") and "/d/run.json" in line for line in shown)

    def test_no_column_is_lost_at_80(self, repository, monkeypatch):
        """
        A terminal of 80 columns holds every column, however long a commit's message is.
        """
        write(repository / "reference", cell(0.7))
        commit(repository, "a message of many words " * 9, 4)
        monkeypatch.setenv("COLUMNS", "80")

        assert "no room" not in call("--committed", repository / "reference").stdout

    def test_unstable_times(self, tmp_path):
        """
        A time of an unstable cell is marked, and the mark explained.
        """
        write(tmp_path / "a", cell(flags=("unstable: rounds differ",)))

        said = call(tmp_path).stdout

        assert "2.00~" in said
        assert "~: an unstable time" in said

    def test_the_measure_says_its_unit(self, tmp_path):
        """
        The column of the measure is headed as in other tables, with its unit.
        """
        write(tmp_path / "a", cell(text_bytes=2_500_000, encode_seconds=1.5, build_seconds=0.5))

        keys = ("text_bytes", "index_seconds")
        sizes, times = (call("--measure", key, "--markdown", tmp_path).stdout for key in keys)

        assert "| date | commit | version | text MB | change | index MB |" in sizes
        assert "| date | commit | version | index s | change | index MB |" in times
        assert ("| a | 2.50 |" in sizes, "| a | 2.00 |" in times) == (True, True)

    def test_a_figure_of_its_own_flag(self, tmp_path):
        """
        What speaks against one figure marks that one; the time beside it stays as it is.
        """
        flags = {"batch_qps": "contention: CPU wait in 9% of the timed loops"}
        write(tmp_path / "a", cell(batch_qps=300.0, figure_flags=flags))

        said = call("--measure", "batch_qps", tmp_path).stdout

        assert "300~" in said
        assert "2.00~" not in said

    def test_a_cell_that_remembers(self, tmp_path):
        """
        Of a cell that remembers the time of new queries is told, also in the change against the line before.
        """
        write(tmp_path / "a", cell(p50=2.0), made="2026-01-01T00:00:00+00:00")
        liar = cell(p50=0.01, flags=("remembers: new queries take 200 times as long",), new=latency(2.5))
        write(tmp_path / "b", liar, made="2026-01-02T00:00:00+00:00")

        said, found = call(tmp_path).stdout, json.loads(call("--json", tmp_path).stdout)

        assert "2.50‡" in said
        assert "+25.0%" in said
        assert [(False, []), (True, ["single_p50_ms"])] == [(one["remembers"], one["doubtful"]) for one in found]
        assert (2.5, 0.5) == (found[1]["single_p50_ms"], found[1]["single_p50_ms_change"])

    def test_a_changed_spelling(self, tmp_path):
        """
        Under a name a retriever may change, and the line where it did says so.
        """
        write(tmp_path / "a", cell(cell_name="mine"), made="2026-01-01T00:00:00+00:00")
        write(tmp_path / "b", cell(cell_name="mine", retriever="New()"), made="2026-01-02T00:00:00+00:00")

        said = call(tmp_path).stdout

        assert "primer: mine: New()" in said
        assert "now New()" in said

    def test_committed_as_data(self, repository):
        """
        --json is an array of flat objects and --csv the same lines; skipped versions go to stderr.
        """
        (repository / "reference" / run_folder.RUN).write_text("[]")
        commit(repository, "corrupt", 4)

        asked = call("--committed", "--json", repository / "reference")
        as_csv = call("--committed", "--csv", repository / "reference")

        rows = json.loads(asked.stdout)
        assert [("the first", 0.5, None), ("better", 0.6, pytest.approx(0.1))] == [
            (row["name"], row["value"], row["value_change"]) for row in rows
        ]
        assert set(timeline.Line.__struct_fields__) == set(rows[0])
        table = list(csv.DictReader(io.StringIO(as_csv.stdout)))
        assert [("the first", "0.5", ""), ("better", "0.6")] == [
            (table[0]["name"], table[0]["value"], table[0]["value_change"]),
            (table[1]["name"], table[1]["value"]),
        ]
        assert "skipped: " in asked.stderr

    def test_markdown(self, repository):
        """
        --markdown is a table of a page, without anything that a commit's message could smuggle into it.
        """
        write(repository / "reference", cell(0.7))
        commit(repository, "a | <b>bold\x1b[31m</b>", 4)

        said = call("--committed", "--markdown", repository / "reference").stdout

        assert "| date | commit | version | nDCG@10 | change |" in said
        assert r"a \| \<b\>bold" in said
        assert "\x1b" not in said

    def test_refusals(self, repository):
        """
        Two forms at once, and several folders with --committed, are usage errors; a run without a cell is refused.
        """
        empty = write(repository / "empty")

        assert 2 == call("--json", "--csv", repository).exit_code
        assert 2 == call("--committed", repository, repository).exit_code
        with pytest.raises(InputError, match="expected a finished cell, found none"):
            call(empty)
