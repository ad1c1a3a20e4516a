"""Ten of the kills, of which `make kills` draws a hundred, of commands that have less to do."""

from __future__ import annotations

import pytest

from tests.kills.__main__ import OF_TEN, trials
from tests.kills.trials import KINDS, SMALL, draws

SEED = 31


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_kill_costs_what_was_under_way(name, tmp_path):
    """
    Whoever is killed, however and whenever, the same command comes to the same, and does nothing again that was done.
    """
    assert [] == trials(KINDS[name], draws(SEED, OF_TEN[name]), tmp_path, SMALL)
