"""Liars, broken adapters and honest ones: the table that is expected of them, and a sample of them held to it."""

from __future__ import annotations

import random

import pytest

from retrievers.contract import spell
from retrievers.registry import parse
from tests.benchmarks import confusion
from tests.benchmarks.confusion import Row
from tests.benchmarks.expected_marks import ALL, HONEST, LIARS, MARKS, NONE, Expected
from tests.helpers.records import measurement
from tests.plugins import honest, liars, liars_at_import

HELD = 4  # liars that are run here, each of another mark, and their rules held: `make confusion` runs all
BASES = {"ToSingles", "Dense", "PutOff"}  # what others share, and stands in no cell


def sample():
    """A seeded sample of the liars, each of another mark, and the honest ones that they are made of."""
    by_mark = {mark: [s for s, e in LIARS.items() if e.mark == mark and "ms=" not in s] for mark in ("failed", *MARKS)}
    groups = [spellings for spellings in by_mark.values() if spellings]
    draw = random.Random(15)
    found = [draw.choice(group) for group in draw.sample(groups, HELD)]
    return {spelling: ALL[spelling] for spelling in (*found, "Letters() @ Plain()", "SharedWords()")}


class TestTable:
    def test_there_are_enough(self):
        """
        At least 25 liars and broken adapters, and 25 honest ones.
        """
        assert len(LIARS) >= 25
        assert len(HONEST) >= 25

    def test_every_class_is_in_the_table(self):
        """
        No adapter of the plug-in files is left out of the table.
        """
        classes = {
            name
            for module in (liars, liars_at_import, honest)
            for name, found in vars(module).items()
            if isinstance(found, type)
            and found.__module__ == module.__name__
            and {"fit", "build", "index"} & {*dir(found)}
        }

        assert set() == {name for name in classes - BASES if not any(f"{name}(" in spelling for spelling in ALL)}

    def test_spellings_are_those_of_records(self, tmp_path):
        """
        Each cell stands under the spelling that its record has.
        """
        with confusion.scratch() as folder:
            known = confusion.registry(folder)

            found = {spelling: spell(parse(confusion.placed(spelling, folder), known)) for spelling in ALL}

            assert {spelling: confusion.placed(spelling, folder) for spelling in ALL} == found

    def test_every_liar_is_caught_by_a_rule_or_it_is_said_why_none_can(self):
        """
        A liar has a mark, and either the rule of `sparring check` that catches it or the reason why none can.
        """
        assert {"failed", *MARKS} >= {expected.mark for expected in LIARS.values()}
        assert [] == [spelling for spelling, expected in LIARS.items() if bool(expected.rule) == bool(expected.unseen)]
        assert [] == [spelling for spelling, expected in HONEST.items() if expected.mark not in (NONE, "batch")]

    def test_more_queries_are_judged_than_timed(self):
        """
        The set has more queries than are timed at once, or one liar could not tell the two apart.
        """
        assert len(confusion.small_set().queries) > confusion.TIMED


class TestMarks:
    def test_flags_are_read_by_their_first_word(self):
        """
        A mark is the word that a flag, or what speaks against one figure, begins with; the machine's are none.
        """
        cell = measurement(
            flags=("ledger: far below", "contention: 10 % of the loops", "ledgers are fine", "few-hits: 3 %"),
            figure_flags={"single_p95_ms": "batch: another vector"},
            facts={"waits": 0.3},
        )

        assert {"ledger", "batch", "waits"} == confusion.marks(cell)

    def test_a_failed_cell(self):
        """
        A cell that failed has that mark alone.
        """
        assert {"failed"} == confusion.marks(measurement(status="failed", flags=("ledger: far below",)))


class TestRows:
    @pytest.mark.parametrize(
        ("expected", "found", "rules", "right"),
        [
            (Expected("failed", "first-k"), {"failed"}, {"first-k", "depth"}, True),
            (Expected("failed", "first-k"), {"failed"}, {"depth"}, False),
            (Expected("failed", "first-k"), {"timeout"}, {"first-k"}, False),
            (Expected("memory", unseen="no run"), {"memory"}, set(), True),
            (Expected("memory", unseen="no run"), {"memory"}, {"depth"}, False),
            (Expected("memory", unseen="no run"), {"memory", "ledger"}, set(), False),
            (Expected(NONE), set(), None, True),
            (Expected(NONE), {"waits"}, None, False),
        ],
    )
    def test_as_expected(self, expected, found, rules, right):
        """
        A cell has exactly its mark, and its adapter breaks the rule that is named, or none where none is.
        """
        assert right == Row("A()", expected, found, rules, "").as_expected

    def test_a_line_says_what_differs(self):
        """
        A line of the table has what was expected, what was found and the rule; where they differ, what the cell said.
        """
        row = Row("SharedWords()", Expected(NONE), {"ledger"}, set(), "ledger: 1 | 2")

        assert "| `SharedWords()` | - | ledger | - | differs: ledger: 1 / 2 |" == list(confusion.table([row]))[-1]

    def test_a_summary_counts(self):
        """
        The summary counts marks, and those that were expected among liars and honest ones.
        """
        (liar, expected), *_ = LIARS.items()
        rows = [
            Row(liar, expected, {"failed"}, {expected.rule}, ""),
            Row("SharedWords()", Expected(NONE), {"waits"}, None, ""),
        ]

        said = list(confusion.summary(rows))

        assert ["| - | waits | 1 |", "| failed | failed | 1 |"] == said[2:4]
        assert "liars and broken adapters: 1, of them with exactly the mark that was expected: 1" in said
        assert "honest ones: 1, of them with exactly the mark that was expected: 0" in said
        assert "adapters that break a rule of the contract: 1, of them caught by that rule: 1" in said


@pytest.mark.slow
def test_a_sample_comes_to_its_marks():
    """
    Liars of several marks, and what they are made of, have exactly their marks and are caught by their rules.
    """
    with confusion.scratch() as folder:
        rows = confusion.compared(sample(), folder)

    assert {} == {row.spelling: (row.found, row.rules, row.said) for row in rows if not row.as_expected}
