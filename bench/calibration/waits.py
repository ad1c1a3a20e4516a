"""The waits of queries under load, held to queueing theory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SHARE = 0.99  # of the arrivals, whose waits are held to the recursion: one in a hundred may meet other work


def lindley(intended: NDArray[np.int64], service: NDArray[np.int64]) -> NDArray[np.int64]:
    """
    What each arrival waits for those before it: W[0] = 0, W[n+1] = max(0, W[n] + service[n] - (A[n+1] - A[n])).

    Lindley 1952, "The theory of queues with a single server", solved at once: the wait is how far the sum of service
    less gaps stands above its lowest point so far.
    """
    steps = np.concatenate([[0], np.cumsum(service[:-1] - np.diff(intended))])
    return np.asarray(steps - np.minimum.accumulate(steps), np.int64)


def error_ms(rounds: Sequence[NDArray[np.int64]]) -> float | None:
    """
    Milliseconds within which 99 of 100 waits lie by the recursion: the median over rounds. None without any.

    rounds: each as `bench.instruments.load.open_loop` gives it, nanoseconds.
    """
    found = []
    for served in rounds:
        intended, start, service = served.T
        found.append(np.quantile(np.abs(start - intended - lindley(intended, service)), SHARE) / 1e6)
    return float(np.median(found)) if found else None
