"""Threads as an axis, and names: what tells cells of one retriever apart, and finds them again in another run."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from bench.errors import InputError
from bench.records.run_folder import read
from bench.report.tables import cells as grid
from bench.run import suite as suites
from bench.run.cells import make_cells
from bench.run.keys import children_of
from bench.run.overrides import override
from bench.run.plan import plan
from bench.run.runner import run as run_suite
from bench.run.suite import Suite
from tests.helpers.tiny import journal, registry, run, suite, tiny_set

HEAD = 'name = "one"\npassages = ["primer"]\n'
CELL = '[[cells]]\nretrievers = ["RankBM25()"]\n'


def under(*threads: int, retrievers: tuple[str, ...] = ("Constant() @ Exact()",), modes: tuple[str, ...] = ()) -> Suite:
    return override(suite(*retrievers, modes=modes, baseline="Constant() @ Exact()"), {"threads": threads}, {})


class TestSuite:
    @pytest.mark.parametrize(
        ("written", "read_as", "counts"),
        [("2", 2, (2,)), ("[2]", 2, (2,)), ("[1, 2]", (1, 2), (1, 2)), ("[2, 1, 2]", (2, 1), (2, 1))],
    )
    def test_threads_are_a_number_or_several(self, written, read_as, counts):
        """
        `threads` is a whole number or a list of them, each taken once; a list of one is that number.
        """
        found = suites.parse(f"{HEAD}threads = {written}\n{CELL}", "one.toml")

        assert (read_as, counts) == (found.threads, found.thread_counts)

    @pytest.mark.parametrize("written", ["0", "[]", "[1, 0]", "-2"])
    def test_no_threads(self, written):
        """
        Less than one thread, and none at all, is refused.
        """
        with pytest.raises(
            InputError, match="threads: expected a whole number of at least 1, or a list of them, found"
        ):
            suites.parse(f"{HEAD}threads = {written}\n{CELL}", "one.toml")

    def test_a_suite_of_several_is_read_back_from_its_record(self):
        """
        What a run's record keeps of a suite is the suite.
        """
        chosen = under(1, 2)

        assert chosen == msgspec.convert(msgspec.json.decode(msgspec.json.encode(chosen)), Suite)

    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [
            ("rate", '"70"', "rate: expected a share of the cell's own capacity"),
            ("rate", "0.7", "Expected `str`"),
            ("rate_seconds", "0.0", "rate_seconds: expected more than 0"),
            ("p99", '"10"', "p99: expected a time such as"),
        ],
    )
    def test_a_rate_has_a_unit(self, key, value, words):
        """
        A rate without a unit, and a round of no time, are refused when the suite is read.
        """
        with pytest.raises(InputError, match=words):
            suites.parse(f"{HEAD}{key} = {value}\n{CELL}", "one.toml")


class TestCells:
    def test_each_is_measured_under_each(self):
        """
        Every retriever is a cell under every number of threads, with a key of its own.
        """
        cells = make_cells(under(1, 2, retrievers=("Constant() @ Exact()", "RankBM25()")), [tiny_set()], registry())

        assert [1, 2, 1, 2] == [cell.threads for cell in cells]
        assert 4 == len({cell.key for cell in cells})
        assert ["RankBM25() (threads=1)", "RankBM25() (threads=2)"] == [cell.name for cell in cells[2:]]

    def test_a_key_does_not_depend_on_the_other_numbers(self):
        """
        A cell under two threads has the same key whether or not it is measured under others too.
        """
        alone, beside = (make_cells(under(*counts), [tiny_set()], registry()) for counts in ((2,), (1, 2)))

        assert alone[0].key == beside[1].key
        assert "Constant() @ Exact()" == alone[0].name


class TestRun:
    @pytest.mark.slow
    def test_one_encode_and_one_build(self, cache, tmp_path):
        """
        Encoding and building are done once; query encoding and search once a number of threads, with so many of them.
        """
        chosen = under(1, 2)

        run_suite(chosen, [tiny_set()], tmp_path / "run", registry())

        done = sorted((line.result.stage, line.result.threads) for line in journal(tmp_path / "run"))
        once = [("build", done[0][1]), ("encode", 1), ("query", 1), ("query", 2), ("search", 1), ("search", 2)]
        assert once == done
        told = children_of(make_cells(chosen, [tiny_set()], registry()), chosen)
        assert {"encode": 1, "query": 2, "build": 1, "search": 2} == Counter(child.stage for child in told.values())

    @pytest.mark.slow
    def test_records_and_table_tell_them_apart(self, cache, tmp_path):
        """
        A record knows its threads, and a table has a column of them where they differ; each has its own baseline.
        """
        chosen = under(1, 2, retrievers=("Constant() @ Exact()", "Constant() @ Half()"))
        run_suite(chosen, [tiny_set()], tmp_path / "several", registry())
        run(under(2), tmp_path / "one")

        several, one = read(tmp_path / "several"), read(tmp_path / "one")

        assert [1, 2, 1, 2] == [m.threads for m in several.measurements]
        assert [1.0, 1.0] == [m.overlap_with_baseline for m in several.measurements[:2]]
        assert None not in [m.overlap_with_exact for m in several.measurements[2:]]
        (table,) = grid.grids([several])
        assert "threads" == table.columns[1].head
        assert ["1", "2", "1", "2"] == [line[1].text for line in table.lines]
        assert "threads" not in [column.head for column in grid.grids([one])[0].columns]

    @pytest.mark.slow
    def test_a_resume_finds_each(self, cache, tmp_path):
        """
        The same suite into the same folder runs nothing again.
        """
        chosen = under(1, 2)
        run_suite(chosen, [tiny_set()], tmp_path / "run", registry())
        before = journal(tmp_path / "run")

        again = run_suite(chosen, [tiny_set()], tmp_path / "run", registry())

        assert before == journal(tmp_path / "run")
        assert ["ok", "ok"] == [m.status for m in again.measurements]

    @pytest.mark.slow
    def test_a_plan_tells_of_each(self, cache):
        """
        A plan has a line for each number of threads.
        """
        (found,) = plan(under(1, 2), [tiny_set()], registry())

        assert [1, 2] == [cell.threads for cell in found.cells]
        assert [None, None] == [cell.status for cell in found.cells]


NAMED = '[[cells]]\nname = "lexical"\n'


class TestName:
    @pytest.mark.slow
    def test_a_record_has_it(self, cache, tmp_path):
        """
        The name of a group of one retriever is in its record, and no part of its key.
        """
        plain = suite("Constant() @ Exact()", "Constant() @ Half()")
        groups = tuple(
            suites.CellGroup(retrievers=(one,), name=name)
            for one, name in (("Constant() @ Exact()", "ours"), ("Constant() @ Half()", ""))
        )
        named = msgspec.structs.replace(plain, cells=groups)

        found = run(named, tmp_path / "run")

        assert {"Constant() @ Exact()": "ours", "Constant() @ Half()": ""} == {k: m.cell_name for k, m in found.items()}
        keys = [[cell.key for cell in make_cells(one, [tiny_set()], registry())] for one in (plain, named)]
        assert keys[0] == keys[1]

    def test_it_is_found_among_groups_that_name_the_retriever_twice(self):
        """
        A retriever that another group has without a name keeps the one it has.
        """
        text = f'{HEAD}{CELL}{NAMED}retrievers = ["RankBM25()"]\n'

        assert {("primer", "RankBM25()"): "lexical"} == suites.parse(text, "one.toml").names()

    @pytest.mark.parametrize(
        ("cells", "words"),
        [
            (
                NAMED + 'retrievers = ["RankBM25()", "BM25() @ CSR()"]',
                "expected one retriever under the name 'lexical', found",
            ),
            (
                NAMED + 'encoders = ["BM25()"]\nstorages = ["CSR()", "Flat()"]',
                "expected one retriever under the name",
            ),
            (
                f'{NAMED}retrievers = ["RankBM25()"]\n{NAMED}retrievers = ["BM25() @ CSR()"]',
                "expected one retriever of a passage set under the name 'lexical', found",
            ),
        ],
    )
    def test_it_stands_for_one_cell_a_set(self, cells, words):
        """
        A name that would stand for several cells of a passage set is refused, in one group or in two.
        """
        with pytest.raises(InputError, match=f"cells.name: {words}"):
            suites.parse(f"{HEAD}{cells}\n", "one.toml")

    def test_groups_of_other_sets_may_share_it(self):
        """
        One name may stand for another retriever on another passage set.
        """
        groups = [f'{NAMED}passages = ["{name}"]\nretrievers = ["{one}"]\n' for name, one in SHARED.items()]

        found = suites.parse('name = "one"\npassages = ["primer", "primer-ko"]\n' + "".join(groups), "one.toml")

        assert dict.fromkeys(SHARED.items(), "lexical") == found.names()


SHARED = {"primer": "RankBM25()", "primer-ko": "RankBM25(analyser=CharNGrams())"}
