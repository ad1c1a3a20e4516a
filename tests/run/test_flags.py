"""What is said against a cell's times: that more threads are at work than it says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.records.schema import Loop, StageResult
from bench.run import flags


def results(*loops: Loop) -> SimpleNamespace:
    """What one thread was declared for; a round for each loop of mode `single` in the stage `search`."""
    searches = tuple(StageResult(stage="search", status="ok", loops={"single": loop}) for loop in loops)
    return SimpleNamespace(
        failure=None, facts=dict, cell=SimpleNamespace(threads=1), rounds={"query": (), "search": searches}
    )


class TestThreads:
    @pytest.mark.parametrize(
        ("cpu", "ready", "flagged"), [(1.0, 0.0, False), (1.9, 0.0, True), (0.5, 0.5, False), (1.0, 0.9, True)]
    )
    def test_what_counts(self, cpu, ready, flagged):
        """
        Two threads that share a core with other work are seen by what they waited for it; one that waited is not two.
        """
        loops = [Loop(wall_seconds=1.0, cpu_seconds=cpu, ready_seconds=ready, queries=10) for _ in range(3)]

        found = flags.of_work(results(*loops))

        assert flagged == any(flag.startswith("threads: ") for flag in found)

    def test_waiting_for_a_core_is_no_waiting(self):
        """
        What was ready and had no core waits for nothing else.
        """
        held_up = Loop(wall_seconds=1.0, cpu_seconds=0.4, ready_seconds=0.5, queries=10)
        idle = Loop(wall_seconds=1.0, cpu_seconds=0.1, ready_seconds=0.0, queries=10)

        assert ({}, {"waits": 0.1}) == (flags.waits(results(held_up)), flags.waits(results(idle)))
