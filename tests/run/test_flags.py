"""What is said against a cell's times: that it remembers, and how that shows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.records.schema import Loop, StageResult
from bench.run import flags

NOTHING = (None, None, None)


def results(*loops: Loop) -> SimpleNamespace:
    """What one thread was declared for; a round for each loop of mode `single` in the stage `search`."""
    searches = tuple(StageResult(stage="search", status="ok", loops={"single": loop}) for loop in loops)
    return SimpleNamespace(
        failure=None, facts=dict, cell=SimpleNamespace(threads=1), rounds={"query": (), "search": searches}
    )


class TestRemembers:
    @pytest.mark.parametrize(
        ("ratios", "said"),
        [
            (NOTHING, None),
            (((0.9, 1.3), (0.8, 3.0), (1.0, 2.5)), None),
            (((1.2, 1.3), None, None), "queries that the process has not seen take 1.20 to 1.30 times as long"),
            (((1.0, 1.1), (40.0, 60.0), None), "queries that no process has seen take 40.00 to 60.00 times as long"),
            (((1.0, 1.1), (1.5, 1.9), (500.0, 900.0)), "the first batch takes 500.00 to 900.00 times as long"),
        ],
    )
    def test_what_is_said(self, ratios, said):
        """
        New queries that are slower by a tenth are enough; of few fresh ones, and of one batch, it has to be by far.
        """
        found = flags.of_work(*ratios, results())

        assert [said is not None] == [bool(found)]
        assert all(flag.startswith(f"remembers: {said}") for flag in found)

    def test_what_was_repeated_once(self):
        """
        Where one pass alone is to be compared with, new queries have to be slower by far too.
        """
        ratios = ((1.2, 1.4), (2.1, 3.0))

        found = [flags.of_work(ratio, None, None, results(), repeated=False) for ratio in ratios]

        assert [0, 1] == [len(each) for each in found]


class TestThreads:
    @pytest.mark.parametrize(
        ("cpu", "ready", "flagged"), [(1.0, 0.0, False), (1.9, 0.0, True), (0.5, 0.5, False), (1.0, 0.9, True)]
    )
    def test_what_counts(self, cpu, ready, flagged):
        """
        Two threads that share a core with other work are seen by what they waited for it; one that waited is not two.
        """
        loops = [Loop(wall_seconds=1.0, cpu_seconds=cpu, ready_seconds=ready, queries=10) for _ in range(3)]

        found = flags.of_work(*NOTHING, results(*loops))

        assert flagged == any(flag.startswith("threads: ") for flag in found)

    def test_waiting_for_a_core_is_no_waiting(self):
        """
        What was ready and had no core waits for nothing else.
        """
        held_up = Loop(wall_seconds=1.0, cpu_seconds=0.4, ready_seconds=0.5, queries=10)
        idle = Loop(wall_seconds=1.0, cpu_seconds=0.1, ready_seconds=0.0, queries=10)

        assert ({}, {"waits": 0.1}) == (flags.waits(results(held_up)), flags.waits(results(idle)))
