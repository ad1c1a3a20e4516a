"""The policy of the gate, as a suite states it."""

from __future__ import annotations

import msgspec
import pytest

from bench.errors import InputError
from bench.run import suite as suites
from bench.run.suite import Gate
from tests.helpers.gated import EXACT
from tests.helpers.tiny import registry, suite

BUDGET = "gate.budget: expected a time such as"


class TestPolicy:
    def test_of_a_suite(self):
        """
        The table [gate] of a suite is its policy; what it leaves out has a default.
        """
        text = (
            'name = "a"\npassages = ["primer"]\n[[cells]]\nretrievers = ["X()"]\n[gate]\nbytes = 0.1\nbudget = "2m"\n'
        )

        found = suites.parse(text, "here").gate

        assert (0.1, 120.0, 0.05) == (found.bytes, found.budget_seconds(8), found.slower)

    @pytest.mark.parametrize(
        ("budget", "seconds", "shorter"),
        [
            ("90s", 90, True),
            ("1.5m", 90, True),
            ("6m", 360, False),
            ("40s a cell", 320, False),
            ("1 min a cell", 480, False),
        ],
    )
    def test_budget(self, budget, seconds, shorter):
        """
        A budget is of all cells together, or of each; it is shorter than another by its seconds for all.
        """
        found = Gate(budget=budget)

        assert (seconds, shorter) == (found.budget_seconds(8), found.is_shorter_than(Gate(), 8))

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("slow = 1", "unknown key 'slow'.*slower"),
            ("slower = -1", "gate.slower: expected a number of at least 0"),
            ('budget = "ninety"', BUDGET),
            ('measures = ["R@7"]', "gate.measures: expected some of the measures"),
            ("install = 'pip \"'", "gate: No closing quotation"),
        ],
    )
    def test_what_is_refused(self, line, said):
        """
        A policy that cannot be meant is refused with its key.
        """
        text = f'name = "a"\npassages = ["primer"]\n[[cells]]\nretrievers = ["X()"]\n[gate]\n{line}\n'

        with pytest.raises(InputError, match=said):
            suites.parse(text, "here")

    def test_no_part_of_the_cells(self, tmp_path, monkeypatch):
        """
        Changing the policy changes no cell's key: what was measured stays measured.
        """
        from bench.run.cells import make_cells
        from tests.helpers.tiny import tiny_set

        bare = suite(EXACT)
        with_policy = msgspec.structs.replace(bare, gate=Gate(bytes=0.5))

        keys = [make_cells(one, [tiny_set()], registry())[0].key for one in (bare, with_policy)]

        assert keys[0] == keys[1]
