"""
The latency instrument: the clock, the loops, and the percentiles.

`single` is a closed loop, one query after the other: its figures are service times, not latencies under load. Those
are `bench.instruments.load`'s.
"""

from __future__ import annotations

import sys
import time
from array import array  # samples take 8 bytes each: the peak over serving counts them
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.records.schema import Latency
from bench.statistics import bootstrap

Result = TypeVar("Result")

ROUNDS = 3  # a latency of fewer is flagged
WARM_UP_QUERIES = 50
SECONDS_A_ROUND = 1.0  # a round repeats its queries until it has taken at least this long
QUERIES_PER_TAIL = 10  # a percentile p needs 10 / (1 - p) distinct queries
PERCENTILES = (0.50, 0.95, 0.99)


def device_barrier() -> Callable[[], None] | None:
    """
    What waits for the accelerator to finish, where one is in use: a stamp before that times the launch only.

    One that is there and not in use is let be: waiting for it would set it up, and weigh that as the encoder's.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    barrier: Callable[[], None] = torch.cuda.synchronize
    return barrier


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that one call took, and what it gave."""
    start = time.perf_counter()
    result = call()
    barrier = device_barrier()  # asked for now: the call itself may be what first uses the accelerator
    if barrier is not None:
        barrier()
    return time.perf_counter() - start, result


def staged(
    stages: Sequence[Callable[[Any], object]],  # Any: what one stage gives is handed to the next
    n_queries: int,
    seconds: float = SECONDS_A_ROUND,
) -> NDArray[np.int64]:
    """
    Time the stages of every query one after the other, in whole passes, until `seconds` have gone by.

    stages: the first is handed the position of the query, each other one what the one before it gave.
    Returns (n_passes, n_queries, n_stages) int64, nanoseconds.
    """
    barrier = device_barrier()
    clock = time.perf_counter_ns
    samples, passes = array("q"), 0
    begin = clock()
    while passes == 0 or (n_queries and clock() - begin < seconds * 1e9):
        for query in range(n_queries):
            given: object = query
            for stage in stages:
                start = clock()
                given = stage(given)
                if barrier is not None:
                    barrier()
                samples.append(clock() - start)
        passes += 1
    return np.array(samples, np.int64).reshape(passes, n_queries, len(stages))


def single(ask: Callable[[int], object], n_queries: int, seconds: float = SECONDS_A_ROUND) -> NDArray[np.int64]:
    """
    Time every query on its own, in whole passes, until `seconds` have gone by.

    ask: answers the query of that position. Returns (n_passes, n_queries) int64, nanoseconds.
    """
    return staged((ask,), n_queries, seconds)[:, :, 0]


def batch(ask: Callable[[], object], seconds: float = SECONDS_A_ROUND) -> NDArray[np.int64]:
    """Time one batch as it was asked, again and again until `seconds` have gone by: (n_repeats,) int64, nanoseconds."""
    return single(lambda _: ask(), 1, seconds)[:, 0]


def percentile(rounds: Sequence[NDArray[np.int64]], p: float, n_queries: int | None = None) -> float | None:
    """
    The median over rounds of each round's percentile, in milliseconds.

    rounds: each (n_passes, n_queries) nanoseconds. None with fewer than 10 / (1 - p) distinct queries: n_queries, where
    the columns are something else.
    """
    if not rounds or any(samples.size == 0 for samples in rounds):
        return None
    if n_queries is None:
        n_queries = min(samples.shape[1] for samples in rounds)
    if n_queries * (1 - p) < QUERIES_PER_TAIL - 1e-9:
        return None
    return bootstrap.percentile(rounds, p) / 1e6


def summary(
    rounds: Sequence[NDArray[np.int64]],
    cold_ms: Sequence[float | None] = (),
    *,
    n_queries: int | None = None,
    crossed: bool = True,
) -> Latency | None:
    """The percentiles of some rounds of (n_passes, n_queries) nanoseconds with their intervals, in milliseconds."""
    if not rounds:
        return None
    cold = [ms for ms in cold_ms if ms is not None]
    values = [percentile(rounds, p, n_queries) for p in PERCENTILES]
    known = [p for p, value in zip(PERCENTILES, values, strict=True) if value is not None]
    bounds = bootstrap.intervals(rounds, known, crossed=crossed) if known else []
    found = {p: (low / 1e6, high / 1e6) for p, (low, high) in zip(known, bounds, strict=True)}
    p50, p95, p99 = (found.get(p) for p in PERCENTILES)
    return Latency(
        p50=values[0],
        p95=values[1],
        p99=values[2],
        cold=float(np.median(cold)) if cold else None,
        p50_interval=p50,
        p95_interval=p95,
        p99_interval=p99,
    )


def end_to_end(encode: NDArray[np.int64], search: NDArray[np.int64]) -> NDArray[np.int64]:
    """Encode + search, query by query and pass by pass, of two rounds timed apart: (n_passes, n_queries)."""
    passes = min(len(encode), len(search))
    return encode[:passes] + search[:passes]


def throughput(rounds: Sequence[NDArray[np.int64]], n_queries: int) -> float | None:
    """Queries a second in batch: the median over rounds of n_queries / the round's median batch time."""
    if not rounds or n_queries == 0:
        return None
    return float(np.median([n_queries / (np.median(samples) / 1e9) for samples in rounds]))
