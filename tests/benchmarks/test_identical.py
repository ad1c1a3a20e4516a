"""The bench of identical runs: how it deals rounds out, and what it asks of intervals."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import identical
from tests.benchmarks.identical import CELLS, Tries, report, tries
from tests.helpers.tiny import MS


def rounds(*speeds: float) -> list[np.ndarray]:
    """Rounds of 20 queries that all cost the same."""
    return [np.full((1, 20), int(MS * speed)) for speed in speeds]


def test_rounds_are_dealt_out_by_turns():
    """
    Round i is of run i modulo the number of runs: what the machine does for a while it does to all.
    """
    found = tries(rounds(*np.repeat([0.9, 1.0, 1.1, 1.2], 4)), 4)

    assert 4 == found.holds
    assert found.reach == pytest.approx([found.reach[0]] * 4)


def test_a_run_unlike_the_others_is_seen():
    """
    An interval that leaves out the mean of the other runs' percentiles does not hold.
    """
    found = tries(rounds(*[1.0, 2.0, 1.0, 1.0] * 4), 4)

    assert 0 == found.holds
    assert (1.0, 0.0) == pytest.approx((found.p95, found.reach[0]))


def test_ten_rounds_are_what_reach_is_held_to():
    """
    Half of a run's interval stands beside that of each ten rounds in turn.
    """
    found = tries(rounds(*np.tile([0.9, 1.1], 10)), 2)

    assert [0.0, 0.0] == pytest.approx(found.reach, abs=1e-9)
    assert found.reach_of_many > 0.05


@pytest.mark.parametrize(
    ("holds", "many", "well"), [(7, 0.01, True), (6, 0.01, False), (8, 0.005, False)], ids=["both", "few", "wide"]
)
def test_a_rule_that_is_not_met_is_told(holds, many, well):
    """
    82 of 96 tries have to hold, and reach at most 1.8 times as far as ten rounds do.
    """
    text, found = report({cell: Tries(1.0, holds, [0.015] * identical.RUNS, many) for cell in CELLS})

    assert well == found
    assert f"Held in {12 * holds} of 96 tries" in text
