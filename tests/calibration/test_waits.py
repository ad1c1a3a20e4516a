"""How far the waits of a round lie from queueing theory."""

from __future__ import annotations

import numpy as np

from bench.calibration import waits

MS = 1_000_000  # nanoseconds


def served(*rows_ms: tuple[float, float, float]) -> np.ndarray:
    """Intended arrival, start and service time of each query."""
    return (np.array(rows_ms) * MS).astype(np.int64)


def test_the_recursion():
    """
    Who arrives while others are served waits for them: 2 ms for one that takes 3, then nothing after a gap.
    """
    intended, service = np.array([0, 1, 9]) * MS, np.array([3, 1, 1]) * MS

    assert [0, 2 * MS, 0] == waits.lindley(intended, service).tolist()


def test_waits_by_the_recursion():
    """
    Waits that are the recursion's have no error.
    """
    assert 0.0 == waits.error_ms([served((0, 0, 3), (1, 3, 1), (9, 9, 1))])


def test_one_late_start_in_a_hundred():
    """
    One start of 200 that is late is no error; where every start is 2 ms late, that is it; the median round counts.
    """
    on_time = [(10.0 * n, 10.0 * n, 1.0) for n in range(199)]
    one_late = served(*on_time, (5000, 5050, 1))
    all_late = served(*((intended, start + 2, service) for intended, start, service in on_time))

    assert 0.0 == waits.error_ms([one_late])
    assert 2.0 == waits.error_ms([one_late, all_late, all_late])


def test_no_rounds():
    """
    Without a round nothing was measured.
    """
    assert waits.error_ms([]) is None
